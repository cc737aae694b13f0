#!/bin/bash
# Ping both ways at 100/s for 150 s, over two rollovers of every session: no packet may be lost.
#
#   relay:   host-a ── gateway-a ── relay ── gateway-b ── host-b    a and b know only the relay
#   direct:  host-a ── gateway-a ── gateway-b ── host-b
#
#   ping_rollover.sh                              all of them, beside each other
#   ping_rollover.sh relay|direct OVERLAY [WORKERS]   one (topology.sh)
#
# NOISEGATE_PING_SECONDS: how long, 150 unless set.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/topology.sh"
seconds=${NOISEGATE_PING_SECONDS:-150}

if [[ $# == 0 ]]; then
  side_by_side "relay tap" "relay af_xdp" "direct tap" "direct af_xdp" "relay tap 2"
fi

begin
"$1_topology" "$2" 4 "${3:-1}"
start_all
gateways="${!pid_of[*]}"
declare -A before=()
for gateway in $gateways; do before[$gateway]=$(rollovers "$gateway"); done

ping_start "a to b" host-a 10.2.0.2 0.01 $((seconds * 100))
ping_start "b to a" host-b fd00:1::2 0.01 $((seconds * 100))
ping_wait "a to b"
ping_wait "b to a"

# A rollover is due every 45 s ± 2 s, with each peer and on each stripe.
expected=$((seconds / 50))
for gateway in $gateways; do
  rolled=$(($(rollovers "$gateway") - before[$gateway]))
  say "$gateway: $rolled rollovers, dropped: $(all_drops "$gateway")"
  claim "rollovers of $gateway" "$rolled >= $expected * ${3:-1}"
done
