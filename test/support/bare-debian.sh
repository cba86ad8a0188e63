#!/bin/sh
# Runs `npm test` on a bare Debian: no PostgreSQL, no RabbitMQ, no Erlang, no Docker, no git; an ordinary user; Node,
# npm and a clone of the last commit. Needs root, debootstrap and a package mirror.
#
#   sudo test/support/bare-debian.sh [arguments for jest]
#
# SUITE   Debian's release. Default bookworm.
# MIRROR  Default http://deb.debian.org/debian.
set -eu

suite=${SUITE:-bookworm}
mirror=${MIRROR:-http://deb.debian.org/debian}
repository=$(cd "$(dirname "$0")/../.." && pwd)

fail() {
  echo "bare-debian: $1" >&2
  exit 1
}
[ "$(id -u)" = 0 ] || fail 'needs root, to make a root directory.'
for tool in debootstrap unshare git node npm; do
  command -v "$tool" >/dev/null || fail "needs $tool."
done

root=$(mktemp -d "${TMPDIR:-/tmp}/bare-debian-XXXXXX")
trap 'rm -rf --one-file-system "$root"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
chmod 755 "$root"

echo "bare-debian: making $suite in $root"
debootstrap --variant=minbase "$suite" "$root" "$mirror" >"$root.log" 2>&1 ||
  fail "debootstrap failed, see $root.log"
rm -f "$root.log"
# As in an image whose package lists were thrown away.
rm -rf "$root"/var/lib/apt/lists/*

# How this machine reaches the network.
for file in /etc/hosts /etc/resolv.conf ${NODE_EXTRA_CA_CERTS:-}; do
  mkdir -p "$root$(dirname "$file")"
  cp -L "$file" "$root$file"
done
find /etc/apt/apt.conf.d -name '*proxy*' -exec cp {} "$root/etc/apt/apt.conf.d/" \;

# Node and npm, with the libraries that a bare system lacks.
node=$(readlink -f "$(command -v node)")
mkdir -p "$root/usr/local/lib/node_modules"
cp "$node" "$root/usr/local/bin/node"
cp -R "$(npm root --global)/npm" "$root/usr/local/lib/node_modules/"
ln -s ../lib/node_modules/npm/bin/npm-cli.js "$root/usr/local/bin/npm"
ln -s ../lib/node_modules/npm/bin/npx-cli.js "$root/usr/local/bin/npx"
ldd "$node" | awk '$3 ~ /^\// { print $3 }' | while read -r library; do
  [ -e "$root$library" ] || cp -L "$library" "$root/usr/local/lib/"
done
chroot "$root" ldconfig

chroot "$root" useradd --create-home --shell /bin/sh tester
git -c safe.directory='*' clone --quiet --no-hardlinks "$repository" "$root/home/tester/repository"
chroot "$root" chown -R tester:tester /home/tester/repository

cat >"$root/home/tester/run" <<'END'
cd ~/repository
for program in postgres rabbitmq-server erl docker git; do
  if command -v "$program"; then exit 1; fi
done
echo "bare-debian: Debian $(cat /etc/debian_version), Node $(node --version), user $(id -un), uid $(id -u)"
npm test -- "$@"
END

# Own mounts and own processes: when the last command ends, nothing of either is left.
unshare --mount --pid --fork --kill-child sh -c '
  root=$1; shift
  mount -t proc proc "$root/proc"
  chroot --userspec=tester:tester "$root" /usr/bin/env -i "$@"
' bare-debian "$root" \
  HOME=/home/tester USER=tester LANG=C.UTF-8 PATH=/usr/local/bin:/usr/bin:/bin \
  npm_config_registry="$(npm config get registry)" npm_config_update_notifier=false \
  NODE_EXTRA_CA_CERTS="${NODE_EXTRA_CA_CERTS:-}" \
  http_proxy="${http_proxy:-}" https_proxy="${https_proxy:-}" no_proxy="${no_proxy:-}" \
  sh /home/tester/run "$@"
