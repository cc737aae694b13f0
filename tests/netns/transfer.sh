#!/bin/bash
# A 256 MiB file by HTTP from host-b to host-a, over IPv4 and IPv6 inside: it arrives as it was.
#
#   relay:   host-a ── gateway-a ── relay ── gateway-b ── host-b
#   direct:  host-a ── gateway-a ── gateway-b ── host-b
#
#   transfer.sh relay|direct OVERLAY OUTER [WORKERS]     (topology.sh)
#
# NOISEGATE_TRANSFER_MIB: the size, 256 unless set.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/topology.sh"

begin
"$1_topology" "$2" "$3" "${4:-1}"
start_all

mkdir "$dir/www"
head -c "${NOISEGATE_TRANSFER_MIB:-256}M" /dev/urandom >"$dir/www/file"
want=$(sha256sum <"$dir/www/file")
http_server host-b
for family in 4 6; do
  got=$(fetch host-a "$(host_address b "$family")" | sha256sum)
  [[ $got == "$want" ]] || fail "the file came over IPv$family as $got, not $want"
  say "over IPv$family inside: $(tail -n1 "$dir/curl.log") bytes/s, intact"
done
