#!/bin/bash
#
# Builds the optimised benchmarks and runs them: a table while it goes, in cycles of the time-stamp
# counter. What each figure means is in perf/README.md.
#
# usage: scripts/bench.sh [aead|lookup|replay|route|path|handshake|ndr|all]... [--json FILE] [--svg FILE]
#
#   --json FILE  also write the results, for scripts/bench_compare.py
#   --svg FILE   also draw them
#
# Without a name first: all. Needs neither root nor hugepages; uses hugepages where enough are free.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

main() {
  local arguments=("$@")
  case ${1:-} in
    -h | --help) usage; exit ;;
    '' | -*) arguments=(all "$@") ;;
  esac
  "$root/scripts/install-deps.sh"
  build release noisegate-perf
  "$root/build/release/perf/noisegate-perf" "${arguments[@]}"
}

main "$@"
