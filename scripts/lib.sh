# shellcheck shell=bash
# What these scripts share. Sourced, never run.
#
#   . "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly root

say() { printf '[%4ds] %s\n' "$SECONDS" "$*"; }
die() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

# The comment at the top of the calling script, without its first line: what --help prints.
usage() { sed -n '3,/^[^#]/{s/^# \{0,1\}//p;}' "$0"; }

# Runs a command as root: directly, or by sudo where that asks nothing.
as_root() {
  if [[ $(id -u) == 0 ]]; then
    "$@"
  elif command -v sudo >/dev/null; then
    # -n: a script that waits for a password nobody types would hang.
    if [[ -t 0 ]]; then sudo "$@"; else sudo -n "$@"; fi
  else
    die "needs root, and there is no sudo: $*"
  fi
}

# Compilers that run at once: one for each CPU, but no more than memory takes (1.5 GiB each).
build_jobs() {
  local cpus memory_kib by_memory
  cpus=$(nproc)
  memory_kib=$(awk '/^MemAvailable:/ {print $2}' /proc/meminfo)
  by_memory=$((memory_kib / (3 * 512 * 1024)))
  if ((by_memory < 1)); then by_memory=1; fi
  echo $((cpus < by_memory ? cpus : by_memory))
}

# build PRESET TARGET…: configures and builds; no target is all of them.
build() {
  local preset=$1 targets=()
  shift
  if (($# > 0)); then targets=(--target "$@"); fi
  (cd "$root" && cmake --preset "$preset" >/dev/null &&
    cmake --build --preset "$preset" --parallel "$(build_jobs)" "${targets[@]}")
}
