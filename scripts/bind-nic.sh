#!/bin/bash
#
# Hands a NIC from the kernel to noisegate (vfio-pci), or back to the kernel. As root.
#
# usage: scripts/bind-nic.sh --list
#        scripts/bind-nic.sh [--force] PCI-ADDRESS        bind to vfio-pci: 0000:03:00.0
#        scripts/bind-nic.sh --unbind PCI-ADDRESS         give it back to the kernel's own driver
#
#   --force  even where the interface has an address or carries a route: this may be how you got here
#
# Mellanox NICs (mlx5) need none of this: they stay with the kernel and are used beside it.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

readonly devices=/sys/bus/pci/devices
readonly network_class=0x02  # PCI class code, first byte

driver_of() {
  if [[ -e $devices/$1/driver ]]; then basename "$(readlink "$devices/$1/driver")"; else echo none; fi
}
interfaces_of() { ls "$devices/$1/net" 2>/dev/null || true; }

list() {
  local device address name
  printf '%-14s %-12s %-16s %s\n' address driver interface device
  for device in "$devices"/*; do
    [[ $(<"$device/class") == "$network_class"* ]] || continue
    address=$(basename "$device")
    name=$(interfaces_of "$address" | paste -sd,)
    printf '%-14s %-12s %-16s %s:%s\n' "$address" "$(driver_of "$address")" "${name:--}" \
      "$(sed s/0x// "$device/vendor")" "$(sed s/0x// "$device/device")"
  done
}

# What stands against taking the NIC away from the kernel.
check_idle() {
  local name
  for name in $(interfaces_of "$1"); do
    if [[ -n $(ip -brief address show dev "$name" scope global | awk '{for (i = 3; i <= NF; i++) print $i}') ]]; then
      die "$name has an address; remove it, or --force"
    fi
    [[ -z $(ip route show dev "$name"; ip -6 route show dev "$name" | grep -v '^fe80::/64') ]] ||
      die "$name carries a route; remove it, or --force"
  done
}

check_device() {
  [[ $1 =~ ^[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$ ]] || die "'$1' is no PCI address such as 0000:03:00.0"
  [[ -e $devices/$1 ]] || die "there is no PCI device $1; --list shows the NICs"
  [[ $(<"$devices/$1/class") == "$network_class"* ]] || die "$1 is no network device"
}

write() { echo "$2" | as_root tee "$1" >/dev/null; }

# rebind ADDRESS DRIVER: DRIVER may be "" for whatever the kernel would choose.
rebind() {
  write "$devices/$1/driver_override" "$2"
  if [[ $(driver_of "$1") != none ]]; then write "$devices/$1/driver/unbind" "$1"; fi
  write /sys/bus/pci/drivers_probe "$1"
}

bind() {
  local address=$1 force=$2
  case $(driver_of "$address") in
    vfio-pci) say "$address is bound to vfio-pci already"; return ;;
    mlx5_core | mlx4_core) die "$address is a Mellanox NIC; use it as it is: device: {pci: $address}" ;;
  esac
  if ((!force)); then check_idle "$address"; fi
  as_root modprobe vfio-pci || die "this kernel has no vfio-pci"
  if [[ ! -e $devices/$address/iommu_group ]]; then
    die "$address has no IOMMU group; turn the IOMMU on (firmware, and intel_iommu=on for Intel)"
  fi
  rebind "$address" vfio-pci
  [[ $(driver_of "$address") == vfio-pci ]] || die "the kernel did not bind $address; dmesg says why"
  say "$address is bound to vfio-pci: device: {pci: '$address'}"
}

unbind() {
  rebind "$1" ""
  say "$1 is back with the kernel ($(driver_of "$1")): $(interfaces_of "$1" | paste -sd,)"
}

main() {
  local force=0 action=bind address=
  while (($# > 0)); do
    case $1 in
      --list) action=list ;;
      --unbind) action=unbind ;;
      --force) force=1 ;;
      -h | --help) usage; exit ;;
      -*) die "no option '$1'; --help lists them" ;;
      *) address=${1,,} ;;
    esac
    shift
  done
  if [[ $action == list ]]; then
    list
    return
  fi
  [[ -n $address ]] || die "which NIC? --list shows them"
  check_device "$address"
  "$action" "$address" "$force"
}

main "$@"
