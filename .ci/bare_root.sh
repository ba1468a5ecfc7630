#!/usr/bin/env bash
# On a bare machine (Debian with Python, its venv module and git; no compiler, no database server, no browser, no
# root): the README's two commands, then "Trying it out" of docs/install.md by its own commands, in a network without
# anything else. Needs mmdebstrap and root (for chroot).
#   .ci/bare_root.sh [COMMAND ...]   only these commands
#   SUITE=trixie .ci/bare_root.sh    another Debian, and so another Python
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
((EUID == 0)) || exec sudo "$0" "$@"

root=$(mktemp --directory --tmpdir rcsync-bare.XXXXXX)
chmod 755 "$root"
# The mounts are in a namespace of their own and end with it.
trap 'rm -rf --one-file-system "$root"' EXIT

mmdebstrap --quiet --variant=minbase --include=python3,python3-venv,git,ca-certificates "${SUITE:-bookworm}" "$root"
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
home=$root/home/person
git clone --quiet --no-local . "$home/rcsync"
chroot "$root" chown -R person: /home/person
environment=(
    HOME=/home/person PATH=/usr/local/bin:/usr/bin:/bin LANG=C.UTF-8
    PIP_CERT=/etc/ssl/certs/ca-certificates.crt
)
while IFS= read -r line; do environment+=("$line"); done < <(env | grep -iE '^(https?|no)_proxy=|^PIP_(INDEX_URL|DEFAULT_TIMEOUT)=' || true)

as_person() { # as_person COMMAND UNSHARE-ARGS: in the clone; what it started ends with it
    unshare --mount --pid --fork --kill-child "${@:2}" -- sh -euc '
        root=$1 command=$2
        shift 2
        mount --make-rprivate /
        mount -t proc proc "$root/proc"
        mount --bind /dev "$root/dev"
        mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm" 2>/dev/null || true
        ip link set lo up 2>/dev/null || true
        exec chroot --userspec=person:person "$root" env -i "$@" bash -c "cd && cd rcsync && $command"
    ' bare "$root" "$1" "${environment[@]}"
}

show() {
    echo "\$ $1"
    as_person "$1"
    echo "   exit status 0"
}

if (($# > 0)); then
    for command; do show "$command"; done
    exit
fi

# ── The README ─────────────────────────────────────────────────────────────────────────────────
mapfile -t commands < <(awk '/^```/ { b++ } b == 1' README.md | sed -n 's/^\(\.\/rcsync [a-z]*\).*/\1/p')
[ "${commands[*]}" = './rcsync demo ./rcsync test' ] || { echo "the README begins with: ${commands[*]}"; exit 1; }
show "${commands[0]} --once"
show "${commands[1]}"
du -sh "$home/rcsync/.venv" | cut -f 1

# ── docs/install.md ────────────────────────────────────────────────────────────────────────────
page=$(awk '/^## Trying it out/ { p = 1; next } /^## / { p = 0 } p' docs/install.md)
demo=$(sed -n 's/^    \(\.\/rcsync .*\)/\1/p' <<<"$page")
mapfile -t own < <(awk '/^To try it on your own Moodle/,/^$/' <<<"$page" | grep -o '`\./rcsync [^`]*`' | tr -d '`')
[ "$demo" = './rcsync demo' ] || { echo "docs/install.md has no demo: $demo"; exit 1; }
((${#own[@]} > 2)) || { echo "docs/install.md names too few commands: ${own[*]}"; exit 1; }
cat >"$home/walk.sh" <<'END'
set -euo pipefail
until_there() { # until_there URL TEXT
    local attempt
    for attempt in $(seq 240); do
        if python3 -c 'import sys, urllib.request as u; sys.exit(sys.argv[2] not in u.urlopen(sys.argv[1]).read().decode())' \
            "$1" "$2" 2>/dev/null; then return; fi
        sleep 0.5
    done
    echo "$1 does not answer"
    return 1
}
echo "\$ $1"
# In the background of a script Ctrl-C is ignored; a terminal does not do that.
python3 -c 'import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.setsid()
os.execvp(sys.argv[1], sys.argv[1:])' $1 >../out 2>&1 &
served=$!
until_there http://127.0.0.1:8000/ 'name="password"' || { tail -n 20 ../out; exit 1; }
echo "   the login page answers"
kill -INT -- "-$served"
status=0
wait "$served" || status=$?
[ "$status" = 0 ] || { echo "Ctrl-C: exit status $status"; tail -n 20 ../out; exit 1; }
if grep -q Traceback ../out; then echo "Ctrl-C: a traceback"; tail -n 20 ../out; exit 1; fi
echo "   Ctrl-C: exit status $status"
shift

./rcsync standin --port 3999 --like 8.8 >/dev/null 2>&1 &
constant() { sed -n "s/^$1 = \"\\(.*\\)\"\$/\\1/p" demo/standin/constants.py; }
export ROCKETCHAT_URL=http://127.0.0.1:3999 ROCKETCHAT_USER_ID=$(constant ADMIN_ID) ROCKETCHAT_AUTH_TOKEN=$(constant ADMIN_TOKEN)
until_there "$ROCKETCHAT_URL/api/info" version
for command; do
    echo "\$ $command"
    if [ "$command" = './rcsync setup' ]; then
        # Moodle's database, no name for browsers, the administrator's name, and the password twice.
        printf '%s\n' "sqlite:///$PWD/var/demo/moodle.sqlite3" '' '' long-enough-for-a-walk-27 long-enough-for-a-walk-27 | $command
    else
        $command
    fi
    echo "   exit status 0"
done >../out 2>&1 || { tail -n 40 ../out; exit 1; }
grep -E '^\$|^   exit|^Planned|^This was' ../out
END
chmod 644 "$home/walk.sh"
as_person "bash ../walk.sh '$demo' $(printf " '%s'" "${own[@]}")" --net
rm -f "$home/walk.sh" "$home/out"
# The page says: pip's downloads, and nothing else. What useradd put there is older than the clone.
outside=$(cd "$home" && find . -mindepth 1 -newer rcsync/LICENSE ! -path ./rcsync ! -path './rcsync/*' \
    ! -path ./.cache ! -path ./.cache/pip ! -path './.cache/pip/*' ! -name '.bash*' ! -name .profile | sort)
[ -z "$outside" ] || { echo "written outside the folder: $outside"; exit 1; }
echo "written outside the folder: nothing but pip's downloads"
