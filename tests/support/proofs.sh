# shellcheck shell=bash
# The searches and instruments of `dev`: model, fuzz, sanitize, coverage, tsan. Sourced by `dev`.

# Spin on the model of the protocol. Arguments: names of its searches; none: those of every run of the tests; --deep: the
# larger ones, some minutes and gigabytes each.
prove_model() {
  need model
  local check=$root/tests/model/check.sh names=("$@") name
  case ${1:-} in
    "") mapfile -t names < <("$check" list) ;;
    --deep) mapfile -t names < <("$check" deep) ;;
  esac
  for name in "${names[@]}"; do
    "$check" "$name" "$root/.dev/model/$name"
  done
}

# One fuzz target for some seconds; what it finds new lies beside the kept corpus, under .dev/fuzz. Says how many inputs
# it tried. A finding fails, and its input lies there too, as crash-... or timeout-...
fuzz_one() {
  local name=$1 seconds=$2
  local at=$root/.dev/fuzz/$name program=$root/build/fuzz/tests/fuzz/${1}_fuzz failed=0
  mkdir -p "$at/new"
  UBSAN_OPTIONS=print_stacktrace=1 "$program" -max_total_time="$seconds" -max_len=4096 -timeout=20 -rss_limit_mb=2048 \
    -print_final_stats=1 -artifact_prefix="$at/" "$at/new" "$root/tests/fuzz/corpus/$name" >"$at/log" 2>&1 || failed=$?
  if ((failed)); then
    tail -n 60 "$at/log"
    echo "fuzz $name: FAILED, its input lies in $at"
    return 1
  fi
  echo "fuzz $name: $(sed -n 's/^stat::number_of_executed_units: *//p' "$at/log") inputs in $seconds s, no finding"
}

# [TARGET...] [--seconds N] [--keep]: all targets, or those; two at a time. --keep adds what reaches further to the
# corpus that is kept.
fuzz() {
  local seconds=60 keep=0 names=() name
  while (($#)); do
    case $1 in
      --seconds) seconds=${2:?seconds} && shift ;;
      --keep) keep=1 ;;
      -*) die "fuzz: $1 is not known" ;;
      *) names+=("$1") ;;
    esac
    shift
  done
  need proof
  compile fuzz
  ((${#names[@]})) || mapfile -t names < <(cd "$root/tests/fuzz/corpus" && printf '%s\n' *)
  export root
  export -f fuzz_one
  # shellcheck disable=SC2016 # expanded by the inner shell
  printf '%s\n' "${names[@]}" | xargs -P "$(nproc)" -I NAME bash -c 'fuzz_one "$1" "$2"' _ NAME "$seconds"
  ((keep)) || return 0
  for name in "${names[@]}"; do
    "$root/build/fuzz/tests/fuzz/${name}_fuzz" -merge=1 -max_len=4096 "$root/tests/fuzz/corpus/$name" "$root/.dev/fuzz/$name/new" \
      2>&1 | grep -E '^MERGE-OUTER: .*new (files|features)' || true
  done
}
