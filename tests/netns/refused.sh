#!/bin/bash
# Who is refused, and that `show` says why.
#
#   host-a ── gateway-a ──┐          ┌── gateway-b ── host-b
#                         ├─ switch ─┤
#                relay ───┘          ├── gateway-c    its key is in no config of the relay
#                                    └── gateway-d    sits where the relay expects "gateway-e"
#
# The relay knows gateway-a, gateway-b, gateway-d and gateway-e, and lets others reach gateway-d only.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/topology.sh"

# refused NAME REASON: it was counted, and the table for people names it.
refused() {
  await 10 "$1 to count $2" counted "$1" "$2"
  "$NOISEGATE" show drops --socket "$dir/$1.sock" | grep -q "$2" || fail "show drops does not name $2"
  say "$1 refused: $2, $(drops "$1" "$2")"
}
counted() { (($(drops "$1" "$2") > 0)); }
peer_of_relay() { ask relay peers "[p['$2'] for p in d if p['name'] == '$1'][0]"; }
is_up() { [[ $(peer_of_relay "$1" state) == up ]]; }

begin
relay_topology af_xdp 4
namespaces gateway-c host-c gateway-d host-d
plug gateway-c gateway-d
key gateway-e
for site in c d; do
  gateway_config gateway-$site $site
  overlay_port $site af_xdp
  config gateway-$site <<END
peers:
  - {name: relay, id: $(key_id relay), allowed_prefixes: [0.0.0.0/0]}
END
done
sed -i "s/name: relay, id/name: relay, endpoint: '$(endpoint relay 4)', id/" "$dir/gateway-c.yaml"
sed -i "s/relay_to: .*}/relay_to: [gateway-d]}/" "$dir/relay.yaml"
config relay <<END
  - {name: gateway-d, id: $(key_id gateway-d), allowed_prefixes: $(prefixes d)}
  - {name: gateway-e, id: $(key_id gateway-e), endpoint: '$(endpoint d 4)', allowed_prefixes: [10.6.0.0/16]}
END
for gateway in relay gateway-a gateway-b gateway-c gateway-d; do start $gateway; done
await 15 "gateway-a to reach the relay" is_up gateway-a
await 15 "gateway-b to reach the relay" is_up gateway-b

refused relay unknown_peer     # gateway-c, which dials
refused relay wrong_peer       # gateway-d, which is dialled and answers with its own key
say "gateway-e: $(peer_of_relay gateway-e last_failure)"
[[ $(peer_of_relay gateway-e last_failure) != None ]] || fail "show peers does not say why gateway-e failed"
! is_up gateway-e || fail "gateway-e is up"

on host-a ping -n -c 3 -i 0.2 -W 1 10.2.0.2 >/dev/null && fail "the relay let host-a reach host-b"
refused relay relay_denied

address host-a eth0 10.99.0.2/32
on host-a ping -n -c 3 -i 0.2 -W 1 -I 10.99.0.2 10.2.0.2 >/dev/null && fail "a forged inner source passed"
refused relay inner_source

[[ $(ask gateway-c overview 'd["sessions"]') == 0 ]] || fail "the stranger has a session"
