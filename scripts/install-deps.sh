#!/bin/bash
#
# Installs what building, testing and running noisegate needs, from the distribution's own packages
# (Debian 12). Asks nothing; does nothing where all of it is there.
#
# usage: scripts/install-deps.sh [--help]
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

packages=(
  # to build
  g++ cmake ninja-build pkg-config ccache
  libdpdk-dev libipsec-mb-dev libsodium-dev nettle-dev libssl-dev
  libabsl-dev libprotobuf-dev protobuf-compiler
  libyaml-dev libcli11-dev libspdlog-dev libasio-dev
  libmnl-dev libsystemd-dev libcap-ng-dev
  # to test and to measure
  libgtest-dev libbenchmark-dev nlohmann-json3-dev valgrind
  iproute2 iputils-ping ethtool tcpdump curl procps python3
)

# js-libp2p, which the libp2p node is tested against, runs on Node.js; one from elsewhere will do.
if ! command -v node >/dev/null || ! command -v npm >/dev/null; then packages+=(nodejs npm); fi

missing() {
  local installed
  # shellcheck disable=SC2016 # dpkg-query expands it
  installed=$(dpkg-query -W -f='${db:Status-Status} ${Package}\n' "${packages[@]}" 2>/dev/null |
    sed -n 's/^installed //p' || true)
  printf '%s\n' "${packages[@]}" | grep -vxF "$installed" || true
}

# apt_get COMMAND…: mirrors have hiccups, and another apt may be at work.
apt_get() {
  local try
  for try in 1 2 3; do
    if as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 "$@"; then
      return
    fi
    if ((try < 3)); then
      say "apt-get $1 failed; trying again in $((try * 5)) s"
      sleep $((try * 5))
    fi
  done
  die "apt-get $* failed three times"
}

main() {
  case ${1:-} in
    '') ;;
    -h | --help) usage; exit ;;
    *) die "no option '$1'; --help lists them" ;;
  esac
  command -v dpkg-query >/dev/null || die "this is no Debian; install by hand: ${packages[*]}"
  local wanted
  mapfile -t wanted < <(missing)
  if ((${#wanted[@]} == 0)); then
    say "all ${#packages[@]} packages are installed"
    return
  fi
  say "installing ${#wanted[@]} packages: ${wanted[*]}"
  apt_get update
  apt_get install -y --no-install-recommends "${wanted[@]}"
  say "installed"
}

main "$@"
