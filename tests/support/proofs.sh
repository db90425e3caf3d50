# shellcheck shell=bash
# The searches and instruments of `dev`: the model. Sourced by `dev`.

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
