#!/bin/bash
# Any of three processes is killed and started again: traffic is back within 3 s, the others do not notice more than
# they must.
#
#   host-a ── gateway-a (tap) ── relay ── gateway-b (af_xdp) ── host-b     a and b know only the relay
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/topology.sh"

begin
relay_topology mixed 4
start_all

for victim in gateway-a gateway-b relay; do
  processes=" ${pid_of[*]} "
  with_a=$(newest_session relay gateway-a)
  with_b=$(newest_session relay gateway-b)
  ping_start "$victim" host-a 10.2.0.2 0.02
  sleep 1
  stop "$victim" KILL
  sleep 1
  restarted=$(now)
  start "$victim"
  await 15 "an echo after the restart of $victim" first_reply_after "$victim" "$restarted"
  took=$(first_reply_after "$victim" "$restarted")
  say "$victim is back: first reply $took s after its start"
  claim "traffic back within 3 s of the restart of $victim" "$took < 3"

  ping_stop "$victim"
  sleep 1
  for gateway in gateway-a gateway-b relay; do
    runs "$gateway" || fail "$gateway ended when $victim was killed"
    [[ $gateway == "$victim" || $processes == *" ${pid_of[$gateway]} "* ]] || fail "$gateway was restarted"
  done
  [[ $victim != gateway-a || $with_b == "$(newest_session relay gateway-b)" ]] ||
    fail "the relay's session with gateway-b was replaced when gateway-a came back"
  [[ $victim != gateway-b || $with_a == "$(newest_session relay gateway-a)" ]] ||
    fail "the relay's session with gateway-a was replaced when gateway-b came back"
done
