#!/bin/bash
#
# Installs what is needed, builds and runs every test: unit and simulation tests as they are and under
# sanitizers, then real packets through real interfaces in network namespaces (as root only).
#
# usage: scripts/test.sh [--quick] [--no-sanitizers] [--no-netns] [--help]
#
#   --quick          only the unit tests, without sanitizers
#   --no-sanitizers  leave out AddressSanitizer, UndefinedBehaviorSanitizer and ThreadSanitizer
#   --no-netns       leave out the network namespaces
#
# Ends with a line "N passed, M failed, K skipped" and fails if anything did.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

quick=0 sanitizers=1 netns=1
passed=0 failed=0 skipped=0
declare -a summary=()

# count NAME JUNIT SECONDS: adds what ctest wrote down.
count() {
  local name=$1 junit=$2 tests bad disabled left
  # The first element's attributes: tests="12" failures="0" disabled="0" skipped="1".
  attribute() { grep -m1 -o "\b$1=\"[0-9]*\"" "$junit" | tr -dc 0-9; }
  tests=$(attribute tests) bad=$(attribute failures)
  disabled=$(attribute disabled) left=$(attribute skipped)
  left=$((left + disabled))
  passed=$((passed + tests - bad - left))
  failed=$((failed + bad))
  skipped=$((skipped + left))
  summary+=("$(printf '%-22s %4d passed %4d failed %4d skipped %6d s' \
    "$name" $((tests - bad - left)) "$bad" "$left" "$3")")
}

# A step that could not even begin is one failure.
lost() {
  failed=$((failed + 1))
  summary+=("$(printf '%-22s FAILED' "$1")")
  say "FAILED: $1"
}

# junit NAME PRESET: where ctest writes down what it found.
junit() { echo "$root/build/$2/${1// /-}.xml"; }

# tests NAME PRESET CTEST-ARGUMENTS…
tests() {
  local name=$1 preset=$2 file
  shift 2
  file=$(junit "$name" "$preset")
  rm -f "$file"
  say "testing: $name"
  # ctest's own exit code says no more than the file does.
  (cd "$root" && ctest --test-dir "build/$preset" --output-on-failure --no-tests=ignore \
    --output-junit "$file" "$@" </dev/null) || true
}

# collect NAME PRESET SECONDS
collect() {
  local file
  file=$(junit "$1" "$2")
  if [[ -s $file ]]; then count "$1" "$file" "$3"; else lost "$1"; fi
}

# run NAME PRESET CTEST-ARGUMENTS…
run() {
  local began=$SECONDS
  tests "$@"
  collect "$1" "$2" $((SECONDS - began))
}

# step NAME PRESET TARGETS -- CTEST-ARGUMENTS: builds, then tests.
step() {
  local name=$1 preset=$2 targets=()
  shift 2
  while [[ $1 != -- ]]; do
    targets+=("$1")
    shift
  done
  shift
  say "building: $preset"
  if build "$preset" "${targets[@]}"; then run "$name" "$preset" "$@"; else lost "build $preset"; fi
}

# The test that waits rather than works, in the background: begin_pings, end_pings.
readonly pings=netns_ping_rollover
pings_pid='' pings_began=0
begin_pings() {
  pings_began=$SECONDS
  trap 'trap - TERM; kill 0' INT TERM
  tests pings release --tests-regex "^$pings\$" >"$root/build/pings.log" 2>&1 &
  pings_pid=$!
  say "testing: pings, beside what follows"
}
end_pings() {
  wait "$pings_pid" || true
  cat "$root/build/pings.log"
  collect pings release $((SECONDS - pings_began))
}

# Compiles at the lowest priority. What fails is said by the step that tests it.
build_behind() {
  say "building: $1"
  (renice -n 19 $BASHPID >/dev/null; build "$1") || true
}

main() {
  while (($# > 0)); do
    case $1 in
      --quick) quick=1 sanitizers=0 netns=0 ;;
      --no-sanitizers) sanitizers=0 ;;
      --no-netns) netns=0 ;;
      -h | --help) usage; exit ;;
      *) die "no option '$1'; --help lists them" ;;
    esac
    shift
  done
  "$root/scripts/install-deps.sh"

  local parallel
  parallel=(--parallel "$(nproc)")
  if ((quick)); then
    step unit release -- --label-regex unit "${parallel[@]}"
  else
    step "unit and simulation" release -- --label-exclude netns "${parallel[@]}"
  fi
  if ((netns)) && [[ $(id -u) != 0 ]]; then
    say "not root: the tests in network namespaces will be skipped"
  fi
  if ((sanitizers)); then
    # The pings take three minutes, most of them waiting. They run while the sanitizers' builds are compiled, which
    # stand back for them: none may be lost on a busy machine either.
    ((netns)) && begin_pings
    # The pure part: everything that decides, without DPDK, which the sanitizers do not know.
    build_behind asan
    build_behind tsan
    ((netns)) && end_pings
    step "ASan and UBSan" asan -- --label-regex 'unit|sim' "${parallel[@]}"
    step TSan tsan -- --label-regex 'unit|sim' "${parallel[@]}"
  elif ((netns)); then
    begin_pings
    end_pings
  fi
  if ((netns)); then run "network namespaces" release --label-regex netns --exclude-regex "^$pings\$"; fi

  say "done"
  printf '%s\n' "${summary[@]}"
  echo "$passed passed, $failed failed, $skipped skipped"
  ((failed == 0))
}

main "$@"
