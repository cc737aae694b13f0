# shellcheck shell=bash disable=SC2154
# The topologies that most tests stand on: two sites with a host each, and between them either nothing but the
# underlay, or a relay which is all that the two gateways know.
#
#   direct:  host-a ── gateway-a ──┐          ┌── gateway-b ── host-b
#                                  └─ switch ─┘
#   relay:   host-a ── gateway-a ──┐          ┌── gateway-b ── host-b
#                                  ├─ switch ─┤
#                                  └─ relay ──┘
#
#   host-a     10.1.0.2       fd00:1::2    default route to gateway-a (10.1.0.1, fd00:1::1); b likewise with 2
#   gateway-a  198.51.100.1   2001:db8::1  on the underlay
#   gateway-b  198.51.100.2   2001:db8::2
#   relay      198.51.100.3   2001:db8::3
#
# Overlay af_xdp: the gateway itself is the host's router. Overlay tap: the host's router is the kernel of the
# gateway's namespace, which has the gateway behind its interface ng0.
#
#   direct_topology OVERLAY OUTER [WORKERS]
#   relay_topology OVERLAY OUTER [WORKERS]
#
# OVERLAY: tap, af_xdp, or mixed (a has tap, b has af_xdp). OUTER: 4 or 6. Gateways and keys are made, configs
# written, nothing is started. `clamp_mss=true` beforehand turns that on.

readonly kPort=4242
declare -A number=([a]=1 [b]=2 [relay]=3 [c]=4 [d]=5)

# endpoint SITE OUTER: of the gateway of a site, or of the relay.
endpoint() {
  if [[ $2 == 4 ]]; then echo "198.51.100.${number[$1]}:$kPort"; else echo "[2001:db8::${number[$1]}]:$kPort"; fi
}

# prefixes SITE: all that is behind its gateway.
prefixes() { echo "[10.${number[$1]}.0.0/16, 'fd00:${number[$1]}::/32']"; }

host_address() {  # host_address SITE FAMILY
  if [[ $2 == 4 ]]; then echo "10.${number[$1]}.0.2"; else echo "fd00:${number[$1]}::2"; fi
}

# gateway_config NAME SITE [WORKERS [DEVICE]]: what every config begins with, down to the underlay port.
gateway_config() {
  key "$1"
  local device=${4:-}
  if [[ -z $device ]]; then
    device='{af_xdp: wan0}'
    quiet "$1" wan0
  fi
  config "$1" <<END
gateway:
  name: $1
  identity: $1.pem
  workers: ${3:-1}
  hugepages: false
  memory_mib: 128
  mbufs: 16384
  max_peers: 16
  max_sessions: 256
  clamp_mss: ${clamp_mss:-false}
admin:
  socket: $dir/$1.sock
logging:
  level: debug
ports:
  - name: wan
    side: underlay
    device: $device
    addresses: [198.51.100.${number[$2]}/24, '2001:db8::${number[$2]}/64']
END
}

# An interface that a gateway takes over: the kernel has nothing to say on it.
quiet() { on "$1" sysctl -qw "net.ipv6.conf.$2.disable_ipv6=1"; }

# overlay_port SITE DEVICE: goes on with the config of gateway-SITE, links its host, and routes it there.
overlay_port() {
  local n=${number[$1]} host=host-$1 gateway=gateway-$1
  link "$host:eth0" "$gateway:lan0"
  address "$host" eth0 "10.$n.0.2/24" "fd00:$n::2/64"
  if [[ $2 == af_xdp ]]; then
    quiet "$gateway" lan0
    config "$gateway" <<END
  - name: lan
    side: overlay
    device: {af_xdp: lan0}
    addresses: [10.$n.0.1/24, 'fd00:$n::1/64']
END
  else
    address "$gateway" lan0 "10.$n.0.1/24" "fd00:$n::1/64"
    on "$gateway" sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
    config "$gateway" <<END
  - name: lan
    side: overlay
    device: {tap: ng0}
    addresses: [10.$n.1.1/30, 'fd00:$n:1::1/64']
    host_addresses: [10.$n.1.2/30, 'fd00:$n:1::2/64']
    routes:
      - {prefix: 10.$n.0.0/24, via: 10.$n.1.2}
      - {prefix: 'fd00:$n::/64', via: 'fd00:$n:1::2'}
END
  fi
  ip -n "$(ns "$host")" route add default via "10.$n.0.1"
  ip -n "$(ns "$host")" route add default via "fd00:$n::1"
}

sites() {  # sites OVERLAY WORKERS
  local on_a=$1 on_b=$1
  [[ $1 != mixed ]] || { on_a=tap; on_b=af_xdp; }
  gateway_config gateway-a a "$2"
  overlay_port a "$on_a"
  gateway_config gateway-b b "$2"
  overlay_port b "$on_b"
}

direct_topology() {
  local overlay=$1 outer=$2 workers=${3:-1}
  namespaces host-a gateway-a gateway-b host-b
  switch gateway-a gateway-b
  sites "$overlay" "$workers"
  config gateway-a <<END
peers:
  - {name: gateway-b, id: $(key_id gateway-b), endpoint: '$(endpoint b "$outer")', allowed_prefixes: $(prefixes b)}
END
  config gateway-b <<END
peers:
  - {name: gateway-a, id: $(key_id gateway-a), endpoint: '$(endpoint a "$outer")', allowed_prefixes: $(prefixes a)}
END
}

relay_topology() {
  local overlay=$1 outer=$2 workers=${3:-1}
  namespaces host-a gateway-a relay gateway-b host-b
  switch gateway-a relay gateway-b
  sites "$overlay" "$workers"
  gateway_config relay relay "$workers"
  config relay <<END
peers:
  - {name: gateway-a, id: $(key_id gateway-a), allowed_prefixes: $(prefixes a), relay_to: [gateway-b]}
  - {name: gateway-b, id: $(key_id gateway-b), allowed_prefixes: $(prefixes b), relay_to: [gateway-a]}
END
  config gateway-a <<END
peers:
  - {name: relay, id: $(key_id relay), endpoint: '$(endpoint relay "$outer")', allowed_prefixes: $(prefixes b)}
END
  config gateway-b <<END
peers:
  - {name: relay, id: $(key_id relay), endpoint: '$(endpoint relay "$outer")', allowed_prefixes: $(prefixes a)}
END
}

# start_all: every gateway that has a config; returns when the hosts reach each other, both ways, both families.
start_all() {
  local file family
  for file in "$dir"/*.yaml; do start "$(basename "$file" .yaml)"; done
  for family in 4 6; do
    await 15 "host-a to reach host-b over IPv$family" reaches a b "$family"
    await 15 "host-b to reach host-a over IPv$family" reaches b a "$family"
  done
}

reaches() { on "host-$1" ping -n -c 1 -W 1 "$(host_address "$2" "$3")"; }
