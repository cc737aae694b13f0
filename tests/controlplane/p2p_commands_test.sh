#!/usr/bin/env bash
# Two terminals replay a libp2p connection from TCP to echo: one listens, the other dials.
#
#   p2p_commands_test.sh NOISEGATE    the program to test
set -euo pipefail

noisegate=$1
dir=$(mktemp -d)
listeners=()
cleanup() {
  for listener in "${listeners[@]}"; do kill "$listener" 2>/dev/null || true; done
  rm -rf "$dir"
}
trap cleanup EXIT

fail() {
  echo "FAIL: $*" >&2
  exit 1
}
expect_equal() { [ "$1" = "$2" ] || fail "$3: got '$1', want '$2'"; }

# start_listener NAME ARGUMENTS…: its process id in $listener, its address in $address.
start_listener() {
  local name=$1
  shift
  "$noisegate" p2p listen "$@" >"$dir/$name" 2>"$dir/$name.err" &
  listener=$!
  listeners+=("$listener")
  for _ in $(seq 200); do
    address=$(sed -n 's/^LISTEN //p' "$dir/$name" | head -n 1)
    [ -z "$address" ] || return 0
    kill -0 "$listener" 2>/dev/null || fail "p2p listen: $(cat "$dir/$name.err")"
    sleep 0.05
  done
  fail "p2p listen printed no address"
}
# dial WANT ARGUMENTS…: must leave with WANT; what it printed is in $dir/out and $dir/err.
dial() {
  local want=$1 got=0
  shift
  "$noisegate" p2p dial "$@" >"$dir/out" 2>"$dir/err" || got=$?
  expect_equal "$got" "$want" "exit code of: p2p dial $* ($(cat "$dir/out" "$dir/err"))"
}
# The first words of what was printed, in order.
expect_phases() { expect_equal "$(awk '{print $1}' "$dir/out" | tr '\n' ' ')" "$1 " "phases"; }
expect_in() { grep -q -- "$2" "$dir/$1" || fail "'$(cat "$dir/$1")' does not say '$2'"; }

"$noisegate" keygen --out "$dir/key.pem" >/dev/null
id=$("$noisegate" id --libp2p "$dir/key.pem")
other=$("$noisegate" id --libp2p <("$noisegate" keygen --out "$dir/other.pem" >/dev/null; openssl pkey -in "$dir/other.pem" -pubout))

# --- each protocol ---

start_listener first /ip4/127.0.0.1/tcp/0 --key "$dir/key.pem"
first=$listener direct=$address
[[ $direct =~ ^/ip4/127\.0\.0\.1/tcp/[0-9]+/p2p/$id$ ]] || fail "LISTEN $direct"

dial 0 "$direct" ping --count 2
expect_phases "tcp negotiation handshake muxer stream ping ping"
expect_in out "^tcp  *${direct%/p2p/*}, [0-9.]* ms$"
expect_in out '^negotiation  */noise, [0-9.]* ms$'
expect_in out "^handshake  *$id, [0-9.]* ms$"
expect_in out '^muxer  */yamux/1\.0\.0, agreed in the handshake, [0-9.]* ms$'
expect_in out '^stream  */ipfs/ping/1\.0\.0, [0-9.]* ms$'

dial 0 "$direct" echo --size 300000 --streams 3
expect_phases "tcp negotiation handshake muxer sha256 echo"
expect_in out '^echo  *900000 bytes on 3 streams'
dial 0 "$direct" echo --size 1024 --requests 10
expect_phases "tcp negotiation handshake muxer stream requests"
dial 0 "$direct" perf --upload 1000000 --download 2000000
expect_in out '^perf  *up 1000000 bytes,.*down 2000000 bytes'
dial 0 "$direct" id --key "$dir/other.pem"
expect_in out '^agent  *noisegate/'
expect_in out "^listens on  *${direct%/p2p/*}$"
expect_in out '^speaks  */ipfs/ping/1\.0\.0$'
expect_in out '^record  *signed$'
# Whoever is there, where the address names nobody.
dial 0 "${direct%/p2p/*}" ping

# --- what must fail, and says why in one line ---

dial 1 "${direct%/p2p/*}/p2p/$other" ping
expect_phases "tcp negotiation"
expect_in err "^noisegate: handshake: .*expected $other, found $id$"
expect_equal "$(wc -l <"$dir/err")" 1 "lines on standard error"
dial 1 "$direct" ping --key "$dir/key.pem"
expect_in err 'our own identity'
dial 1 /ip4/127.0.0.1/tcp/1 ping
expect_in err '^noisegate: connect: '
dial 1 /ip4/127.0.0.1/udp/1/quic-v1 ping
expect_in err 'cannot be dialled'
dial 1 "$direct/p2p-circuit/p2p/$other" ping
expect_in err 'the peer does not speak /libp2p/circuit/relay/0.2.0/hop'
dial 2 "$direct" telnet
if "$noisegate" p2p listen "${direct%/p2p/*}" 2>"$dir/err"; then fail "the port is taken"; fi
expect_in err "^noisegate: listen on ${direct%/p2p/*}: "

# --- through a relay ---

start_listener relay /ip4/127.0.0.1/tcp/0 --relay --relay-bytes 0
relay=$listener relay_address=$address
start_listener behind "$relay_address/p2p-circuit" --key "$dir/other.pem"
behind=$listener
expect_equal "$address" "$relay_address/p2p-circuit/p2p/$other" "LISTEN behind a relay"
dial 0 "$address" echo --size 300000
expect_phases "tcp negotiation handshake muxer relay negotiation handshake muxer sha256 echo"
dial 1 "$relay_address/p2p-circuit/p2p/$id" ping
expect_in err 'NO_RESERVATION (204)'

# --- the end ---

for listener in "$behind" "$relay" "$first"; do
  code=0
  kill -TERM "$listener"
  wait "$listener" || code=$?
  expect_equal "$code" 0 "exit code of p2p listen after SIGTERM"
done
listeners=()
dial 1 "$direct" ping

echo "PASS"
