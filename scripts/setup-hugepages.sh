#!/bin/bash
#
# Reserves 2 MiB hugepages for noisegate and mounts them. As root. Doing it twice changes nothing.
#
# usage: scripts/setup-hugepages.sh [--mib N] [--persist] [--help]
#
#   --mib N    how much, in MiB (1024): gateway.memory_mib of every gateway on the host, and some
#   --persist  also for the next boot, by /etc/sysctl.d/80-noisegate.conf
#
# A host that has run for long may have no room left for them in one piece: reserve them at boot.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

readonly pages_file=/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages
readonly mount_point=/dev/hugepages
readonly page_mib=2

reserve() {
  local wanted=$1 have
  have=$(<"$pages_file")
  if ((have >= wanted)); then
    say "$((have * page_mib)) MiB of hugepages are reserved already"
    return
  fi
  echo "$wanted" | as_root tee "$pages_file" >/dev/null
  have=$(<"$pages_file")
  ((have >= wanted)) || die "the kernel found room for $((have * page_mib)) MiB only; reserve at boot (--persist)"
  say "reserved $((have * page_mib)) MiB of hugepages"
}

main() {
  local mib=1024 persist=0 pages
  while (($# > 0)); do
    case $1 in
      --mib)
        [[ ${2:-} =~ ^[1-9][0-9]{0,6}$ ]] || die "--mib needs a number of MiB"
        mib=$2
        shift
        ;;
      --persist) persist=1 ;;
      -h | --help) usage; exit ;;
      *) die "no option '$1'; --help lists them" ;;
    esac
    shift
  done
  [[ -e $pages_file ]] || die "this kernel has no 2 MiB hugepages; set 'hugepages: false' in the config"
  pages=$(((mib + page_mib - 1) / page_mib))
  if ((persist)); then
    echo "vm.nr_hugepages = $pages" | as_root tee /etc/sysctl.d/80-noisegate.conf >/dev/null
    say "wrote /etc/sysctl.d/80-noisegate.conf"
  fi
  reserve "$pages"
  if ! grep -q " $mount_point hugetlbfs " /proc/mounts; then
    as_root mkdir -p "$mount_point"
    as_root mount -t hugetlbfs -o pagesize=2M none "$mount_point"
    say "mounted $mount_point"
  fi
}

main "$@"
