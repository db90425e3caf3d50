# shellcheck shell=bash
# `./dev run`: the daemon, with both roles, between private servers, ten thousand sample requests, and what became of
# them.
#
# Sourced by `dev`. Everything is made anew under .dev/run each time, so the outcome can be compared with what
# the sample must lead to. Nothing is left running: not at the end, not on Ctrl-C, not when this script is killed.

demo_dir=$root/.dev/run
demo_daemon=""

# Ten thousand lines for `ledgerd submit --raw`; the numbers are those of demo_expected. Requests of three currencies
# over two hundred users; copies in another notation; ids used again for something else; and bad ones.
demo_requests() {
  awk -v seed="$1" '
    function text(id, user, amount, currency, type) {
      return "{\"recordId\":" id ",\"userId\":\"" user "\",\"amount\":" amount ",\"currency\":\"" currency \
        "\",\"type\":\"" type "\"}"
    }
    function bad(payload) { # as the text of a message with nothing said of its content
      gsub(/\\/, "\\\\", payload)
      gsub(/"/, "\\\"", payload)
      line[++lines] = "{\"subject\":\"transaction.deposit\",\"payload\":\"" payload "\"}"
    }
    BEGIN {
      srand(seed)
      split("KRW EUR BHD", codes)
      split("0 2 3", digits)
      for (id = 1; id <= 9000; ++id) {
        c = 1 + int(rand() * 3)
        user = "user-" int(rand() * 200)
        type = rand() < 0.55 ? "DEPOSIT" : "WITHDRAWAL"
        amount = sprintf("%." digits[c] "f", (1 + int(rand() * 100000)) / 10 ^ digits[c])
        line[++lines] = text(id, user, amount, codes[c], type)
        if (id % 15 == 1) # the same content in another notation: 600
          line[++lines] = text("\"" id "\"", user, "\"" amount (digits[c] ? "000" : ".000") "\"", codes[c], type)
        else if (id % 45 == 2) # the same in the same notation: 200
          line[++lines] = line[lines - 1]
        else if (id % 150 == 3) # the same id for something else: 60
          line[++lines] = text(id, user, "200000", codes[c], type)
      }
      for (i = 9001; i <= 9019; ++i) {
        bad("no JSON at all")
        bad("{\"recordId\":1,\"userId\":\"cut sh")
        bad(text(i, "user-1", "-5", "KRW", "DEPOSIT"))
        bad(text(i, "user-1", "1.001", "EUR", "DEPOSIT"))
        bad(text(i, "user-1", "1", "QQQ", "DEPOSIT"))
        bad(text(i, "user-1", "1", "KRW", "WITHDRAWAL")) # not what its subject says
        bad("{\"recordId\":" i ",\"amount\":1}")
      }
      large = "x"
      while (length(large) <= 65536)
        large = large large
      bad(large)
      bad(large)
      while (lines < 10000)
        bad("")
      for (i = 1; i <= lines; ++i)
        print line[i]
    }'
}

# One line for each outcome: its name and how many there must be.
demo_expected() {
  cat <<'END'
applied+refused 9000
duplicates 800
parked:INVALID_FIELD 95
parked:MALFORMED_JSON 43
parked:RECORD_ID_CONFLICT 60
parked:TOO_LARGE 2
END
}

# The number named "$1" in the JSON on standard input; several of that name are added up.
demo_number() { grep -o "\"$1\": *[0-9]*" | awk -F: '{sum += $2} END {print sum + 0}'; }

demo_stop() {
  local status=$?
  trap - EXIT
  trap '' INT TERM
  if [[ -n $demo_daemon ]]; then
    kill -TERM "$demo_daemon" 2>/dev/null || true
    servers_wait 15 demo_ended || kill -KILL "$demo_daemon" 2>/dev/null || true
    wait "$demo_daemon" 2>/dev/null || true
  fi
  servers remove --at "$demo_dir/servers" || true
  exit "$status"
}

demo_ended() { ! kill -0 "$demo_daemon" 2>/dev/null; }

demo_ready() {
  ! demo_ended || die "the daemon has ended, see $demo_dir/ledgerd.log"
  "$ledgerd" status --json | grep -q '"ready": *true'
}

# Starts servers and daemon; sets LEDGERD_* for the verbs.
demo_start() {
  servers remove --at "$demo_dir/servers"
  servers start --at "$demo_dir/servers" --owner $$ >/dev/null
  install -m 600 "$demo_dir/servers/env" "$demo_dir/env"
  echo "LEDGERD_HTTP_LISTEN=127.0.0.1:$(servers_free_port)" >>"$demo_dir/env"
  echo "LEDGERD_DEFAULT_CURRENCY=KRW" >>"$demo_dir/env"
  set -a
  # shellcheck source=/dev/null
  source "$demo_dir/env"
  set +a
  # A session of its own: Ctrl-C is for this script, which stops the daemon in order.
  setsid setpriv --pdeathsig TERM -- "$ledgerd" run --node-name demo >"$demo_dir/ledgerd.log" 2>&1 </dev/null &
  demo_daemon=$!
  servers_wait 60 demo_ready || die "the daemon does not become ready, see $demo_dir/ledgerd.log"
}

# What waits at the consumers in the JSON on standard input.
demo_left() {
  local status
  status=$(cat)
  echo $(($(demo_number pending <<<"$status") + $(demo_number ackPending <<<"$status")))
}

# Follows the requests, and then the results, until nothing is left to do.
demo_follow() {
  local total=$1 left status end=$((SECONDS + 120))
  while ((SECONDS < end)); do
    status=$("$ledgerd" status --json) || true # 1: somebody is away or not ready at this moment
    left=$(sed '/"name": "account-/,/}/d' <<<"$status" | demo_left)
    printf '   %6d of %d settled\n' $((total - left)) "$total"
    (($(demo_left <<<"$status"))) || return 0
    sleep 0.5
  done
  die "the requests are not settled after two minutes, see $demo_dir/ledgerd.log"
}

# One line for each outcome: its name and how many there are.
demo_outcome() {
  local total=$1 status applied refused parked
  # The ledger's own count; each node has one of what it took from the stream, too.
  status=$("$ledgerd" status --json --count | sed -n '/"ledger": *{/,/}/p') || true
  applied=$(demo_number applied <<<"$status")
  refused=$(demo_number refused <<<"$status")
  parked=$("$ledgerd" dead list --limit "$total" --json | grep -o '"Ledgerd-Reason": *"[A-Z_]*"' \
    | awk -F'"' '{++count[$4]} END {for (reason in count) print "parked:" reason, count[reason]}' | sort)
  echo "applied $applied"
  echo "refused $refused"
  echo "applied+refused $((applied + refused))"
  echo "duplicates $((total - applied - refused - $(awk '{sum += $2} END {print sum + 0}' <<<"$parked")))"
  echo "$parked"
}

# The outcome beside what it must be; fails when they differ.
demo_table() {
  awk '
    FNR == NR { expected[$1] = $2; next }
    { found[$1] = $2; order[++names] = $1 }
    END {
      for (name in expected)
        if (!(name in found)) {
          found[name] = 0
          order[++names] = name
        }
      printf "   %-28s %8s %10s\n", "outcome", "messages", "expected"
      for (i = 1; i <= names; ++i) {
        name = order[i]
        due = name in expected ? expected[name] : ""
        wrong = name in expected && found[name] != due
        printf "   %-28s %8d %10s%s\n", name, found[name], due, wrong ? "  WRONG" : ""
        faults += wrong
      }
      exit faults > 0
    }' <(demo_expected) <(demo_outcome "$1")
}

# The hints end with the page: what is read last is found first.
demo_hints() {
  cat <<END
Running until Ctrl-C. In another shell, after

   set -a; . ${demo_dir#"$PWD/"}/env; set +a; PATH=\$PATH:$(dirname "$ledgerd")

try for example

   ledgerd status
   ledgerd account user-7
   ledgerd trace 42
   ledgerd dead list
   ledgerd metrics
   ledgerd submit --user alice --type DEPOSIT --amount 10000 --record-id 1000000 --wait
   ledgerd audit
   curl -H 'Content-Type: application/json' -H 'Idempotency-Key: order-1' -H 'Prefer: wait=10' \\
     -d '{"userId": "alice", "type": "DEPOSIT", "amount": "10000"}' http://$LEDGERD_HTTP_LISTEN/v1/transactions

and open

   http://$LEDGERD_HTTP_LISTEN/
END
}

demo() {
  local once="" with="" total faults=0
  while (($#)); do
    case $1 in
      --once) once=1 ;;
      --with)
        (($# > 1)) || die "--with needs a program: run --with PROGRAM"
        with=$(command -v -- "$2") || die "--with $2: there is no such program"
        shift
        ;;
      *) die "run takes only --once and --with PROGRAM" ;;
    esac
    shift
  done
  if [[ -n $with ]]; then
    ledgerd=$(readlink -f "$with")
  elif [[ -x $ledgerd ]]; then
    build
  else
    ledgerd=$root/build/quick/ledgerd
    say "building $ledgerd" >&2
    compile quick
  fi
  need nats postgres
  mkdir -p "$demo_dir"
  exec 7>"$demo_dir/lock" # held until the last process of the run has ended
  flock -w 5 7 || die "another ./dev run is under way"
  trap 'exit 130' INT
  trap 'exit 143' TERM
  trap demo_stop EXIT
  say "starting PostgreSQL, nats-server and ledgerd"
  demo_start
  demo_requests "$RANDOM" >"$demo_dir/requests.jsonl"
  total=$(wc -l <"$demo_dir/requests.jsonl")
  say "publishing $total requests"
  "$ledgerd" submit --raw --file "$demo_dir/requests.jsonl"
  demo_follow "$total"
  say "outcome"
  demo_table "$total" || faults=1
  say "audit"
  "$ledgerd" audit || faults=1
  if [[ -z $once ]]; then
    demo_hints
    wait "$demo_daemon" || true
    demo_daemon=""
    die "the daemon has ended by itself, see $demo_dir/ledgerd.log"
  fi
  exit "$faults"
}
