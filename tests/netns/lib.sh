# shellcheck shell=bash
# What the tests over real interfaces share: namespaces, links, gateways as processes, and what a
# test may claim about them.
#
#   . "$(dirname "$0")/lib.sh"
#   begin                                  # skips (77) where it cannot run; cleans up on exit
#   namespaces host-a gateway-a
#   link host-a:eth0 gateway-a:lan0        # a veth pair
#   key gateway-a; config gateway-a <<END … END
#   start gateway-a
#   await 10 "gateway-a to answer" on host-a ping -c1 10.1.0.1
#
# Every namespace is called ng<pid>-NAME, so tests run beside each other. A test that fails prints
# what every process logged and what `noisegate show` says, then removes everything as well.
#
# Environment: NOISEGATE is the program. NOISEGATE_KEEP=1 leaves namespaces and files after a failure.
set -Eeuo pipefail

readonly kSkipped=77
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
dir=             # of this run: keys, configs, logs, captures
declare -a names=()      # namespaces made
declare -A pid_of=()     # gateway → process id, where it runs
declare -A pid_of_ping=() # label → process id

say() { printf '%s %s\n' "$(date +%T.%3N)" "$*"; }
fail() { say "FAILED: $*" >&2; exit 1; }
skip() { echo "skipped: $*"; exit "$kSkipped"; }
ns() { echo "ng$$-$1"; }

begin() {
  [[ $(id -u) == 0 ]] || skip "needs root, to make network namespaces"
  [[ -n ${NOISEGATE:-} && -x ${NOISEGATE:-} ]] || skip "NOISEGATE does not name the program"
  local tool
  for tool in ip ping curl ethtool tcpdump python3; do
    command -v "$tool" >/dev/null || skip "needs $tool (scripts/install-deps.sh)"
  done
  ip netns add "$(ns probe)" 2>/dev/null || skip "network namespaces cannot be made here"
  ip netns del "$(ns probe)"
  dir=$(mktemp -d "${TMPDIR:-/tmp}/ng$$-XXXX")
  trap 'finish $?' EXIT
  trap 'say "line $LINENO of ${BASH_SOURCE[0]##*/} failed: $BASH_COMMAND" >&2' ERR
  trap 'exit 130' INT TERM
}

finish() {
  local status=$1 name
  trap - EXIT ERR
  set +e
  if [[ $status != 0 && $status != "$kSkipped" ]]; then
    diagnose >&2
    [[ -z ${NOISEGATE_KEEP:-} ]] || { echo "kept: $dir, namespaces $(ns '*')"; exit "$status"; }
  fi
  exec 2>/dev/null  # the shell reports every process that it finds killed
  for name in "${names[@]}"; do
    ip netns pids "$(ns "$name")" | xargs -r kill -KILL
    ip netns del "$(ns "$name")"
  done
  wait
  rm -rf "$dir"
  exit "$status"
}

diagnose() {
  local file name what
  for file in "$dir"/*.log; do
    [[ -s $file ]] && { echo "--- ${file##*/} (last 40 lines)"; tail -n 40 "$file"; }
  done
  for name in "${!pid_of[@]}"; do
    kill -0 "${pid_of[$name]}" || { echo "--- $name has ended"; continue; }
    for what in overview peers sessions ports drops; do
      echo "--- show $what of $name"
      timeout 3 "$NOISEGATE" show "$what" --socket "$dir/$name.sock"
    done
  done
}

# --- interfaces ------------------------------------------------------------------------------------

namespaces() {
  local name
  for name in "$@"; do
    ip netns add "$(ns "$name")"
    names+=("$name")
    on "$name" sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0 \
      net.ipv6.conf.default.router_solicitations=0
    ip -n "$(ns "$name")" link set lo up
  done
}

# Runs a command in a namespace.
on() { ip netns exec "$(ns "$1")" "${@:2}"; }

# link NS:DEVICE NS:DEVICE [MTU]: a veth pair. One queue each, which is what AF_XDP sockets bind to, and no
# offloads, because what a kernel leaves for a device to finish (checksums, segments) an AF_XDP socket
# at the other end would see unfinished.
link() {
  local a=${1%%:*} a_dev=${1##*:} b=${2%%:*} b_dev=${2##*:} mtu=${3:-1500}
  ip -n "$(ns "$a")" link add "$a_dev" mtu "$mtu" numtxqueues 1 numrxqueues 1 type veth \
    peer name "$b_dev" mtu "$mtu" numtxqueues 1 numrxqueues 1 netns "$(ns "$b")"
  on "$a" ethtool -K "$a_dev" tx off tso off gso off gro off >/dev/null
  on "$b" ethtool -K "$b_dev" tx off tso off gso off gro off >/dev/null
  ip -n "$(ns "$a")" link set "$a_dev" up
  ip -n "$(ns "$b")" link set "$b_dev" up
}

# switch NS…: one Ethernet segment, to which plug NS… adds. Each namespace gets an interface wan0, the switch
# a port with the namespace's name.
switch() {
  namespaces switch
  on switch sysctl -qw net.ipv6.conf.all.disable_ipv6=1
  # A switch does not read what is inside: where br_netfilter is loaded, it would drop malformed packets on the way.
  local knob
  for knob in arptables iptables ip6tables; do
    on switch sh -c "[ ! -e /proc/sys/net/bridge/bridge-nf-call-$knob ] ||
      echo 0 >/proc/sys/net/bridge/bridge-nf-call-$knob"
  done
  ip -n "$(ns switch)" link add bridge type bridge mcast_snooping 0
  ip -n "$(ns switch)" link set bridge up
  plug "$@"
}
plug() {
  local name
  for name in "$@"; do
    link "$name:wan0" "switch:$name"
    ip -n "$(ns switch)" link set "$name" master bridge
  done
}

address() {
  local name=$1 device=$2 one
  for one in "${@:3}"; do ip -n "$(ns "$name")" address add "$one" dev "$device"; done
}

mac() { on "$1" cat "/sys/class/net/$2/address"; }

# --- gateways --------------------------------------------------------------------------------------

# key NAME: makes its identity file; key_id NAME: its peer id.
key() { "$NOISEGATE" keygen --type ed25519 --out "$dir/$1.pem" >/dev/null; }
key_id() { "$NOISEGATE" id --noiseswarm "$dir/$1.pem"; }

# config NAME <<END: adds to a gateway's config file.
config() { cat >>"$dir/$1.yaml"; }

start() {
  local name=$1
  ip netns exec "$(ns "$name")" "$NOISEGATE" run "$dir/$name.yaml" >>"$dir/$name.log" 2>&1 &
  pid_of[$name]=$!
}

# stop NAME [SIGNAL]: returns when the process is gone.
stop() {
  local name=$1 signal=${2:-TERM} pid=${pid_of[$1]}
  kill "-$signal" "$pid"
  unset "pid_of[$name]"
  { wait "$pid" || true; } 2>/dev/null
}

runs() { kill -0 "${pid_of[$1]}" 2>/dev/null; }

show() { timeout 5 "$NOISEGATE" show "$2" --json --socket "$dir/$1.sock"; }

# ask NAME WHAT EXPRESSION: a Python expression over d, the rows that `show WHAT --json` printed.
ask() {
  local json
  json=$(show "$1" "$2") || return 1
  python3 -c 'import json, sys; d = json.loads(sys.argv[1])[sys.argv[2]]; print(eval(sys.argv[3]))' \
    "$json" "$2" "$3"
}

rollovers() { ask "$1" overview 'd["rollovers"]'; }

# session_ids NAME PEER: of its sessions with a peer, oldest first.
session_ids() { ask "$1" sessions "sorted(s['id'] for s in d if s['peer'] == '$2')"; }

# newest_session NAME PEER: the id of the one that is sent on. An older one may live on beside it for its grace time.
newest_session() { ask "$1" sessions "max(s['id'] for s in d if s['peer'] == '$2')"; }

# drops NAME REASON…: packets dropped for any of these; all_drops NAME: what was dropped, and why.
drops() {
  ask "$1" drops "sum(r['packets'] for r in d if r['reason'] in '${*:2}'.split())"
}
all_drops() { ask "$1" drops '{r["reason"]: r["packets"] for r in d if r["packets"]}'; }

# --- waiting and claims ----------------------------------------------------------------------------

now() { date +%s.%N; }
calc() { python3 -c "print($1)"; }
holds() { [[ $(calc "int(bool($1))") == 1 ]]; }

# await SECONDS "what" COMMAND…: until the command succeeds.
await() {
  local seconds=$1 what=$2 end
  end=$(calc "$(now) + $seconds")
  until "${@:3}" >/dev/null 2>&1; do
    holds "$(now) < $end" || fail "waited $seconds s for $what"
    sleep 0.1
  done
}

# claim "what" ARITHMETIC: a Python comparison.
claim() { holds "$2" || fail "$1: $2"; }

# ping_start LABEL HOST ADDRESS [INTERVAL_SECONDS]: in the background until ping_end, or until a count:
# ping_start LABEL HOST ADDRESS INTERVAL COUNT.
ping_start() {
  local count=()
  [[ -z ${5:-} ]] || count=(-c "$5")
  ip netns exec "$(ns "$2")" ping -n -D -O -i "${4:-0.01}" "${count[@]}" "$3" \
    >"$dir/ping-$1.out" 2>&1 &
  pid_of_ping[$1]=$!
}


# ping_stop LABEL: interrupts it and asks nothing.
ping_stop() {
  kill -INT "${pid_of_ping[$1]}" 2>/dev/null || true
  wait "${pid_of_ping[$1]}" || true
  unset "pid_of_ping[$1]"
}

# first_reply_after LABEL TIME: seconds from TIME to the first reply after it; fails where there was none.
first_reply_after() { python3 "$here/ping_loss.py" "$dir/ping-$1.out" --after "$2"; }

# ping_end LABEL: interrupts it. No reply may be missing and none may have come twice; what was on its way at
# that moment does not count.
ping_end() {
  kill -INT "${pid_of_ping[$1]}" 2>/dev/null || true
  ping_wait "$1"
}

# ping_wait LABEL: as ping_end, for a ping that ends by its count.
ping_wait() {
  wait "${pid_of_ping[$1]}" || true
  unset "pid_of_ping[$1]"
  say "ping $1: $(python3 "$here/ping_loss.py" "$dir/ping-$1.out" 2>&1)" || fail "ping $1 lost packets"
}

# capture NAME DEVICE FILE FILTER…: tcpdump in the background until capture_end; FILE is in $dir.
capture() {
  ip netns exec "$(ns "$1")" tcpdump -q -n -U -i "$2" -w "$dir/$3" "${@:4}" 2>>"$dir/tcpdump.log" &
  pid_of_capture=$!
  await 5 "tcpdump to listen" test -s "$dir/$3"
}
pid_of_capture=
capture_end() {
  kill -TERM "$pid_of_capture"
  wait "$pid_of_capture" || true
}

# http_server NAME: serves $dir/www on port 8000, over both families. fetch NAME ADDRESS FILE: gets one of its files
# to standard output, within two minutes; speed and errors go to curl.log.
http_server() {
  ip netns exec "$(ns "$1")" python3 -m http.server 8000 --bind :: --directory "$dir/www" >"$dir/http.log" 2>&1 &
  await 5 "the HTTP server" on "$1" curl -s -o "$dir/index" http://127.0.0.1:8000/
}
fetch() {
  local address=$2
  [[ $address != *:* ]] || address="[$address]"
  on "$1" curl -sS --max-time 120 -w '%{stderr}%{speed_download}\n' "http://$address:8000/$3" 2>>"$dir/curl.log"
}

# side_by_side "ARGUMENTS" "ARGUMENTS"…: runs this test once with each, all at the same time, and exits. in_turn: one
# after the other.
side_by_side() {
  local arguments pids=() status=0 code pid
  for arguments in "$@"; do
    # shellcheck disable=SC2086 # several arguments
    (bash "$0" $arguments 2>&1 | sed -u "s/^/[$arguments] /") &
    pids+=($!)
  done
  for pid in "${pids[@]}"; do
    code=0
    wait "$pid" || code=$?
    worse "$code"
  done
  exit "$status"
}
in_turn() {
  local arguments status=0 code
  for arguments in "$@"; do
    code=0
    # shellcheck disable=SC2086 # several arguments
    bash "$0" $arguments 2>&1 | sed -u "s/^/[$arguments] /" || code=$?
    worse "$code"
  done
  exit "$status"
}
# A failure outweighs a skip, which outweighs success. Sets the caller's `status`.
worse() {
  if [[ $status == 0 || ($status == "$kSkipped" && $1 != 0) ]]; then status=$1; fi
}
