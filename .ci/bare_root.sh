#!/usr/bin/env bash
# The README's two commands on a bare machine: Debian with Python 3.11, its venv module and git. No compiler, no
# database server, no browser, no root. Needs mmdebstrap and root (for chroot).
#   .ci/bare_root.sh [COMMAND ...]   other commands than the README's
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
((EUID == 0)) || exec sudo "$0" "$@"
if (($# == 0)); then set -- './rcsync demo --once' './rcsync test'; fi

root=$(mktemp --directory --tmpdir rcsync-bare.XXXXXX)
chmod 755 "$root"
# The mounts are in a namespace of their own and end with it.
trap 'rm -rf --one-file-system "$root"' EXIT

mmdebstrap --quiet --variant=minbase --include=python3,python3-venv,git,ca-certificates bookworm "$root"
for tool in gcc cc mariadbd mysqld postgres chromium; do
    if chroot "$root" sh -c "command -v $tool" >/dev/null; then
        echo "$tool is in the bare root"
        exit 1
    fi
done
# How this machine reaches the package index: certificates, and pip's own variables.
cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
cp /etc/resolv.conf /etc/hosts "$root/etc/"
chroot "$root" useradd --create-home person
git clone --quiet --no-local . "$root/home/person/rcsync"
chroot "$root" chown -R person: /home/person
environment=(
    HOME=/home/person PATH=/usr/local/bin:/usr/bin:/bin LANG=C.UTF-8
    PIP_CERT=/etc/ssl/certs/ca-certificates.crt
)
while IFS= read -r line; do environment+=("$line"); done < <(env | grep -iE '^(https?|no)_proxy=|^PIP_(INDEX_URL|DEFAULT_TIMEOUT)=' || true)

for command; do
    echo "\$ $command"
    unshare --mount --pid --fork --kill-child -- sh -euc '
        root=$1 command=$2
        shift 2
        mount --make-rprivate /
        mount -t proc proc "$root/proc"
        mount --bind /dev "$root/dev"
        mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm" 2>/dev/null || true
        exec chroot --userspec=person:person "$root" env -i "$@" sh -c "cd && cd rcsync && $command"
    ' bare "$root" "$command" "${environment[@]}"
    echo "   exit status 0"
done
chroot "$root" du -sh /home/person/rcsync/.venv 2>/dev/null || true
