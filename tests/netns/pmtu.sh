#!/bin/bash
# With 1,500 bytes outside, 1,452 fit inside over IPv4 and 1,432 over IPv6. Who sends more with DF is told so, and TCP
# gets through: by path MTU discovery alone, and by clamp_mss from the first segment on.
#
#   host-a ── gateway-a ── gateway-b ── host-b     every interface has an MTU of 1,500
#
#   pmtu.sh                     all of them, beside each other
#   pmtu.sh OVERLAY OUTER       one (topology.sh)
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/topology.sh"

[[ $# != 0 ]] || side_by_side "af_xdp 4" "af_xdp 6" "tap 4" "tap 6"

# told FAMILY: host-a sends 1,500 bytes and learns what fits.
told() {
  on host-a ping "-$1" -n -M "do" -s $((1500 - ($1 == 4 ? 28 : 48))) -c 2 -i 0.2 -W 1 \
    "$(host_address b "$1")" >>"$dir/ping-big.log" 2>&1 || true
  on host-a ip "-$1" route get "$(host_address b "$1")" | grep -q "mtu $fits "
}
begin
direct_topology "$1" "$2"
# A tap's own MTU serves all underlay addresses, so the smaller of the two.
fits=$([[ $2 == 4 && $1 == af_xdp ]] && echo 1452 || echo 1432)
start_all
mkdir "$dir/www"
head -c 16M /dev/urandom >"$dir/www/file"
want=$(sha256sum <"$dir/www/file")
http_server host-b

for family in 4 6; do
  [[ $(fetch host-a "$(host_address b $family)" file | sha256sum) == "$want" ]] ||
    fail "TCP over IPv$family stalled: $(tail -n1 "$dir/curl.log")"
  say "TCP over IPv$family inside: $(tail -n1 "$dir/curl.log") bytes/s"
  await 10 "host-a to be told that $fits bytes fit over IPv$family" told "$family"
  on host-a ping "-$family" -n -M "do" -s $((fits - (family == 4 ? 28 : 48))) -c 3 -i 0.2 -W 1 \
    "$(host_address b $family)" >/dev/null || fail "$fits bytes over IPv$family do not fit"
done

for gateway in gateway-a gateway-b; do
  stop $gateway
  sed -i 's/clamp_mss: false/clamp_mss: true/' "$dir/$gateway.yaml"
done
start_all
for family in 4 6; do
  capture host-a eth0 "$family.pcap" tcp port 8000
  fetch host-a "$(host_address b $family)" file >/dev/null || fail "TCP stalled with clamp_mss"
  capture_end
  # What host-a receives: the SYN-ACK, whose MSS both gateways have seen.
  mss=$(tcpdump -n -r "$dir/$family.pcap" src port 8000 2>/dev/null | grep -o 'mss [0-9]*' | grep -o '[0-9]*')
  say "with clamp_mss, SYN-ACK over IPv$family: $mss"
  claim "MSS over IPv$family" "$mss <= $fits - (40 if $family == 4 else 60)"
done
