#!/bin/bash
# An underlay with a router in it. The gateways answer ARP, neighbour discovery and ping for
# their own addresses, on both sides and through the tunnel.
#
#   host-a ── gateway-a ────────── router ────────── gateway-b ── host-b
#             198.51.100.1  198.51.100.254           203.0.113.2
#             2001:db8::1     2001:db8::fe           2001:db8:1::2
#                            203.0.113.254
#                          2001:db8:1::fe
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/topology.sh"

answers() { on "$1" ping -n -c 1 -W 1 "$2"; }

begin
namespaces host-a gateway-a router gateway-b host-b
link gateway-a:wan0 router:to-a
link gateway-b:wan0 router:to-b
address router to-a 198.51.100.254/24 2001:db8::fe/64
address router to-b 203.0.113.254/24 2001:db8:1::fe/64
on router sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1

sites af_xdp 1
sed -i "s|2001:db8::1/64'\]|&\n    gateway: [198.51.100.254, '2001:db8::fe']|" "$dir/gateway-a.yaml"
sed -i "s|198.51.100.2/24, '2001:db8::2/64'\]|203.0.113.2/24, '2001:db8:1::2/64']\n    gateway: [203.0.113.254, '2001:db8:1::fe']|" \
  "$dir/gateway-b.yaml"
config gateway-a <<END
peers:
  - {name: gateway-b, id: $(key_id gateway-b), endpoint: '203.0.113.2:$kPort', allowed_prefixes: $(prefixes b)}
END
config gateway-b <<END
peers:
  - {name: gateway-a, id: $(key_id gateway-a), endpoint: '[2001:db8::1]:$kPort', allowed_prefixes: $(prefixes a)}
END
start_all

say "gateway-a's sessions: $(ask gateway-a sessions "[(s['local'], s['remote'], s['role']) for s in d]")"
for own in 198.51.100.1 2001:db8::1 203.0.113.2 2001:db8:1::2; do
  await 5 "an echo of $own on the underlay" answers router "$own"
done
for own in 10.1.0.1 fd00:1::1 10.2.0.1 fd00:2::1; do
  await 5 "an echo of $own to its host or through the tunnel" answers host-a "$own"
done
