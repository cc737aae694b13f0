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

# run NAME PRESET CTEST-ARGUMENTS…
run() {
  local name=$1 preset=$2 began=$SECONDS junit
  shift 2
  junit=$root/build/$preset/${name// /-}.xml
  rm -f "$junit"
  say "testing: $name"
  # ctest's own exit code says no more than the file does.
  (cd "$root" && ctest --test-dir "build/$preset" --output-on-failure --no-tests=ignore \
    --output-junit "$junit" "$@" </dev/null) || true
  if [[ -s $junit ]]; then count "$name" "$junit" $((SECONDS - began)); else lost "$name"; fi
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
  if ((sanitizers)); then
    # The pure part: everything that decides, without DPDK, which the sanitizers do not know.
    step "ASan and UBSan" asan -- --label-regex 'unit|sim' "${parallel[@]}"
    step TSan tsan -- --label-regex 'unit|sim' "${parallel[@]}"
  fi
  if ((netns)); then
    [[ $(id -u) == 0 ]] || say "not root: the tests in network namespaces will be skipped"
    run "network namespaces" release --label-regex netns
  fi

  say "done"
  printf '%s\n' "${summary[@]}"
  echo "$passed passed, $failed failed, $skipped skipped"
  ((failed == 0))
}

main "$@"
