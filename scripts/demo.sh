#!/bin/bash
#
# Shows two sites that talk through a relay. As root: three gateways in network namespaces, on real
# interfaces, with ping and a file transfer between hosts behind them. Otherwise, or where the kernel has
# no namespaces for us: the same in one process, on devices in memory.
#
# usage: scripts/demo.sh [--in-process] [--seconds N] [--help]
#
#   --in-process  in one process even as root
#   --seconds N   how long that one runs (10)
#
# Installs and builds what it needs first, asks nothing and leaves nothing behind but build/.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

can_make_namespaces() {
  [[ $(id -u) == 0 ]] && command -v ip >/dev/null || return 1
  ip netns add "ngdemo$$-probe" 2>/dev/null && ip netns del "ngdemo$$-probe"
}

main() {
  local in_process=0 seconds=10
  while (($# > 0)); do
    case $1 in
      --in-process) in_process=1 ;;
      --seconds)
        [[ ${2:-} =~ ^[0-9]+$ ]] || die "--seconds needs a number"
        seconds=$2
        shift
        ;;
      -h | --help) usage; exit ;;
      *) die "no option '$1'; --help lists them" ;;
    esac
    shift
  done
  "$root/scripts/install-deps.sh"
  say "building noisegate"
  build release noisegate

  local program=$root/build/release/noisegate
  if ((in_process)); then
    exec "$program" demo --seconds "$seconds"
  elif can_make_namespaces; then
    NOISEGATE=$program exec "$root/scripts/netns-demo.sh"
  fi
  say "no network namespaces without root: everything in one process instead"
  exec "$program" demo --seconds "$seconds"
}

main "$@"
