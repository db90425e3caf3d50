#!/usr/bin/env bash
# Searches the model with Spin.
#   check.sh list         the names of the searches that every run of the tests makes
#   check.sh deep         those of the larger ones
#   check.sh NAME DIR     one of them; DIR is made anew and keeps what Spin found
set -euo pipefail

model=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)/ledger.pml

# NAME: what must come out, then Spin's definitions. `sound`: no assertion fails and no run gets stuck, in all states.
# `settles`: every run ends with everything decided and acknowledged. `broken`: Spin must refute it.
declare -A searches=(
  [duplicate]="sound -DDUPLICATE -DFAULTS=2"
  [conflict]="sound -DCONFLICT -DFAULTS=2"
  [two]="sound -DFAULTS=1"
  [settles]="settles -DFAULTS=1"
  [no_fence]="broken -DNO_FENCE"
  [no_gate]="broken -DNO_GATE"
  [believe_lease]="broken -DBELIEVE_LEASE"
  [ack_before_commit]="broken -DACK_BEFORE_COMMIT -DOUTCOME_ONLY"
  [ack_before_puback]="broken -DACK_BEFORE_PUBACK -DOUTCOME_ONLY"
  [believe_commit]="broken -DBELIEVE_COMMIT -DOUTCOME_ONLY"
  [decide_again]="broken -DDECIDE_AGAIN -DOUTCOME_ONLY"
  [no_republish]="broken -DNO_REPUBLISH"
  [hold_for_ever]="broken -DRENEW_FOR_EVER -DNO_DEADLINE"
)
# Larger ones, some minutes and gigabytes each.
declare -A deep=(
  [deep_two]="sound -DFAULTS=2"
  [deep_three]="sound -DTHREE -DFAULTS=1"
  [deep_duplicate]="sound -DDUPLICATE -DFAULTS=3"
)

if [[ $1 == list ]]; then
  printf '%s\n' "${!searches[@]}" | sort
  exit
elif [[ $1 == deep ]]; then
  printf '%s\n' "${!deep[@]}" | sort
  exit
fi
name=$1
at=$2
read -r kind definitions <<<"${searches[$name]:-${deep[$name]}}"
read -ra definitions <<<"$definitions"

rm -rf "$at"
mkdir -p "$at"
cd "$at"
spin "${definitions[@]}" -a "$model" >spin.log 2>&1 || {
  cat spin.log
  exit 1
}

# In megabytes: a search that needs more ends, and fails.
flags=(-O2 -w -DMEMLIM=12000)
run=(-m10000 -w24)
if [[ $kind == settles ]]; then
  run+=(-a)
else
  flags+=(-DSAFETY -DNOCLAIM)
fi
gcc "${flags[@]}" -o pan pan.c
./pan "${run[@]}" >pan.log 2>&1 || true

fail() {
  cat pan.log
  echo "model $name: $1"
  exit 1
}

errors=$(sed -n 's/^State-vector .*errors: \([0-9]*\)$/\1/p' pan.log)
states=$(sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p' pan.log)
took=$(sed -n 's/^pan: elapsed time \(.*\)$/\1/p' pan.log)
[[ -n $errors && -n $states ]] || fail "Spin did not finish"
echo "model $name: $states states, $errors errors, ${took:-0 seconds}"
if [[ $kind == broken ]]; then
  ((errors > 0)) || fail "Spin finds nothing wrong with it"
  grep -m 1 '^pan:1:' pan.log
else
  ((errors == 0)) || fail "refuted"
  # A search that ran out of room proves nothing.
  grep -qE 'max search depth too small|out of memory|not completed' pan.log && fail "the search is not complete"
  exit 0
fi
