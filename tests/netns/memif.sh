#!/bin/bash
# Two gateways joined by shared memory: the underlay is a memif, whose server end makes the socket that the client end
# must find.
#
#   kernel ── ng0 ── gateway-a ══ memif ══ gateway-b ── ng0 ── kernel
#   10.1.0.2  10.1.0.1  198.51.100.1   198.51.100.2  10.2.0.1  10.2.0.2
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/topology.sh"

begin
namespaces gateway-a gateway-b
declare -A role=([a]=server [b]=client)
for site in a b; do
  n=${number[$site]}
  gateway_config "gateway-$site" "$site" 1 "{memif: $dir/memif.sock, args: 'role=${role[$site]},id=0'}"
  config "gateway-$site" <<END
  - name: lan
    side: overlay
    device: {tap: ng0}
    addresses: [10.$n.0.1/24]
    host_addresses: [10.$n.0.2/24]
peers:
END
done
config gateway-a <<END
  - {name: gateway-b, id: $(key_id gateway-b), endpoint: '$(endpoint b 4)', allowed_prefixes: [10.2.0.0/24]}
END
config gateway-b <<END
  - {name: gateway-a, id: $(key_id gateway-a), endpoint: '$(endpoint a 6)', allowed_prefixes: [10.1.0.0/24]}
END
start gateway-a
await 10 "the server end to make its socket" test -S "$dir/memif.sock"
start gateway-b

reaches_b() { on gateway-a ping -n -c 1 -W 1 10.2.0.2; }
await 10 "an echo through the memif" reaches_b
ping_start "through the memif" gateway-a 10.2.0.2 0.005 200
ping_wait "through the memif"
say "ports of gateway-a: $(ask gateway-a ports '[(p["name"], p["driver"], p["link_up"]) for p in d]')"

mkdir "$dir/www"
head -c 16M /dev/urandom >"$dir/www/file"
want=$(sha256sum <"$dir/www/file")
http_server gateway-b
[[ $(fetch gateway-a 10.2.0.2 file | sha256sum) == "$want" ]] || fail "the file came damaged"
say "16 MiB intact: $(tail -n1 "$dir/curl.log") bytes/s"

stop gateway-a KILL
start gateway-a  # in spite of the socket that it has left behind
await 10 "the server end to come back" show gateway-a overview
stop gateway-b
start gateway-b
await 10 "an echo after both ends came back" reaches_b
