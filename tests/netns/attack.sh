#!/bin/bash
# Hostile datagrams with forged sources at 10,000 a second against a running tunnel: no ping is lost, no session is
# replaced before its time, and every packet is counted under its reason.
#
#   host-a ── gateway-a ──┐          ┌── gateway-b ── host-b
#                         ├─ switch ─┤
#                         └─ attacker (attack.py)
#
# NOISEGATE_ATTACK_SECONDS: how long each kind lasts, 10 unless set.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/topology.sh"
seconds=${NOISEGATE_ATTACK_SECONDS:-10}

# attack "KIND OPTION…" VICTIM FROM "REASON…" [SECONDS]: and nine in ten packets must be found under these reasons.
# (AF_XDP may lose some before the gateway sees them, on a machine with few cores.)
attack() {
  local what=$1 victim=$2 from=$3 reasons=$4 seconds=${5:-$seconds} counted start options
  read -ra options <<<"$what"
  show "$victim" sessions >"$dir/sessions-before"
  counted=$(drops "$victim" "$reasons")
  start=$(now)
  on attacker python3 "$here/attack.py" "${options[@]}" --interface wan0 --seconds "$seconds" \
    --mac "$(mac "$victim" wan0)" --to "$(endpoint "${victim#gateway-}" 4)" --from "$from" \
    >"$dir/attack.out"
  sleep 0.5
  counted=$(($(drops "$victim" "$reasons") - counted))
  show "$victim" sessions >"$dir/sessions-after"
  say "$what on $victim from $from: $counted counted of $(cat "$dir/attack.out")"
  claim "$what counted as $reasons" "$counted >= 0.9 * 10000 * $seconds"
  python3 - "$dir/sessions-before" "$dir/sessions-after" "$(calc "$(now) - $start")" <<'END' ||
import json, sys
before, after = (json.load(open(name))["sessions"] for name in sys.argv[1:3])
elapsed = float(sys.argv[3])
due = {s["id"] for s in before if s["age_seconds"] + elapsed > 42.5}  # renewed at 45 s ± 2 s
gone = {s["id"] for s in before} - {s["id"] for s in after}
new = {s["id"] for s in after} - {s["id"] for s in before}
if gone - due or (new and not due):
    sys.exit(f"sessions before {before}, after {after}")
END
    fail "$what replaced a session"
}

begin
direct_topology af_xdp 4
namespaces attacker
plug attacker
capture switch gateway-a handshake.pcap udp port "$kPort"
start_all
capture_end

ping_start "a to b" host-a 10.2.0.2
ping_start "b to a" host-b fd00:1::2
a=$(endpoint a 4)
b=$(endpoint b 4)
limited="init_limited unexpected_handshake bad_handshake punt_limited"
# What the other end of the tunnel gets after one of them has had it for the whole time.
shorter=$(((seconds + 2) / 3))

capture switch gateway-a messages.pcap udp dst port "$kPort" and dst host 198.51.100.1
sleep 2
capture_end
attack "replay --capture $dir/messages.pcap" gateway-a "$b" "replayed"
attack "replay --capture $dir/handshake.pcap" gateway-a "$b" "replayed bad_tag no_session $limited"
attack bare-nack gateway-a "$b" bare_close
attack bare-nack gateway-b "$a" bare_close "$shorter"
attack init gateway-a "$b" "$limited"
attack init gateway-b any "$limited" "$shorter"
attack handshake gateway-a "$b" "$limited"
attack handshake gateway-b "$a" "$limited" "$shorter"
attack message gateway-a "$b" "bad_tag no_session replayed"
attack message gateway-b any no_session "$shorter"
attack noise gateway-a "$b" "bad_tag no_session truncated malformed $limited"
attack truncated gateway-a "$b" truncated
attack lying gateway-a "$b" malformed
attack oversized gateway-a "$b" fragment

ping_end "a to b"
ping_end "b to a"
