#!/bin/bash
#
# The demo over real interfaces, in network namespaces; scripts/demo.sh runs it.
#
#   host-a ── gateway-a ──┐           ┌── gateway-b ── host-b
#                         ├── switch ─┤                          a and b know only the relay
#                         └── relay ──┘
#
# usage: NOISEGATE=PROGRAM scripts/netns-demo.sh
#
# The underlay is AF_XDP on veth; a's host is behind a tap, b's behind AF_XDP. Everything is removed at the end.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
if [[ $# != 0 ]]; then
  sed -n '3,/^[^#]/{s/^# \{0,1\}//p;}' "$0"
  [[ $1 == -h || $1 == --help ]]
  exit
fi
# shellcheck source=../tests/netns/lib.sh
. "$root/tests/netns/lib.sh"
# shellcheck source=../tests/netns/topology.sh
. "$root/tests/netns/topology.sh"

readonly kPings=300
readonly kMiB=64

begin
say "three gateways and two hosts, each in a namespace of its own"
relay_topology mixed 4
start_all
say "host-a and host-b reach each other through the relay, over IPv4 and IPv6"

say "$kPings pings from host-a to host-b, 100 a second"
on host-a ping -n -q -i 0.01 -c "$kPings" 10.2.0.2 | tee "$dir/ping.out" | tail -n 2
grep -q " $kPings received, 0% packet loss" "$dir/ping.out" || fail "pings were lost"

say "a file of $kMiB MiB by HTTP, from host-b to host-a over IPv6"
mkdir "$dir/www"
dd if=/dev/urandom of="$dir/www/file" bs=1M count="$kMiB" status=none
http_server host-b
began=$(now)
got=$(fetch host-a fd00:2::2 file | sha256sum)
took=$(calc "$(now) - $began")
[[ $got == "$(sha256sum <"$dir/www/file")" ]] || fail "the file did not arrive as it was sent"
say "it arrived intact, $(calc "round($kMiB * 8 * 1.048576 / $took)") Mbit/s"

for what in overview peers drops; do
  printf '\n$ noisegate show %s        # on the relay\n' "$what"
  "$NOISEGATE" show "$what" --socket "$dir/relay.sock"
done
