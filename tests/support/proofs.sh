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

# One fuzz target with libFuzzer's flags; what it finds new lies beside the kept corpus, under .dev/fuzz. Says how many
# inputs it tried. A finding fails, and its input lies there too, as crash-... or timeout-...
fuzz_one() {
  local preset=$1 name=$2
  local at=$root/.dev/fuzz/$name program=$root/build/$preset/tests/fuzz/${name}_fuzz failed=0 began=$SECONDS
  shift 2
  mkdir -p "$at/new"
  UBSAN_OPTIONS=print_stacktrace=1 "$program" "$@" -max_len=4096 -timeout=20 -rss_limit_mb=2048 \
    -print_final_stats=1 -artifact_prefix="$at/" "$at/new" "$root/tests/fuzz/corpus/$name" >"$at/log" 2>&1 || failed=$?
  if ((failed)); then
    tail -n 60 "$at/log"
    echo "fuzz $name: FAILED, its input lies in $at"
    return 1
  fi
  echo "fuzz $name: $(sed -n 's/^stat::number_of_executed_units: *//p' "$at/log") inputs in $((SECONDS - began)) s, no finding"
}

# [TARGET...] [--seconds N | --inputs N] [--fast] [--keep]: all targets, or those; two at a time. --fast: many times the
# inputs, judged by the target's own checks alone, without sanitizers. --keep adds what reaches further to the corpus
# that is kept.
fuzz() {
  local limit=-max_total_time=60 preset=fuzz keep=0 flags=() names=() name
  while (($#)); do
    case $1 in
      --seconds) limit=-max_total_time=${2:?seconds} && shift ;;
      --inputs) limit=-runs=${2:?inputs} && shift ;;
      --fast) preset=fuzz-fast flags=(-entropic=0) ;;
      --keep) keep=1 ;;
      -*) die "fuzz: $1 is not known" ;;
      *) names+=("$1") ;;
    esac
    shift
  done
  [[ $keep == 0 || $preset == fuzz ]] || die "fuzz: --fast sees less of an input, so nothing that it finds is kept"
  need proof
  compile "$preset"
  ((${#names[@]})) || mapfile -t names < <(cd "$root/tests/fuzz/corpus" && printf '%s\n' *)
  export root
  export -f fuzz_one
  # shellcheck disable=SC2016 # expanded by the inner shell
  printf '%s\n' "${names[@]}" | xargs -P "$(nproc)" -I NAME bash -c 'fuzz_one "$@"' _ "$preset" NAME "$limit" "${flags[@]}"
  ((keep)) || return 0
  for name in "${names[@]}"; do
    "$root/build/$preset/tests/fuzz/${name}_fuzz" -merge=1 -max_len=4096 "$root/tests/fuzz/corpus/$name" "$root/.dev/fuzz/$name/new" \
      2>&1 | grep -E '^MERGE-OUTER: .*new (files|features)' || true
  done
}

# The unit tests, those of broker and store with their servers, and seeds of the simulation, with Clang, the sanitizers for
# addresses and undefined behaviour, and counters of what is reached. Arguments go to ctest instead.
sanitize() {
  need build proof nats postgres
  local at=$root/build/proof
  compile proof
  rm -rf "$at/profiles"
  export LLVM_PROFILE_FILE="$at/profiles/%4m.profraw"
  export UBSAN_OPTIONS="print_stacktrace=1:suppressions=$root/tests/support/ubsan.supp"
  local run=(ctest --test-dir "$at" --output-on-failure --no-tests=error)
  if (($#)); then
    "${run[@]}" -j "$(nproc)" "$@"
    return
  fi
  "${run[@]}" -j "$(nproc)" -L unit
  "${run[@]}" -R '^(broker|broker_access|persistence)_test\.'
  "$at/ledgerd_simulate" --seeds 20 --from 1
}

# The same, and then which lines and branches were reached. Counted in the source, so that what a compiler adds does not
# show.
coverage() {
  sanitize "$@"
  require_node
  node "$root/tests/coverage/report.mjs" "$root" "$root/build/proof" --lines 85
}

# ------------------------------------------------------------------------------------------- the thread sanitizer

tsan_dir=$root/.dev/tsan

# apt's lists of Debian's sources, in a folder of our own: what apt is configured with, with deb-src in the place of
# deb. Prints the options with which apt uses them.
tsan_apt() {
  local at=$tsan_dir/apt codename file
  codename=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
  mkdir -p "$at/parts" "$at/lists/partial"
  rm -f "$at"/parts/*
  for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
    [[ -f $file ]] || continue
    sed -n "s/^deb \(\[[^]]*\] \)\{0,1\}\([^ ]* ${codename}[^ ]* .*\)/deb-src \1\2/p" "$file" >>"$at/parts/debian.list"
  done
  for file in /etc/apt/sources.list.d/*.sources; do
    [[ -f $file ]] || continue
    grep -q "^Suites:.*\b$codename\b" "$file" || continue
    sed 's/^Types:.*/Types: deb-src/' "$file" >"$at/parts/$(basename "$file")"
  done
  printf '%s\n' -o Dir::Etc::sourcelist=/dev/null -o "Dir::Etc::sourceparts=$at/parts" \
    -o "Dir::State::lists=$at/lists" -o APT::Sandbox::User=root
}

# The source of a package that is installed, in a folder of its own: with Debian's patches, or as its authors gave it out
# where the mirror has only that. Prints the folder.
tsan_source() {
  local source=$1 at=$2
  mkdir -p "$at"
  (
    cd "$at"
    apt-get -qq "${tsan_apt[@]}" source "$source" >&2 && exit
    say "no patched source of $source: taking the original one" >&2
    apt-get -qq "${tsan_apt[@]}" source --tar-only "$source" >&2
    find . -name '*.orig.tar.*' ! -name '*.asc' -exec tar -xf {} \;
  ) || return
  find "$at" -mindepth 1 -maxdepth 1 -type d | grep .
}

# One library, installed under .dev/tsan/prefix: PACKAGE [CMake options].
tsan_library() {
  local package=$1 version at=$tsan_dir/$1 folder
  shift
  # shellcheck disable=SC2016 # fields of dpkg-query
  version=$(dpkg-query -W -f='${source:Package}=${source:Version}' "$package")
  [[ $(cat "$at/built" 2>/dev/null) == "$version $*" ]] && return
  say "building $version for the thread sanitizer" >&2
  rm -rf "$at"
  if ! folder=$(tsan_source "$version" "$at/source"); then
    say "no source of $package: its library is used as it is, and what happens inside it is not seen" >&2
    return 0
  fi
  cmake -S "$folder" -B "$at/build" -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo -DCMAKE_C_COMPILER=clang \
    -DCMAKE_CXX_COMPILER=clang++ -DCMAKE_C_FLAGS=-fsanitize=thread -DCMAKE_CXX_FLAGS="-fsanitize=thread -w" \
    -DCMAKE_C_COMPILER_LAUNCHER=ccache -DCMAKE_CXX_COMPILER_LAUNCHER=ccache \
    -DCMAKE_INSTALL_PREFIX="$tsan_dir/prefix" -DCMAKE_INSTALL_LIBDIR=lib "$@"
  cmake --build "$at/build"
  cmake --install "$at/build"
  echo "$version $*" >"$at/built"
}

# The unit tests, and those of broker and store with their servers, under the thread sanitizer, with CAF, cnats, libpqxx
# and spdlog rebuilt for it. Arguments go to ctest instead. About an hour on two cores for the first time.
thread_sanitizer() {
  need build proof nats postgres package
  local -a tsan_apt
  mapfile -t tsan_apt < <(tsan_apt)
  apt-get -qq "${tsan_apt[@]}" update >&2
  {
    tsan_library libcaf-dev -DCAF_NO_EXAMPLES=ON -DCAF_NO_UNIT_TESTS=ON -DCAF_NO_IO=ON -DCAF_NO_OPENSSL=ON \
      -DCAF_NO_TOOLS=ON -DCAF_NO_PYTHON=ON -DCAF_NO_AUTO_LIBCPP=ON
    tsan_library libnats-dev -DNATS_BUILD_STREAMING=OFF -DNATS_BUILD_EXAMPLES=OFF -DNATS_BUILD_TESTING=OFF \
      -DBUILD_TESTING=OFF
    tsan_library libpqxx-dev -DSKIP_BUILD_TEST=ON -DBUILD_TEST=OFF -DBUILD_SHARED_LIBS=ON
    tsan_library libspdlog-dev -DSPDLOG_BUILD_SHARED=ON -DSPDLOG_FMT_EXTERNAL=ON -DSPDLOG_BUILD_EXAMPLE=OFF
  } >&2
  CMAKE_PREFIX_PATH=$tsan_dir/prefix PKG_CONFIG_PATH=$tsan_dir/prefix/lib/pkgconfig \
    compile tsan --target unit_tests broker_test broker_access_test persistence_test
  local suppressions=$tsan_dir/suppressions
  cp "$root/tests/support/tsan.supp" "$suppressions"
  [[ -e $tsan_dir/prefix/lib/libnats.so ]] || echo "called_from_lib:libnats.so" >>"$suppressions"
  export TSAN_OPTIONS="suppressions=$suppressions second_deadlock_stack=1" LD_LIBRARY_PATH=$tsan_dir/prefix/lib
  local run=(setarch -R ctest --test-dir "$root/build/tsan" --output-on-failure --no-tests=error -j "$(nproc)")
  if (($#)); then
    "${run[@]}" "$@"
  else
    say "without http_test.http_flood, whose limits of memory are not those of an instrumented program, and" \
      "broker_access_test.broker_tls, for the locks that guard OpenSSL are taken inside a library that is not instrumented"
    "${run[@]}" -L unit -E '^http_test\.http_flood$'
    "${run[@]}" -R '^(broker|broker_access|persistence)_test\.' -E '^broker_access_test\.broker_tls$'
  fi
}
