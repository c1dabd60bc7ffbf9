#!/bin/sh
# Installs the package, starts what it brought, and removes it: `trial.sh PACKAGE FOLDER-OF-umweg-server`. Called by `./x package --try` in
# namespaces of its own, as root: the file system is an overlay that vanishes, and the network has nothing but a loopback.
set -eu
package=$1 programs=$2
page=$PWD/docs/setup.md
unit=/lib/systemd/system/umweg-proxy.service
say() { printf '   %s\n' "$*"; }
# As a volunteer reads it: what the page does not say is not run.
as_written() { grep -qxF "\$ $1" "$page" || fail "$page does not say: $1"; eval "$1"; }
fail() { printf '   %s\n' "$*" >&2; exit 1; }

mount -t tmpfs tmpfs /mnt
for folder in usr etc var; do
    mkdir -p "/mnt/$folder/upper" "/mnt/$folder/work"
    mount -t overlay overlay -o "lowerdir=/$folder,upperdir=/mnt/$folder/upper,workdir=/mnt/$folder/work" "/$folder"
done
mkdir /mnt/service
mount -t tmpfs tmpfs /run
ip link set lo up

cp "$package" /mnt
cd /mnt
as_written 'apt-get install ./umweg-proxy_*.deb' >/mnt/installed 2>&1 || { cat /mnt/installed; fail 'it cannot be installed'; }
[ "$(command -v umweg-proxy)" = /usr/bin/umweg-proxy ] || fail 'the program is not where the package should have put it'
grep -q '^# service = ' /etc/umweg-proxy.toml || fail 'there is no first configuration'
say "installed $(dpkg-query --show --showformat '${Version} for ${Architecture}, ${Installed-Size} KiB' umweg-proxy)"

if command -v systemd-analyze >/dev/null; then
    systemd-analyze verify "$unit" || fail 'systemd would not take the unit'
    systemd-analyze security --offline=true --threshold=15 "$unit" >/mnt/security || { cat /mnt/security; fail 'the unit is too open'; }
    say "$(tail -1 /mnt/security | sed 's/[^A-Za-z0-9]*//; s/ [^ -~]*$//')"
else
    say 'NOT LOOKED AT: the unit, without systemd here'
fi

"$programs/umweg-server" run --dev --data /mnt/service >/mnt/service/said 2>/mnt/service/log &
for _ in $(seq 100); do
    link=$(sed -n 's/^ready link=//p' /mnt/service/said)
    [ -n "$link" ] && break
    sleep 0.1
done
[ -n "$link" ] || fail 'no service to try it with'
printf 'service = "%s"\nhost = "127.0.0.1"\n' "$link" >/etc/umweg-proxy.toml

# As the unit says: its commands, without root's rights but for the low ports.
install --directory --mode=700 --owner=65534 --group=65534 /var/lib/umweg-proxy
command_of() { sed -n "s/^$1=//p" "$unit"; }
as_the_unit() { exec setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=+net_bind_service --ambient-caps=+net_bind_service --no-new-privs "$@"; }
# shellcheck disable=SC2046 # a command line of several words
(as_the_unit $(command_of ExecStartPre)) >/mnt/said
# shellcheck disable=SC2046
as_the_unit $(command_of ExecStart) >/mnt/said 2>&1 &
proxy=$!
for _ in $(seq 100); do
    grep -q '^ready' /mnt/said && break
    kill -0 "$proxy" 2>/dev/null || break
    sleep 0.1
done
grep -q '^ready' /mnt/said || { cat /mnt/said; fail 'it did not start'; }
as_written 'umweg-proxy doctor --config /etc/umweg-proxy.toml --data /var/lib/umweg-proxy' >/mnt/doctor || { cat /mnt/doctor; fail 'the doctor found problems'; }
[ "$(grep -c 'this proxy.s, and a road through it leads to the service' /mnt/doctor)" = 2 ] || { cat /mnt/doctor; fail 'no road on 443 and 80'; }
as_written 'umweg-proxy invite add "Ana and her brother" --monthly 50G --data /var/lib/umweg-proxy' | grep -q '^umweg://proxy/' || fail 'no invite could be made'
as_written 'umweg-proxy invite list --data /var/lib/umweg-proxy' | grep -q '^Ana and her brother .* 50.0 GB a month' || fail 'the invite is not on the list'
as_written 'umweg-proxy invite revoke "Ana and her brother" --data /var/lib/umweg-proxy' >/dev/null
[ "$(stat --format %u /var/lib/umweg-proxy/invites.toml)" = 65534 ] || fail 'the proxy cannot read what root wrote for it'
say 'started on 443 and 80 without root, and a road through each leads to a service'
kill "$proxy"
wait "$proxy" || fail 'it did not end well when it was told to'

as_written 'apt-get remove --yes umweg-proxy' >/dev/null
[ ! -e /usr/bin/umweg-proxy ] && [ -e /etc/umweg-proxy.toml ] && [ -e /var/lib/umweg-proxy/invites.toml ] || fail 'removing takes too much or too little'
as_written 'apt-get purge --yes umweg-proxy' >/dev/null
[ ! -e /etc/umweg-proxy.toml ] && [ ! -e /var/lib/umweg-proxy ] || fail 'something stays when everything is to go'
say 'removed; the invites stayed until everything was to go'
