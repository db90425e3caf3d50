#!/usr/bin/env bash
# A connection pooler or a standby beside the private servers, for tests/support/server_process.hpp.
#
#   server_process.sh pooler DIR PORT MODE SETTINGS HOST:PORT DATABASE USER PASSWORD
#   server_process.sh pool-mode DIR MODE
#   server_process.sh standby DIR PORT PRIMARY_DATA PRIMARY_PORT PASSWORD
#   server_process.sh promote DIR
#   server_process.sh freeze STOP|CONT PRIMARY_DATA
#   server_process.sh exhaust DATA
#   server_process.sh remove DIR
set -euo pipefail

as_server_user() {
  if ((EUID == 0)); then
    (cd / && exec runuser -u postgres -- "$@")
  else
    "$@"
  fi
}

pg_bin() {
  local bin=${PG_BIN:-}
  [[ -n $bin ]] || bin=$(find /usr/lib/postgresql -mindepth 2 -maxdepth 2 -name bin | sort -V | tail -n 1)
  echo "$bin"
}

# The processes that work inside a data directory.
processes_in() {
  find /proc -mindepth 2 -maxdepth 2 -path '/proc/[0-9]*/cwd' -lname "$(readlink -f "$1")" 2>/dev/null | cut -d/ -f3
}

give_away() {
  ((EUID != 0)) || chown -R postgres: "$1"
}

wait_for_port() {
  for _ in {1..600}; do
    if (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; then
      return
    fi
    sleep 0.05
  done
  echo "nothing answers on port $1" >&2
  exit 1
}

start_pooler() {
  local at=$1 port=$2 mode=$3 settings=$4 server=$5 database=$6 user=$7 password=$8
  cat >"$at/pooler.ini" <<END
[databases]
$database = host=${server%:*} port=${server#*:} dbname=$database
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = $port
unix_socket_dir =
auth_type = scram-sha-256
auth_file = $at/users
pidfile = $at/pooler.pid
logfile = $at/pooler.log
pool_mode = $mode
default_pool_size = 5
$settings
END
  echo "\"$user\" \"$password\"" >"$at/users"
  chmod 600 "$at/users"
  give_away "$at"
  as_server_user "$(command -v pgbouncer || echo /usr/sbin/pgbouncer)" -q -d "$at/pooler.ini"
  wait_for_port "$port"
}

switch_pool_mode() {
  sed -i "s/^pool_mode = .*/pool_mode = $2/" "$1/pooler.ini"
  kill -HUP "$(<"$1/pooler.pid")"
}

start_standby() {
  local at=$1 port=$2 data=$3 primary_port=$4 password=$5
  local source="host=127.0.0.1 port=$primary_port user=postgres password=$password"
  echo "host replication all 127.0.0.1/32 scram-sha-256" >>"$data/pg_hba.conf"
  psql -XAtq -d "$source dbname=postgres" -c "SELECT pg_reload_conf()" >/dev/null
  for _ in {1..600}; do # the server reads the file when it comes to it
    ! psql -XAtq -d "$source replication=true" -c IDENTIFY_SYSTEM >/dev/null 2>&1 || break
    sleep 0.05
  done
  give_away "$at"
  as_server_user "$(pg_bin)/pg_basebackup" -D "$at/data" -d "$source application_name=standby" -R -c fast --no-sync
  as_server_user "$(pg_bin)/pg_ctl" -D "$at/data" -o "-p $port" -l "$at/standby.log" -w -t 60 start >/dev/null
  psql -XAtq -d "$source dbname=postgres" -c "ALTER SYSTEM SET synchronous_standby_names = '*'" \
    -c "SELECT pg_reload_conf()" >/dev/null
  for _ in {1..600}; do
    [[ $(psql -XAtq -d "$source dbname=postgres" -c "SELECT sync_state FROM pg_stat_replication") != sync ]] || return 0
    sleep 0.05
  done
  echo "the standby is not synchronous" >&2
  exit 1
}

# Stops the server on a data directory and moves its next transaction id behind the last that it gives out: the
# first of a file of pg_xact (of 1,048,576 ids), which has to be there.
exhaust() {
  local data
  data=$(readlink -f "$1")
  as_server_user "$(pg_bin)/pg_ctl" -D "$data" -m fast -w -t 60 stop >/dev/null
  as_server_user "$(pg_bin)/pg_resetwal" -x $((2046 * 1048576)) "$data" >/dev/null
  as_server_user dd if=/dev/zero of="$data/pg_xact/07FE" bs=262144 count=1 status=none
}

remove() {
  local at=$1 pid
  if [[ -s $at/pooler.pid ]]; then
    kill -KILL "$(<"$at/pooler.pid")" 2>/dev/null || true
  fi
  if [[ -d $at/data ]]; then
    for pid in $(processes_in "$at/data"); do
      kill -KILL "$pid" 2>/dev/null || true
    done
  fi
  rm -rf "$at"
}

case $1 in
  pooler) start_pooler "${@:2}" ;;
  pool-mode) switch_pool_mode "${@:2}" ;;
  standby) start_standby "${@:2}" ;;
  promote) as_server_user "$(pg_bin)/pg_ctl" -D "$2/data" -w -t 60 promote >/dev/null ;;
  freeze)
    for pid in $(processes_in "$3"); do
      kill "-$2" "$pid" 2>/dev/null || [[ ! -e /proc/$pid ]] # a backend may have ended meanwhile
    done
    ;;
  exhaust) exhaust "$2" ;;
  remove) remove "$2" ;;
  *) exit 2 ;;
esac
