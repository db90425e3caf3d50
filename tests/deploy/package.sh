#!/usr/bin/env bash
# Packs what a build directory holds and takes the package through its life in a fresh Debian: it is installed,
# configured, started as the unit starts it, upgraded, removed and purged. Usage, as root: package.sh BUILD_DIRECTORY
set -euo pipefail

build=$(realpath "$1")
dev=$(realpath "$(dirname "${BASH_SOURCE[0]}")/../../dev")
readonly build dev
work=$(mktemp -d /var/tmp/ledgerd-package.XXXXXX)
chmod 755 "$work"
root=$work/root
service=""
manager=""

clean() {
  [[ -z $service ]] || kill -KILL "$service" 2>/dev/null || true
  [[ -z $manager ]] || kill -KILL "$manager" 2>/dev/null || true
  [[ ! -d $work/servers ]] || "$dev" servers remove --at "$work/servers" || true
  rm -rf --one-file-system "$work"
}
trap clean EXIT

step() { echo "== $*"; }

fail() {
  echo "FAULT $*"
  exit 1
}

if ! unshare --mount true 2>"$work/why"; then
  echo "SKIPPED: this environment allows no mounts, which a fresh root needs: $(<"$work/why")"
  exit 77
fi

pack() {
  cpack -G DEB --config "$build/CPackConfig.cmake" -B "$work/$1" -D "CPACK_PACKAGE_VERSION=$1" >"$work/cpack.log" 2>&1 || {
    cat "$work/cpack.log"
    fail "cpack"
  }
  find "$work/$1" -maxdepth 1 -name '*.deb'
}

step "two packages of one build, the second of a higher version"
version=$(sed -n 's/^set(CPACK_PACKAGE_VERSION "\(.*\)")$/\1/p' "$build/CPackConfig.cmake")
old=$(pack "$version")
new=$(pack "$version.1")
dpkg-deb --info "$old"
dpkg-deb --contents "$old" | tee "$work/contents"

step "what is in it"
for path in usr/bin/ledgerd lib/systemd/system/ledgerd.service etc/ledgerd/ledgerd.toml usr/share/doc/ledgerd/copyright \
  usr/share/doc/ledgerd/changelog.gz usr/share/doc/ledgerd/examples/nats-permissions.conf; do
  grep -q " ./\(usr/\)\?$path\$" "$work/contents" || fail "$path is not in the package"
done
awk '$2 != "root/root" {exit 1}' "$work/contents" || fail "files that do not belong to root"
grep -qE '^-rwxr-xr-x .* ./usr/bin/ledgerd$' "$work/contents" || fail "the program's mode"
! grep -E '^[-d]......w..|\.(a|so|cmake|hpp)$|/tests?/' "$work/contents" || fail "files that have no place in the package"
(($(dpkg-deb --fsys-tarfile "$old" | tar -xO ./usr/bin/ledgerd | grep -ac LEDGERD_FAILPOINTS) == 0)) \
  || fail "a daemon that can be told to fail"
[[ $(dpkg-deb --info "$old" conffiles) == /etc/ledgerd/ledgerd.toml ]] || fail "the conffiles"
for library in libcaf-core libnats libpqxx libspdlog libcurl libjemalloc; do
  dpkg-deb --field "$old" Depends | grep -q "$library" || fail "the package does not depend on $library"
done

step "a fresh root"
# shellcheck source=/dev/null
suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
mmdebstrap --quiet --mode=root --variant=apt --include=adduser,procps "$suite" "$root"
cp "$old" "$new" "$root/var/tmp/"
cp /etc/resolv.conf /etc/hosts "$root/etc/"

# Nothing is mounted in the root, so nothing can be left mounted.
within() { DEBIAN_FRONTEND=noninteractive chroot "$root" "$@"; }

within apt-get -qq update
# What the dependencies bring does not count among what is left.
within apt-get -qq -y --no-install-recommends install "/var/tmp/$(basename "$old")" >"$work/apt.log" 2>&1 || {
  cat "$work/apt.log"
  fail "the installation"
}

step "installed"
within ledgerd --version | grep -qx "ledgerd $version" || fail "the version"
within ledgerd run --help >/dev/null
[[ -L $root/etc/systemd/system/multi-user.target.wants/ledgerd.service ]] || fail "the service is not enabled"
[[ $(within stat -c '%U:%G %a' /etc/ledgerd/secrets) == "root:ledgerd 750" ]] || fail "the folder of secrets"
[[ $(within getent passwd ledgerd) == ledgerd:*:/nonexistent:/usr/sbin/nologin ]] || fail "the user"

step "configured: secrets that root owns and the group may read"
as_user() { within setpriv --reuid ledgerd --regid ledgerd --clear-groups "$@"; }
config() { as_user ledgerd run --config /etc/ledgerd/ledgerd.toml --print-config; }
if config >"$work/config" 2>&1; then
  fail "a configuration without its secrets is taken"
fi
grep -q 'database-url-file' "$work/config" || fail "nobody says which file is missing"
for name in database-url nats-url; do
  echo "${name/database-url/postgresql}://u:p@127.0.0.1:1/d" | sed 's/^nats-url/nats/' >"$root/etc/ledgerd/secrets/$name"
  within chown root:ledgerd "/etc/ledgerd/secrets/$name"
done
for mode in 0440 0640; do
  within chmod $mode /etc/ledgerd/secrets/database-url /etc/ledgerd/secrets/nats-url
  config >"$work/config" 2>&1 || fail "secrets with mode $mode are refused: $(<"$work/config")"
done
within chmod 0644 /etc/ledgerd/secrets/nats-url
if config >"$work/config" 2>&1; then
  fail "a secret that everybody may read is taken"
fi
within chmod 0640 /etc/ledgerd/secrets/nats-url
echo '# by the administrator' >>"$root/etc/ledgerd/ledgerd.toml"

# In the place of systemd, which runs no service here: its socket, and the unit's command, user and environment.
heard() { grep -qx "$1" "$work/heard"; }

within_seconds() {
  local tries=$(($1 * 10))
  shift
  until "$@"; do
    ((tries-- > 0)) || return 1
    sleep 0.1
  done
}

listen() {
  python3 -c '
import os, socket, sys
here = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
os.umask(0)
here.bind(sys.argv[1])
while True:
    print(here.recv(4096).decode(), flush=True)
' "$root/run/notify" >>"$work/heard" &
  manager=$!
  within_seconds 10 test -S "$root/run/notify" || fail "nobody listens in the place of systemd"
}

unit() { sed -n "s/^$1=//p" "$root/lib/systemd/system/ledgerd.service"; }

livez() { curl -sf -o "$work/livez" "http://127.0.0.1:$port/livez"; }

start_service() {
  local command environment
  read -ra command <<<"$(unit ExecStart)"
  environment=$(unit Environment)
  : >"$work/heard"
  (
    umask "$(unit UMask)"
    exec chroot "$root" setpriv --reuid "$(unit User)" --regid "$(unit Group)" --clear-groups --no-new-privs --inh-caps=-all \
      --bounding-set=-all env -i PATH=/usr/bin:/bin NOTIFY_SOCKET=/run/notify "${environment//%l/$(uname -n | cut -d. -f1)}" \
      "${command[@]}"
  ) >"$work/service.log" 2>&1 &
  service=$!
  within_seconds 60 heard 'READY=1' || fail "the service does not become ready: $(<"$work/service.log")"
  livez || fail "/livez of a service that is ready: $(<"$work/service.log")"
}

stop_service() {
  local status=0
  kill -TERM "$service"
  wait "$service" || status=$?
  service=""
  ((status == 0)) || fail "SIGTERM ends the service with $status: $(<"$work/service.log")"
  heard 'STOPPING=1' || fail "nobody was told of the stop"
}

step "started, as the unit says"
"$dev" servers start --at "$work/servers" --owner $$ >/dev/null
for name in database-url nats-url; do
  variable=LEDGERD_${name^^}
  sed -n "s/^${variable//-/_}=//p" "$work/servers/env" >"$root/etc/ledgerd/secrets/$name"
done
port=$(cd "$(dirname "$dev")/tests/e2e" && node -e "import('./ports.mjs').then(async ({freePort}) => console.log(await freePort()))")
echo "http-listen = \"127.0.0.1:$port\"" >>"$root/etc/ledgerd/ledgerd.toml"
listen
start_service

step "upgraded"
within systemctl disable ledgerd.service >/dev/null 2>&1 || rm -f "$root/etc/systemd/system/multi-user.target.wants/ledgerd.service"
within apt-get -qq -y install "/var/tmp/$(basename "$new")" >"$work/apt.log" 2>&1 || {
  cat "$work/apt.log"
  fail "the upgrade"
}
# shellcheck disable=SC2016 # dpkg's variables
[[ $(within dpkg-query -W -f '${Version} ${db:Status-Status}' ledgerd) == "$version.1 installed" ]] || fail "the upgrade's version"
grep -qx '# by the administrator' "$root/etc/ledgerd/ledgerd.toml" || fail "the upgrade lost the administrator's change"
[[ -s $root/etc/ledgerd/secrets/database-url ]] || fail "the upgrade lost a secret"
[[ ! -e $root/etc/systemd/system/multi-user.target.wants/ledgerd.service ]] || fail "the upgrade enabled what was disabled"
livez || fail "the upgrade has ended what systemd alone ends"
stop_service
start_service
stop_service
kill "$manager"
rm "$root/run/notify"

step "removed"
within apt-get -qq -y remove ledgerd >/dev/null 2>&1
[[ ! -e $root/usr/bin/ledgerd ]] || fail "the program is still there"
[[ -s $root/etc/ledgerd/ledgerd.toml && -s $root/etc/ledgerd/secrets/database-url ]] || fail "the removal took the configuration"

step "purged"
within apt-get -qq -y purge ledgerd >/dev/null 2>&1
rm "$root"/var/tmp/*.deb
left=$(find "$root" -xdev -iname '*ledgerd*' -printf '/%P\n')
[[ -z $left ]] || fail "the purge left: $left"
! within getent passwd ledgerd || fail "the purge left the user"
! within getent group ledgerd || fail "the purge left the group"
! within dpkg-query -W ledgerd >/dev/null 2>&1 || fail "dpkg still knows the package"
step "nothing is left"
