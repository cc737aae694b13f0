#!/bin/bash
# An underlay whose frames carry VLAN 7: the gateways talk in tagged frames only, and to nobody without a tag.
#
#   host-a ── gateway-a ──┐          ┌── gateway-b ── host-b
#                         └─ switch ─┘
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/topology.sh"

begin
direct_topology af_xdp 4
namespaces outsider
plug outsider
address outsider wan0 198.51.100.66/24
for site in a b; do
  # A tag must stay in the frame: AF_XDP does not see one that the kernel keeps beside it.
  on "gateway-$site" ethtool -K wan0 rxvlan off txvlan off >/dev/null
  on switch ethtool -K "gateway-$site" rxvlan off txvlan off >/dev/null
  sed -i "s|device: {af_xdp: wan0}|&\n    vlan: 7|" "$dir/gateway-$site.yaml"
done
capture switch gateway-a wire.pcap
start_all
! on outsider ping -n -c 2 -i 0.2 -W 1 198.51.100.1 >/dev/null || fail "an untagged ping was answered"
capture_end

frames() { tcpdump -n -r "$dir/wire.pcap" "$@" 2>/dev/null | wc -l; }
tagged=$(frames vlan 7 and udp port "$kPort")
plain=$(frames udp port "$kPort")
say "$tagged datagrams in frames with the tag, $plain without"
claim "all datagrams are tagged" "$tagged > 10 and $plain == 0"
