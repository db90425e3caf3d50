#!/usr/bin/env bash
# Searches the model with Spin.
#   check.sh list         the names of the searches that every run of the tests makes
#   check.sh deep         those of the larger ones
#   check.sh NAME DIR     one of them; DIR is made anew and keeps what Spin found
set -euo pipefail

model=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)/ledger.pml

# NAME: what must come out, then Spin's definitions. `sound`: no assertion fails and no run gets stuck, in all states.
# `settles`: every run ends with everything decided and acknowledged. `broken:WHAT`: Spin must refute it, by what it breaks.
declare -A searches=(
  [duplicate]="sound -DDUPLICATE -DFAULTS=2"
  [conflict]="sound -DCONFLICT -DFAULTS=2"
  [two]="sound -DFAULTS=1"
  [settles]="settles -DFAULTS=1"
  [no_fence]="broken:balance -DNO_FENCE"
  [no_gate]="broken:once -DNO_GATE"
  [believe_lease]="broken:balance -DBELIEVE_LEASE"
  [ack_before_commit]="broken:settled -DACK_BEFORE_COMMIT -DOUTCOME_ONLY"
  [ack_before_puback]="broken:settled -DACK_BEFORE_PUBACK -DOUTCOME_ONLY"
  [believe_commit]="broken:settled -DBELIEVE_COMMIT -DOUTCOME_ONLY"
  [decide_again]="broken:bytes -DDECIDE_AGAIN -DOUTCOME_ONLY"
  [no_republish]="broken:idle -DNO_REPUBLISH"
  [hold_for_ever]="broken:settled -DRENEW_FOR_EVER -DNO_DEADLINE"
)
# The assertions of the model by which a broken variant may be refuted, as Spin prints them, but without blanks and brackets.
declare -A assertions=(
  [once]='written\[r]<=1'
  [balance]='head_balance==moved&&head_balance>=0'
  [bytes]='result\[r]==0\|\|result\[r]==verdict\[f]'
  [settled]='acked\[0]&&row\[0]!=0&&.*&&lock==[0-9]+'
  [idle]='phase\[0]==[0-9]+&&phase\[1]==[0-9]+'
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
if [[ $kind == broken:* ]]; then
  ((errors > 0)) || fail "Spin finds nothing wrong with it"
  found=$(grep -m 1 '^pan:1:' pan.log) || fail "Spin does not say what is wrong with it"
  echo "$found"
  # What it must not be: stuck in a state that the model calls no end, or another assertion than that which it breaks.
  bare=$(sed -E 's/ \(at depth [0-9]+\)$//; s/[() ]//g' <<<"$found")
  grep -qxE "pan:1:assertionviolated${assertions[${kind#broken:}]}" <<<"$bare" || fail "refuted, but not by its own assertion (${kind#broken:})"
else
  ((errors == 0)) || fail "refuted"
  # A search that ran out of room proves nothing.
  grep -qE 'max search depth too small|out of memory|not completed' pan.log && fail "the search is not complete"
  exit 0
fi
