# shellcheck shell=bash
# Private servers for development and tests: a PostgreSQL and a nats-server with JetStream on loopback.
#
# Sourced by `dev`, which sets -euo pipefail. Everything lives in one directory:
#
#   env             LEDGERD_NATS_URL=... and LEDGERD_DATABASE_URL=..., one a line; mode 600, for it holds a password
#   nats.pid        nats-server; nats.conf, nats.log and its store `nats` stand beside it
#   nats.program    its program and pg.bin PostgreSQL's, which every later verb uses too
#   pg              PostgreSQL's data directory with postmaster.pid; pg.log beside it
#
# PostgreSQL refuses to run as root, so root runs it as the user `postgres`. Where that user cannot enter the
# directory, `pg` is a link to a directory under /var/tmp. Ports are chosen once and kept, so that a restart keeps
# the URLs.
#
# The role `ledgerd` is no superuser, as the daemon needs none; it may create databases and roles. It logs in with a
# generated password (scram-sha-256), because on a shared machine `trust` would let every local user run commands as
# the server's user. The superuser is `postgres`, with the same password.
#
# The variables NATS_SERVER (a nats-server) and PG_BIN (a directory with initdb, postgres, pg_ctl) name other programs
# than Debian's for `start`; NATS_CONFIG names a file with more lines for the configuration of a new nats-server.

# The nats-server of a directory: the one that is named, else the one it was started with, else Debian's.
servers_nats_program() {
  local program=${NATS_SERVER:-}
  [[ -n $program ]] || program=$(cat "$1/nats.program" 2>/dev/null || echo nats-server)
  program=$(command -v "$program") || die "NATS_SERVER must name a program, not \`$NATS_SERVER\`"
  readlink -f "$program"
}

# PostgreSQL's programs, in the same way.
servers_pg_bin() {
  local bin=${PG_BIN:-}
  [[ -n $bin ]] || bin=$(cat "$1/pg.bin" 2>/dev/null || servers_newest_pg_bin)
  [[ -x $bin/initdb ]] || die "PostgreSQL's server programs are not in \`$bin\`"
  echo "$bin"
}

servers_newest_pg_bin() {
  local bin
  bin=$(find /usr/lib/postgresql -mindepth 2 -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -n 1)
  [[ -x $bin/initdb ]] || die "PostgreSQL's server programs are not installed"
  echo "$bin"
}

# Runs a command as the user PostgreSQL runs as.
servers_as_pg() {
  if ((EUID == 0)); then
    (cd / && exec runuser -u postgres -- "$@")
  else
    "$@"
  fi
}

servers_port_open() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# A free loopback port below the range the kernel hands out by itself; 26000 and above are the end-to-end tests'. Whoever
# draws one has it for five minutes: until its server listens nothing else tells others that it is taken.
servers_free_port() {
  local port drawn=${TMPDIR:-/tmp}/ledgerd-ports
  mkdir -p "$drawn"
  chmod 1777 "$drawn" 2>/dev/null || true # others' as well
  find "$drawn" -type f -mmin +5 -delete 2>/dev/null || true
  for _ in {1..100}; do
    port=$((20000 + RANDOM % 6000))
    if ! servers_port_open "$port" && (set -o noclobber && : >"$drawn/$port") 2>/dev/null; then
      echo "$port"
      return
    fi
  done
  die "found no free port"
}

# Waits until a command succeeds: servers_wait SECONDS COMMAND...
servers_wait() {
  local tries=$(($1 * 20))
  shift
  until "$@"; do
    ((tries-- > 0)) || return 1
    sleep 0.05
  done
}

# The first line of a pid file; nats-server writes no newline after it.
servers_pid() {
  local pid=""
  read -r pid <"$1" || true
  echo "$pid"
}

# Whether the process in a pid file is alive and is the named program: the pid may have been given to another, and
# a zombie has no program.
servers_alive() { [[ -r $1 && $(readlink "/proc/$(servers_pid "$1")/exe") == *"$2"* ]]; }

servers_nats_alive() { servers_alive "$1/nats.pid" "$(cat "$1/nats.program" 2>/dev/null || echo /nats-server)"; }

servers_nats_gone() { ! servers_nats_alive "$1"; }

# ---------------------------------------------------------------------------------------------- nats-server

servers_nats_answers() {
  local greeting=""
  {
    exec 3<>"/dev/tcp/127.0.0.1/$1" && read -r -t 2 greeting <&3
    exec 3>&-
  } 2>/dev/null
  [[ $greeting == INFO* ]]
}

servers_start_nats() {
  local at=$1 port program
  program=$(servers_nats_program "$at")
  if [[ ! -f $at/nats.conf ]]; then
    port=$(servers_free_port)
    cat >"$at/nats.conf" <<END
server_name: "private-$port"
host: "127.0.0.1"
port: $port
pid_file: "$at/nats.pid"
log_file: "$at/nats.log"
max_payload: 1MB
jetstream {
  store_dir: "$at/nats"
  max_memory_store: 256MB
  max_file_store: 16GB
}
END
    [[ -z ${NATS_CONFIG:-} ]] || cat "$NATS_CONFIG" >>"$at/nats.conf"
  fi
  port=$(sed -n 's/^port: //p' "$at/nats.conf")
  if ! servers_nats_alive "$at"; then
    echo "$program" >"$at/nats.program"
    (setsid "$program" -c "$at/nats.conf" </dev/null >>"$at/nats.log" 2>&1 9>&- &)
  fi
  servers_wait 30 servers_nats_answers "$port" || die "nats-server does not answer on port $port, see $at/nats.log"
  echo "LEDGERD_NATS_URL=nats://127.0.0.1:$port" >"$at/nats.env"
}

servers_signal_nats() {
  local at=$1 signal=$2 seconds=$3
  servers_nats_alive "$at" || return 0
  kill "-$signal" "$(servers_pid "$at/nats.pid")" 2>/dev/null || true
  servers_wait "$seconds" servers_nats_gone "$at"
}

servers_kill_nats() { servers_signal_nats "$1" KILL 60 || die "nats-server in $1 cannot be stopped"; }

servers_stop_nats() { servers_signal_nats "$1" TERM 5 || servers_kill_nats "$1"; }

# ----------------------------------------------------------------------------------------------- PostgreSQL

# The processes of the server on this data directory: every one of them works inside it.
servers_pg_processes() {
  local data pid
  data=$(readlink -f "$1/pg") || return 0
  find /proc -mindepth 2 -maxdepth 2 -path '/proc/[0-9]*/cwd' -lname "$data" 2>/dev/null \
    | while IFS=/ read -r _ _ pid _; do
      [[ $(readlink "/proc/$pid/exe") != */postgres* ]] || echo "$pid"
    done
}

# Kills whatever is left; whether nothing was. Once is not enough: one may be forked while the others are looked up.
servers_pg_killed() {
  local pid left=0
  for pid in $(servers_pg_processes "$1"); do
    kill -KILL "$pid" 2>/dev/null || true
    left=1
  done
  return "$left"
}

# An immediate stop of all that is left: the server recovers from its log at the next start. One that waits for a slow
# disk goes only when that has answered.
servers_kill_pg() {
  servers_wait 60 servers_pg_killed "$1" || die "PostgreSQL in $1/pg cannot be stopped"
}

servers_make_pg_directory() {
  local at=$1 data=$1/pg
  servers_remove_pg_directory "$at"
  mkdir -m 700 "$data"
  ((EUID == 0)) || return 0
  chown postgres: "$data"
  if ! servers_as_pg test -w "$data" 2>/dev/null; then
    rmdir "$data"
    data=$(mktemp -d /var/tmp/ledgerd-pg.XXXXXX)
    chown postgres: "$data"
    ln -s "$data" "$at/pg"
  fi
}

servers_remove_pg_directory() {
  local data
  if [[ -L $1/pg ]]; then
    data=$(readlink "$1/pg")
    [[ $data != /var/tmp/ledgerd-pg.* ]] || rm -rf "$data"
  fi
  rm -rf "$1/pg" "$1/pg.env"
}

servers_init_pg() {
  local at=$1 bin=$2 data port password
  servers_make_pg_directory "$at"
  data=$(readlink -f "$at/pg")
  password=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
  servers_as_pg "$bin/initdb" -D "$data" -U postgres --auth=reject --encoding=UTF8 --locale=C --data-checksums \
    --no-sync >>"$at/pg.log" 2>&1 || die "initdb failed, see $at/pg.log"
  echo "host all all 127.0.0.1/32 scram-sha-256" | servers_as_pg tee "$data/pg_hba.conf" >/dev/null
  servers_as_pg tee -a "$data/postgresql.conf" >/dev/null <<END
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 100
shared_buffers = 256MB
max_wal_size = 4GB
fsync = on
full_page_writes = on
synchronous_commit = on
END
  # Single-user mode: one statement a line, no server and no port needed.
  servers_as_pg "$bin/postgres" --single -D "$data" postgres >>"$at/pg.log" 2>&1 <<END
ALTER ROLE postgres PASSWORD '$password'
CREATE ROLE ledgerd LOGIN CREATEDB CREATEROLE PASSWORD '$password'
CREATE DATABASE ledgerd OWNER ledgerd
END
  # Drawn last: until the server listens on it, another one may draw the same.
  port=$(servers_free_port)
  echo "port = $port" | servers_as_pg tee -a "$data/postgresql.conf" >/dev/null
  (umask 077 && echo "LEDGERD_DATABASE_URL=postgresql://ledgerd:$password@127.0.0.1:$port/ledgerd" >"$at/pg.env")
}

servers_start_pg() {
  local at=$1 bin data port
  bin=$(servers_pg_bin "$at")
  echo "$bin" >"$at/pg.bin"
  # pg.env is written last, so without it the directory is half made.
  [[ -f $at/pg.env && -f $at/pg/PG_VERSION ]] || servers_init_pg "$at" "$bin"
  data=$(readlink -f "$at/pg")
  port=$(sed -n 's/^port = //p' "$data/postgresql.conf")
  if ! servers_alive "$at/pg/postmaster.pid" /postgres; then
    # What a killed server left behind. PostgreSQL trusts a zombie's pid, which stays where no init reaps.
    servers_kill_pg "$at"
    rm -f "$data/postmaster.pid"
    servers_as_pg "$bin/pg_ctl" -D "$data" -w -t 120 start </dev/null >>"$at/pg.log" 2>&1 9>&- \
      || die "PostgreSQL does not start, see $at/pg.log"
  fi
  servers_wait 60 "$bin/pg_isready" -q -h 127.0.0.1 -p "$port" || die "PostgreSQL does not answer, see $at/pg.log"
}

# Gives PostgreSQL log files to use again, as one that has run for a while has them. A fresh one makes and fills each
# anew, which holds up a commit for tens of milliseconds.
servers_age_pg() {
  local superuser
  superuser=$(sed 's/^LEDGERD_DATABASE_URL=//; s#//ledgerd:#//postgres:#' "$1/pg.env")
  "$(servers_pg_bin "$1")/psql" "$superuser" -q -v ON_ERROR_STOP=1 >/dev/null <<'END'
ALTER SYSTEM SET min_wal_size = '1GB';
SELECT pg_reload_conf();
SELECT format('SELECT pg_logical_emit_message(false, %L, %L); SELECT pg_switch_wal();', 'age', n)
FROM generate_series(1, 60) AS n \gexec
CHECKPOINT;
END
}

servers_stop_pg() {
  local at=$1
  if servers_alive "$at/pg/postmaster.pid" /postgres; then
    servers_as_pg "$(servers_pg_bin "$at")/pg_ctl" -D "$(readlink -f "$at/pg")" -m fast -w -t 10 stop >>"$at/pg.log" 2>&1 \
      || true
  fi
  servers_kill_pg "$at"
}

# ------------------------------------------------------------------------------------------------ the verbs

# Removes the servers when the process `owner` has ended, however it ended.
servers_watch() {
  local at=$1 owner=$2
  # shellcheck disable=SC2016 # the inner shell expands them
  (setsid bash -c 'echo $$ >"$3/watch.pid"; tail --pid="$1" -f /dev/null; exec "$2" servers remove --at "$3"' \
    watch "$owner" "$root/dev" "$at" </dev/null >/dev/null 2>&1 9>&- &)
  servers_wait 5 test -s "$at/watch.pid" || die "cannot watch process $owner"
}

# Ends the watcher, unless it has become the present process.
servers_end_watch() {
  local at=$1 pid
  [[ -r $at/watch.pid ]] || return 0
  pid=$(servers_pid "$at/watch.pid")
  if [[ $pid != "$$" ]] && grep -qzxF "$at" "/proc/$pid/cmdline" 2>/dev/null; then
    kill -TERM -- "-$pid" 2>/dev/null || true
  fi
}

servers_usage() {
  cat <<END
usage: ./dev servers start|stop|kill|remove|env [--at DIR] [--only nats|postgres] [--owner PID]
  start   starts what is not running, waits until it answers, prints the URLs; same ports every time
  stop    stops the servers, keeps their data
  kill    kills the servers at once (SIGKILL), keeps their data
  remove  ends the servers and deletes their data and DIR
  env     prints the URLs
  --at    the directory of the servers (default .dev/servers)
  --only  just one of the two
  --owner start only: remove everything as soon as process PID has ended
  NATS_SERVER and PG_BIN (variables) name another nats-server and the directory of another PostgreSQL's programs,
  NATS_CONFIG a file with more lines for the configuration of a new nats-server
END
}

servers() {
  local verb=${1:-} at=$root/.dev/servers only="" owner=""
  if [[ " $* " =~ \ (-h|--help)\  ]]; then
    servers_usage
    return
  fi
  shift || true
  while (($#)); do
    case $1 in
      --at) at=${2:?--at needs a directory} ;;
      --only) only=${2:?--only needs nats or postgres} ;;
      --owner) owner=${2:?--owner needs a process id} ;;
      *) servers_usage >&2; exit 2 ;;
    esac
    shift 2
  done
  [[ $only =~ ^(nats|postgres)?$ ]] || { servers_usage >&2; exit 2; }
  case $verb in
    start) servers_start "$at" "$only" "$owner" ;;
    stop) servers_stop "$at" "$only" ;;
    kill) servers_kill "$at" "$only" ;;
    remove) servers_remove "$at" ;;
    env) cat "$at/env" ;;
    *) servers_usage >&2; exit 2 ;;
  esac
}

servers_start() {
  local at=$1 only=$2 owner=$3
  mkdir -p "$at"
  at=$(cd "$at" && pwd -P)
  exec 9>"$at/.lock"
  flock 9
  if [[ $only != postgres ]]; then
    [[ -n ${NATS_SERVER:-} ]] || need nats
    servers_start_nats "$at"
  fi
  if [[ $only != nats ]]; then
    [[ -n ${PG_BIN:-} ]] || need postgres
    servers_start_pg "$at"
  fi
  (umask 077 && cat "$at"/nats.env "$at"/pg.env >"$at/env" 2>/dev/null) || true
  [[ -z $owner ]] || servers_watch "$at" "$owner"
  cat "$at/env"
  exec 9>&-
}

servers_stop() {
  local at=$1 only=$2
  [[ -d $at ]] || return 0
  at=$(cd "$at" && pwd -P)
  exec 9>"$at/.lock"
  flock 9
  [[ $only == postgres ]] || servers_stop_nats "$at"
  [[ $only == nats ]] || servers_stop_pg "$at"
  exec 9>&-
}

servers_kill() {
  local at=$1 only=$2
  [[ -d $at ]] || return 0
  at=$(cd "$at" && pwd -P)
  [[ $only == postgres ]] || servers_kill_nats "$at"
  [[ $only == nats ]] || servers_kill_pg "$at"
}

# Deletes only what `start` has made; DIR itself goes when it is empty.
servers_remove() {
  local at=$1
  [[ -d $at ]] || return 0
  at=$(cd "$at" && pwd -P)
  servers_kill "$at" ""
  servers_end_watch "$at"
  servers_remove_pg_directory "$at"
  rm -rf "$at/nats"
  rm -f "$at"/{watch.pid,env,nats.env,nats.conf,nats.log,nats.pid,nats.program,pg.bin,pg.log,.lock}
  rmdir "$at" 2>/dev/null || true
}
