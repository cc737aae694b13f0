#!/usr/bin/env bash
# The commands that need no config and no privileges, as a person would use them.
#
#   commands_test.sh NOISEGATE    the program to test
set -euo pipefail

noisegate=$1
dir=$(mktemp -d)
listener=
cleanup() {
  [ -z "$listener" ] || kill "$listener" 2>/dev/null || true
  rm -rf "$dir"
}
trap cleanup EXIT

fail() {
  echo "FAIL: $*" >&2
  exit 1
}
expect_equal() { [ "$1" = "$2" ] || fail "$3: got '$1', want '$2'"; }
# expect_exit CODE COMMAND…: the exit code; standard error goes to $dir/err.
expect_exit() {
  local want=$1 got=0
  shift
  "$@" >"$dir/out" 2>"$dir/err" || got=$?
  expect_equal "$got" "$want" "exit code of: $*"
}
expect_one_line_error() {
  expect_equal "$(wc -l <"$dir/err")" 1 "lines on standard error"
  grep -q -- "$1" "$dir/err" || fail "'$(cat "$dir/err")' does not say '$1'"
}

# start_listener ARGUMENTS…: sets $listener, and $address to its first one.
start_listener() {
  "$noisegate" listen "$@" >"$dir/listen" 2>"$dir/listen.err" &
  listener=$!
  for _ in $(seq 100); do
    address=$(sed -n 's/^LISTEN //p' "$dir/listen" | head -n 1)
    [ -z "$address" ] || return 0
    kill -0 "$listener" 2>/dev/null || fail "listen: $(cat "$dir/listen.err")"
    sleep 0.05
  done
  fail "listen printed no address"
}
# stop_listener [SIGNAL]: it must leave with 0 and soon, also on a machine with much else to do.
stop_listener() {
  local before code=0
  before=$(date +%s%N)
  kill "-${1:-TERM}" "$listener"
  wait "$listener" || code=$?
  listener=
  expect_equal "$code" 0 "exit code of listen after a signal"
  [ $(($(date +%s%N) - before)) -lt 5000000000 ] || fail "listen took 5 s to leave"
}

# --- keygen and id ---

for type in ed25519 p256 rsa2048; do
  id=$("$noisegate" keygen --type "$type" --out "$dir/$type.pem")
  [[ $id =~ ^[A-Za-z0-9_-]{43}$ ]] || fail "keygen printed '$id'"
  expect_equal "$(stat -c %a "$dir/$type.pem")" 600 "mode of a $type key"
  head -n 1 "$dir/$type.pem" | grep -q -- '-----BEGIN PRIVATE KEY-----' || fail "$type: no PKCS#8 PEM"
  expect_equal "$("$noisegate" id --noiseswarm "$dir/$type.pem")" "$id" "id of a private $type key"
  openssl pkey -in "$dir/$type.pem" -pubout -out "$dir/$type.pub"
  expect_equal "$("$noisegate" id --noiseswarm "$dir/$type.pub")" "$id" "id of a public $type key"
  libp2p_id=$("$noisegate" id --libp2p "$dir/$type.pub")
  case $type in ed25519) want=^12D3KooW ;; *) want=^Qm ;; esac
  [[ $libp2p_id =~ $want ]] || fail "libp2p id '$libp2p_id' of a $type key"
  expect_equal "$("$noisegate" id "$dir/$type.pem")" "$id"$'\n'"$libp2p_id" "both ids of a $type key"
done
# Only libp2p knows these.
id=$("$noisegate" keygen --type secp256k1 --out "$dir/secp256k1.pem")
[[ $id =~ ^16Uiu2HA ]] || fail "keygen printed '$id'"
expect_equal "$("$noisegate" id "$dir/secp256k1.pem")" "$id" "id of a secp256k1 key"
expect_exit 1 "$noisegate" id --noiseswarm "$dir/secp256k1.pem"
expect_one_line_error "only libp2p"
expect_exit 1 "$noisegate" listen 127.0.0.1:0 --key "$dir/secp256k1.pem"
expect_one_line_error "only libp2p"
expect_exit 2 "$noisegate" id --noiseswarm --libp2p "$dir/ed25519.pem"
expect_equal "$("$noisegate" keygen --out "$dir/default.pem" | wc -c)" 44 "keygen without a type"
openssl pkey -in "$dir/default.pem" -noout -text | grep -q ED25519 || fail "the default is Ed25519"

before=$(sha256sum "$dir/ed25519.pem")
expect_exit 1 "$noisegate" keygen --out "$dir/ed25519.pem"
expect_one_line_error "$dir/ed25519.pem"
expect_equal "$(sha256sum "$dir/ed25519.pem")" "$before" "keygen must not overwrite"
expect_exit 1 "$noisegate" keygen --out "$dir/no/such/directory.pem"
expect_one_line_error directory.pem

expect_exit 1 "$noisegate" id "$dir/missing.pem"
expect_one_line_error missing.pem
printf -- '-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n' >"$dir/bad.pub"
expect_exit 1 "$noisegate" id "$dir/bad.pub"
expect_one_line_error bad.pub
cp "$dir/ed25519.pem" "$dir/open.pem" && chmod 644 "$dir/open.pem"
expect_exit 1 "$noisegate" id "$dir/open.pem"
expect_one_line_error open.pem

# --- usage ---

"$noisegate" --version | grep -q '^noisegate [0-9]' || fail "--version"
for command in "" keygen id check listen tell; do
  # shellcheck disable=SC2086  # no command is no argument
  "$noisegate" $command --help | grep -q Usage || fail "$command --help"
done
expect_exit 2 "$noisegate"
expect_exit 2 "$noisegate" no-such-command
expect_exit 2 "$noisegate" keygen
expect_exit 2 "$noisegate" keygen --type dsa --out "$dir/x.pem"
expect_exit 2 "$noisegate" listen 127.0.0.1 --key "$dir/ed25519.pem"
expect_exit 2 "$noisegate" listen 127.0.0.1:0 --key "$dir/ed25519.pem" --allow nobody
expect_exit 2 "$noisegate" tell 127.0.0.1:1 --key "$dir/ed25519.pem"
me=$("$noisegate" id --noiseswarm "$dir/ed25519.pem")
expect_exit 2 "$noisegate" tell "$me@127.0.0.1:1" --key "$dir/ed25519.pem" --interval 10
expect_exit 2 "$noisegate" tell "$me@127.0.0.1:1" --key "$dir/ed25519.pem" --size 5 hello
expect_exit 2 "$noisegate" tell "$me@127.0.0.1:1" --key "$dir/ed25519.pem" ""

# --- check ---

printf 'no_such_key: 1\nnor_this: 2\n' >"$dir/bad.yaml"
expect_exit 1 "$noisegate" check "$dir/bad.yaml"
grep -q "^$dir/bad.yaml:1: .*no_such_key" "$dir/err" || fail "check: $(cat "$dir/err")"
grep -q "^$dir/bad.yaml:2: .*nor_this" "$dir/err" || fail "check stops at the first problem"
expect_exit 1 "$noisegate" check "$dir/missing.yaml"

# --- listen and tell ---

alice=$dir/ed25519.pem bob=$dir/p256.pem carol=$dir/rsa2048.pem
alice_id=$("$noisegate" id --noiseswarm "$alice")
for local in 127.0.0.1:0 '[::1]:0'; do
  start_listener "$local" --key "$bob" --echo
  case $address in "$("$noisegate" id --noiseswarm "$bob")@${local%:0}":*) ;; *) fail "LISTEN $address" ;; esac

  "$noisegate" tell "$address" --key "$alice" --expect-echo "grüße" >"$dir/tell"
  grep -qF "7 bytes from $address: seq=1 time=" "$dir/tell" || fail "tell: $(cat "$dir/tell")"
  grep -q '^1 of 1 messages sent, 1 echoed intact, 0 lost$' "$dir/tell" || fail "$(cat "$dir/tell")"
  grep ': grüße$' "$dir/listen" | grep -qF "$alice_id@${local%:0}:" || fail "$(cat "$dir/listen")"

  "$noisegate" tell "$address" --key "$carol" --expect-echo $'two\nlines' >/dev/null
  grep -q ': hex:74776f0a6c696e6573$' "$dir/listen" || fail "a line feed must not reach the terminal"

  "$noisegate" tell "$address" --key "$alice" --count 1000 --size 1400 --interval 0s --expect-echo \
    --quiet >"$dir/tell"
  grep -q '^1000 of 1000 messages sent, 1000 echoed intact, 0 lost$' "$dir/tell" ||
    fail "$(cat "$dir/tell")"
  grep -q '^rtt min/avg/max = ' "$dir/tell" || fail "no rtt: $(cat "$dir/tell")"
  "$noisegate" tell "$address" --key "$alice" --count 3 --interval 10ms --expect-echo >/dev/null

  # Another identity than the one that is there.
  expect_exit 1 "$noisegate" tell "$alice_id@${address#*@}" --key "$carol" --timeout 1500ms secret
  expect_one_line_error "no session with $alice_id"
  ! grep -q secret "$dir/listen" || fail "the wrong peer was told"
  stop_listener
done

# Nobody there.
expect_exit 1 "$noisegate" tell "$address" --key "$alice" --timeout 300ms hello
expect_one_line_error "no session"

# Only the listed peer; leaves after one message; no echo where none is asked for.
start_listener 127.0.0.1:0 --key "$bob" --allow "$alice_id" --count 1
expect_exit 1 "$noisegate" tell "$address" --key "$carol" --timeout 1500ms "from carol"
"$noisegate" tell "$address" --key "$alice" "from alice" >/dev/null
wait "$listener" || fail "listen --count"
listener=
grep -q ': from alice$' "$dir/listen" || fail "alice is listed"
! grep -q carol "$dir/listen" || fail "carol is not listed"

start_listener '[::]:0' --key "$bob"
expect_exit 1 "$noisegate" tell "$address" --key "$alice" --expect-echo --timeout 300ms "no echo"
grep -q '0 echoed intact, 1 lost' "$dir/out" || fail "$(cat "$dir/out")"
expect_exit 1 "$noisegate" listen "[::]:${address##*:}" --key "$bob"
expect_one_line_error "${address##*:}"
stop_listener INT

echo "PASS"
