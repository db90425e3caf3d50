#!/usr/bin/env bash
# usage: newer_nats.sh fetch DIRECTORY        the nats-server of the next Debian, unpacked beside the system's own
#        newer_nats.sh run DIRECTORY CMD...   a command with that server; 77, with the reason, when there is none
set -euo pipefail

next_suite() {
  local codename
  codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
  case $codename in
    bookworm) echo trixie ;;
    *) echo sid ;;
  esac
}

# This machine's own Debian source with another suite, and state of its own: nothing that is installed changes.
fetch() {
  local at=$1 scratch source suite program=$1/nats-server
  [[ -x $program ]] && return
  suite=$(next_suite)
  mkdir -p "$at"
  scratch=$(mktemp -d)
  chmod 755 "$scratch"
  # shellcheck disable=SC2064 # the directory of now
  trap "rm -rf '$scratch'" EXIT
  # shellcheck disable=SC2016 # apt's own variable
  source=$(apt-get indextargets --no-release-info --format '$(SITE)' 'Created-By: Packages' | grep -m 1 '/debian/\?$')
  mkdir -p "$scratch/lists/partial" "$scratch/archives/partial"
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $source $suite main" >"$scratch/sources.list"
  local apt=(-qq -o "Dir::Etc::SourceList=$scratch/sources.list" -o Dir::Etc::SourceParts=/dev/null
    -o "Dir::State::Lists=$scratch/lists" -o "Dir::Cache::Archives=$scratch/archives" -o Dir::Cache::pkgcache=
    -o Dir::Cache::srcpkgcache= -o APT::Sandbox::User=root)
  (
    cd "$scratch"
    apt-get "${apt[@]}" update >&2
    apt-get "${apt[@]}" download nats-server >&2
    dpkg-deb --fsys-tarfile nats-server_*.deb | tar -x ./usr/sbin/nats-server
  )
  mv "$scratch/usr/sbin/nats-server" "$program"
  "$program" --version
}

run() {
  local program=$1/nats-server
  if ! [[ -x $program ]]; then
    echo "skipped: no newer nats-server could be fetched from Debian ($program is missing)"
    exit 77
  fi
  "$program" --version
  NATS_SERVER=$program exec "${@:2}"
}

"$@"
