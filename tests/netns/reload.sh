#!/bin/bash
# Reload takes a new peer and a changed prefix in and leaves running sessions alone; a bad file changes nothing; SIGTERM
# says goodbye.
#
#   host-a ── gateway-a ──┐          ┌── gateway-b ── host-b (10.22.0.2 too)
#                         ├─ switch ─┤
#                         │          └── gateway-c ── host-c
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/topology.sh"

reload() { "$NOISEGATE" reload --socket "$dir/$1.sock"; }
reaches_from_a() { on host-a ping -n -c 1 -W 1 "$1"; }
with_b() { newest_session gateway-a gateway-b; }
untouched() { [[ $(with_b) == "$before" ]] || fail "$1 replaced the session with gateway-b: $before, $(with_b)"; }
forgot_c() { [[ $(ask gateway-a peers "'gateway-c' in [p['name'] for p in d]") == False ]]; }
no_session() { [[ $(session_ids gateway-b gateway-a) == "[]" ]]; }

begin
direct_topology af_xdp 4
namespaces gateway-c host-c
plug gateway-c
gateway_config gateway-c c
overlay_port c af_xdp
config gateway-c <<END
peers:
  - {name: gateway-a, id: $(key_id gateway-a), endpoint: '$(endpoint a 4)', allowed_prefixes: $(prefixes a)}
END
address host-b lo 10.22.0.2/32
sed -i "s|^peers:|    routes: [{prefix: 10.22.0.0/16, via: 10.2.0.2}]\npeers:|" "$dir/gateway-b.yaml"
start_all
before=$(with_b)
cp "$dir/gateway-a.yaml" "$dir/first"
ping_start "a to b" host-a 10.2.0.2
! reaches_from_a 10.22.0.2 >/dev/null || fail "a prefix is reachable that is not configured"

say "a new peer, a new prefix"
sed -i "s|'fd00:2::/32'\]|'fd00:2::/32', 10.22.0.0/16]|" "$dir/gateway-a.yaml"
config gateway-a <<END
  - {name: gateway-c, id: $(key_id gateway-c), endpoint: '$(endpoint c 4)', allowed_prefixes: $(prefixes c)}
END
reload gateway-a
await 3 "the new prefix" reaches_from_a 10.22.0.2
await 5 "the new peer" reaches_from_a 10.4.0.2
untouched "reload"

say "a bad file"
cp "$dir/gateway-a.yaml" "$dir/good"
sed -i "s|endpoint: '$(endpoint c 4)'|endpoint: nonsense|; s|10.22.0.0/16|10.23.0.0/16|" "$dir/gateway-a.yaml"
! reload gateway-a >"$dir/reload.log" 2>&1 || fail "a bad file was taken"
grep -q endpoint "$dir/reload.log" || fail "reload does not name the bad key"
kill -HUP "${pid_of[gateway-a]}"
sleep 0.5
reaches_from_a 10.22.0.2 >/dev/null || fail "a bad file took a prefix away"
reaches_from_a 10.4.0.2 >/dev/null || fail "a bad file took a peer away"
untouched "a bad file"

say "the first file again, by SIGHUP"
cp "$dir/first" "$dir/gateway-a.yaml"
kill -HUP "${pid_of[gateway-a]}"
await 3 "gateway-c to be gone" forgot_c
! reaches_from_a 10.4.0.2 >/dev/null || fail "a removed peer is reachable"
! reaches_from_a 10.22.0.2 >/dev/null || fail "a removed prefix is reachable"
untouched "SIGHUP"
ping_end "a to b"

say "goodbye"
start=$(now)
stop gateway-a TERM
claim "gateway-a leaves within a second" "$(now) - $start < 1"
await 1 "gateway-b to drop the session" no_session
