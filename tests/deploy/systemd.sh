#!/usr/bin/env bash
# The unit: systemd understands every line of it, and its exposure as systemd counts it. Usage: systemd.sh PROGRAM
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

readonly program=$1
readonly unit=deploy/systemd/ledgerd.service
readonly exposure_max=15 # 1.5 of 10
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# With the program where it is built; systemd names what it does not understand and yet succeeds.
verify() {
  local said
  sed "s|/usr/bin/ledgerd|$program|" "$1" >"$scratch/ledgerd.service"
  said=$(systemd-analyze verify --man=no "$scratch/ledgerd.service" 2>&1 | grep 'ledgerd\.service' || true)
  [[ -z $said ]] || {
    echo "$said"
    return 1
  }
}

verify $unit || exit 1
sed 's/^WatchdogSec=/WatchdogSecs=/' $unit >"$scratch/changed"
if verify "$scratch/changed"; then
  echo "a unit with a line that systemd does not know passes, so the check tests nothing"
  exit 1
fi

judge() { systemd-analyze security --offline=true --no-pager --threshold=$exposure_max "$1" | tail -n 1; }

judge $unit
sed '/^CapabilityBoundingSet=/d; /^SystemCallFilter=/d' $unit >"$scratch/ledgerd.service"
if judge "$scratch/ledgerd.service"; then
  echo "a unit without its limits passes, so the check tests nothing"
  exit 1
fi

# What the unit says about memory holds for the configuration it starts with.
memory_max=$(sed -n 's/^#memory-max = "\([0-9]*\)MB"$/\1/p' deploy/systemd/ledgerd.toml)
fuse=$(sed -n 's/^MemoryMax=\([0-9]*\)M$/\1/p' $unit)
((fuse >= 2 * memory_max)) || {
  echo "MemoryMax=${fuse}M is not twice memory-max, ${memory_max}MB"
  exit 1
}
