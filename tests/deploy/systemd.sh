#!/usr/bin/env bash
# The unit: its exposure as systemd counts it, and that the count can fail. `systemd-analyze verify` is run where the
# program is installed, in package.sh.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

readonly unit=deploy/systemd/ledgerd.service
readonly exposure_max=15 # 1.5 of 10
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

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
