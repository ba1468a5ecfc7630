#!/usr/bin/env bash
# Walk through "One machine with systemd" of docs/install.md: its own commands, in an empty Debian with systemd
# running (systemd-nspawn), against a sample Moodle and the stand-in, up to the sign-in through nginx with TLS. Ports 80,
# 443 and 8000 are this machine's. Needs mmdebstrap, systemd-container, curl, openssl and root.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
((EUID == 0)) || exec sudo "$0" "$@"

root=$(mktemp --directory --tmpdir rcsync-systemd.XXXXXX)
clean_up() {
    rm -f "$root.log" "$root.out" "$root.jar" "$root.answer"
    if [ -n "${machine:-}" ]; then
        kill "$machine" 2>/dev/null || true # SIGTERM to nspawn: an orderly end
        wait "$machine" 2>/dev/null || true
    fi
    rm -rf --one-file-system "$root"
}
trap clean_up EXIT

mmdebstrap --quiet --variant=minbase --include=systemd,systemd-sysv,dbus,ca-certificates bookworm "$root"
cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
echo 'DefaultEnvironment=PIP_CERT=/etc/ssl/certs/ca-certificates.crt' >>"$root/etc/systemd/system.conf"
git clone --quiet --no-local . "$root/opt/rcsync"

systemd-nspawn --quiet --directory="$root" --register=no --keep-unit --boot --console=pipe \
    --bind-ro=/etc/resolv.conf </dev/null >"$root.log" 2>&1 &
machine=$!
first() { pgrep -P "$machine" | head -n 1; } # systemd in there
in_machine() { # in_machine ARGS: in all of its namespaces
    nsenter --target "$(first)" --all -- env -i PATH=/usr/bin:/bin:/usr/sbin:/sbin LANG=C.UTF-8 \
        PIP_CERT=/etc/ssl/certs/ca-certificates.crt DEBIAN_FRONTEND=noninteractive HOME=/root "$@"
}
until_it_holds() { # until_it_holds SECONDS ARGS
    local deadline=$((SECONDS + $1))
    shift
    until in_machine "$@" >/dev/null 2>&1; do
        ((SECONDS < deadline)) || { echo "in vain: $*"; return 1; }
        sleep 1
    done
}
until_it_holds 30 systemctl is-system-running --wait

# The page's commands, but for what a script cannot know: the address of the repository, passwords, servers.
page=$(awk '/^## One machine with systemd/ { p = 1; next } /^## / { p = 0 } p' docs/install.md |
    awk '/^```sh/ { c = 1; next } /^```/ { c = 0 } c')
before=${page%%runuser*}
after=runuser${page#*runuser}
before=$(sed -e '/^git clone/d' \
    -e 's#^MOODLE_DATABASE_URL=.*#MOODLE_DATABASE_URL=sqlite:////var/lib/rcsync/demo/moodle.sqlite3\nROCKETCHAT_URL=http://127.0.0.1:3999\nROCKETCHAT_USER_ID=USER_ID\nROCKETCHAT_AUTH_TOKEN=TOKEN\nRCSYNC_WATCHDOG_SECONDS=20\nRCSYNC_METRICS_TOKEN=only-here#' <<<"$before")
user=$(sed -n 's/^ADMIN_ID = "\(.*\)"$/\1/p' demo/standin/constants.py)
token=$(sed -n 's/^ADMIN_TOKEN = "\(.*\)"$/\1/p' demo/standin/constants.py)
before=${before/USER_ID=USER_ID/USER_ID=$user}
before=${before/TOKEN=TOKEN/TOKEN=$token}
in_machine apt-get update -qq
in_machine bash -euc "$before" >"$root.out" 2>&1 || { tail -n 30 "$root.out"; exit 1; }
version=$(in_machine /opt/rcsync/rcsync --version)
driver=$(in_machine /opt/rcsync/.venv/bin/python -c 'import MySQLdb; print("mysqlclient", *MySQLdb.version_info[:3])')
echo "installed: $version, $driver"

# A Moodle and a Rocket.Chat.
in_machine runuser -u rcsync -- env RCSYNC_VAR_DIR=/var/lib/rcsync /opt/rcsync/rcsync demo --once >"$root.out" 2>&1 ||
    { tail -n 30 "$root.out"; exit 1; }
in_machine systemd-run --quiet --uid=rcsync --unit=standin /opt/rcsync/rcsync standin --port 3999 --like 8.8

# The certificate that the page expects to be there.
mkdir -p "$root/etc/ssl/rcsync"
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=rcsync.example.org \
    -addext subjectAltName=DNS:rcsync.example.org \
    -keyout "$root/etc/ssl/rcsync/privkey.pem" -out "$root/etc/ssl/rcsync/fullchain.pem" 2>/dev/null

after=${after/createsuperuser/createsuperuser --noinput --username first --email first@rcsync.example.org}
in_machine env DJANGO_SUPERUSER_PASSWORD=only-in-this-root bash -euc "$after" >"$root.out" 2>&1 ||
    { tail -n 60 "$root.out"; in_machine journalctl --no-pager -n 60 -u 'rcsync-*'; exit 1; }

show() { in_machine systemctl show --property="$2" --value "$1"; }
until_it_holds 90 runuser -u rcsync -- /opt/rcsync/rcsync alive worker
in_machine runuser -u rcsync -- /opt/rcsync/rcsync alive web
in_machine runuser -u rcsync -- /opt/rcsync/rcsync status
for unit in rcsync-web rcsync-worker; do
    echo "$unit: $(show $unit ActiveState), $(show $unit StatusText), restarts $(show $unit NRestarts)"
    [ "$(show $unit ActiveState)/$(show $unit NRestarts)" = active/0 ]
done
# A browser's way: from http to https, the log-in page, the name and password of the first administrator.
ask() { # ask PATH ARGS: the status, with the answer in $root.answer
    curl --silent --cacert "$root/etc/ssl/rcsync/fullchain.pem" --cookie "$root.jar" --cookie-jar "$root.jar" \
        --connect-to rcsync.example.org:443:127.0.0.1:443 --connect-to rcsync.example.org:80:127.0.0.1:80 \
        --output "$root.answer" --write-out '%{http_code} %{url_effective}' --location "${@:2}" "$1"
}
answer=$(ask http://rcsync.example.org/)
echo "first page: $answer"
grep -q 'name="password"' "$root.answer"
login=${answer#* }
form=$(sed -n 's/.*name="csrfmiddlewaretoken" value="\([^"]*\)".*/\1/p' "$root.answer" | head -n 1)
answer=$(ask "$login" --referer "$login" --data-urlencode "csrfmiddlewaretoken=$form" \
    --data-urlencode username=first --data-urlencode password=only-in-this-root)
echo "signed in: $answer"
[[ $answer = 200\ * ]] || { echo "the log-in answers $answer"; exit 1; }
if grep -q 'name="password"' "$root.answer"; then echo "the log-in page again"; exit 1; fi
[ "$(ask https://rcsync.example.org/metrics)" = '404 https://rcsync.example.org/metrics' ]
target=$(sed -n 's/.*targets: \[\(.*\)\]/\1/p' deploy/monitoring/prometheus.yml)
figures=$(curl --silent --fail --header 'Authorization: Bearer only-here' "http://$target/metrics")
number=$(grep -c '^rcsync_' <<<"$figures") || { echo "/metrics has no figures: $figures"; exit 1; }
echo "Prometheus at $target: $number figures"

# What docs/install.md promises, asked of the units as they run.
promised=$(sed -n 's/.*`systemd-analyze security` gives.* at most \([0-9.]*\).*/\1/p' docs/install.md)
for unit in rcsync-web rcsync-worker; do
    told=$(in_machine systemd-analyze security --no-pager "$unit" | tail -n 1)
    exposure=$(sed -n 's/.*exposure level for [^:]*: \([0-9.]*\).*/\1/p' <<<"$told")
    awk -v found="$exposure" -v promised="$promised" \
        'BEGIN { exit !(found != "" && promised != "" && found + 0 <= promised + 0) }' ||
        { echo "$unit: exposure \"$exposure\", and docs/install.md promises at most \"$promised\": $told"; exit 1; }
    echo "$unit: exposure $exposure, at most $promised was promised"
done
foreign=$(in_machine find /opt/rcsync ! -user root)
[ -z "$foreign" ] || { echo "not owned by root below /opt/rcsync: $foreign"; exit 1; }
echo "below /opt/rcsync everything is owned by root"

# A worker that hangs feeds no watchdog.
in_machine mkdir -p /run/systemd/system/rcsync-worker.service.d
in_machine sh -c 'printf "[Service]\nWatchdogSec=15\n" >/run/systemd/system/rcsync-worker.service.d/quick.conf'
in_machine systemctl daemon-reload
in_machine systemctl restart rcsync-worker
in_machine systemctl kill --kill-whom=main --signal=STOP rcsync-worker
until_it_holds 60 sh -c '[ "$(systemctl show --property=NRestarts --value rcsync-worker)" = 1 ]'
until_it_holds 60 systemctl is-active rcsync-worker
echo "a worker that was stopped with SIGSTOP: started again by the watchdog"
until_it_holds 90 runuser -u rcsync -- /opt/rcsync/rcsync alive worker

# A backup, by the commands of docs/backup.md, and a look at it.
page=$(awk '/^### One machine with systemd/ { p = 1; next } /^##/ { p = 0 } p' docs/backup.md |
    awk '/^```sh/ { c = 1; next } /^```/ { c = 0 } c')
[ -n "$page" ] || { echo "docs/backup.md has no commands for systemd"; exit 1; }
in_machine bash -euc "$page" >"$root.out" 2>&1 || { tail -n 30 "$root.out"; exit 1; }
file=$(in_machine find /var/backups/rcsync -name '*.backup')
rights=$(in_machine stat --format '%U %a' /var/backups/rcsync "$file" | tr '\n' ' ')
[ "$rights" = 'rcsync 700 rcsync 600 ' ] || { echo "the backup's folder and file have: $rights"; exit 1; }
in_machine runuser -u rcsync -- /opt/rcsync/rcsync restore "$file" --look >"$root.out" 2>&1 ||
    { tail -n 30 "$root.out"; exit 1; }
for said in 'sqlite' 'The first sync after it' 'Nothing was restored'; do
    grep -q "$said" "$root.out" || { echo "restore --look does not say \"$said\":"; cat "$root.out"; exit 1; }
done
if grep -q 'cannot be told' "$root.out"; then cat "$root.out"; exit 1; fi
echo "a backup: made by the page's commands, and looked at"

in_machine systemctl stop rcsync-worker rcsync-web
for unit in rcsync-web rcsync-worker; do
    echo "$unit: stopped, $(show $unit Result)"
    [ "$(show $unit Result)" = success ]
done
if pgrep --ns "$(first)" --nslist pid --list-full --full 'qcluster|gunicorn|rcsync worker|manage.py worker'; then
    echo "left behind"
    exit 1
fi
echo "nothing is left behind"
