#!/usr/bin/env bash
# Packs what a build directory holds and takes the package through its life in a fresh Debian: it is installed,
# configured, upgraded, removed and purged. Usage, as root: package.sh BUILD_DIRECTORY
set -euo pipefail

build=$(realpath "$1")
readonly build
work=$(mktemp -d /var/tmp/ledgerd-package.XXXXXX)
trap 'rm -rf --one-file-system "$work"' EXIT
root=$work/root

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
