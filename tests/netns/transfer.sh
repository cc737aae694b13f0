#!/bin/bash
# A 256 MiB file by HTTP from host-b to host-a, over IPv4 and IPv6 inside: it arrives as it was.
#
#   relay:   host-a ── gateway-a ── relay ── gateway-b ── host-b
#   direct:  host-a ── gateway-a ── gateway-b ── host-b
#
#   transfer.sh relay|direct OVERLAY OUTER [WORKERS]     (topology.sh)
#
# With more than one worker it comes in 16 parts at the same time, so that every worker gets some of the flows.
#
# NOISEGATE_TRANSFER_MIB: the size, 256 unless set.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/topology.sh"
workers=${4:-1}

# In order, whichever came first.
fetch_parts() {
  local part parts=() pids=()
  mkdir -p "$dir/got"
  for part in "$dir"/www/part-*; do
    part=${part##*/}
    fetch host-a "$1" "$part" >"$dir/got/$part" &
    pids+=($!)
    parts+=("$dir/got/$part")
  done
  wait "${pids[@]}"
  cat "${parts[@]}"
}

begin
"$1_topology" "$2" "$3" "$workers"
start_all

mkdir "$dir/www"
head -c "${NOISEGATE_TRANSFER_MIB:-256}M" /dev/urandom >"$dir/www/file"
want=$(sha256sum <"$dir/www/file")
[[ $workers == 1 ]] || split -n 16 "$dir/www/file" "$dir/www/part-"
http_server host-b
for family in 4 6; do
  from=$(host_address b "$family")
  start=$(now)
  if [[ $workers == 1 ]]; then
    got=$(fetch host-a "$from" file | sha256sum)
  else
    got=$(fetch_parts "$from" | sha256sum)
  fi
  [[ $got == "$want" ]] || fail "the file came over IPv$family as $got, not $want"
  say "over IPv$family inside: intact, in $(calc "round($(now) - $start, 1)") s"
done
for gateway in "${!pid_of[@]}"; do
  sealed=$(ask "$gateway" workers "[w['sealed'] for w in d]")
  say "$gateway sealed $sealed, dropped $(all_drops "$gateway")"
  claim "every worker of $gateway had its share" "min($sealed) > 1000"
done
