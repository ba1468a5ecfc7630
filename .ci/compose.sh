#!/usr/bin/env bash
# Walk through "Containers" of docs/install.md: its own commands, with a Docker engine in an empty Debian. The images
# that come from a registry (Python, MariaDB, Caddy) are Debian roots of our own under the same names. The image is
# built with this machine's network; everything runs in a network of its own. Needs mmdebstrap and root.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
((EUID == 0)) || exec sudo "$0" "$@"

work=$(mktemp --directory --tmpdir rcsync-compose.XXXXXX)
root=$work/root
trap 'rm -rf --one-file-system "$work"' EXIT

debian() { # debian TARGET SUITE PACKAGES: with this machine's way to the package index
    mmdebstrap --quiet --variant=minbase --include="ca-certificates,$3" \
        --customize-hook='cp /etc/ssl/certs/ca-certificates.crt "$1/etc/ssl/certs/"' "$2" "$1"
}
debian "$root" trixie docker.io,docker-cli,docker-compose,iptables,iproute2,git,openssl,curl
mkdir "$root/images"
debian "$root/images/python.tar" bookworm python3,python3-venv
debian "$root/images/servers.tar" bookworm mariadb-server,caddy
git clone --quiet --no-local . "$root/root/rcsync"
cp /etc/resolv.conf /etc/hosts "$root/etc/"

# What the registry's MariaDB does with its variables, and its health check.
cat >"$root/images/mariadb" <<'END'
#!/bin/sh
set -eu
if [ ! -d /var/lib/mysql/mysql ]; then
    mariadb-install-db --user=mysql --skip-test-db >/dev/null
    {
        echo "CREATE DATABASE \`$MARIADB_DATABASE\`;"
        echo "CREATE USER '$MARIADB_USER'@'%' IDENTIFIED BY '$MARIADB_PASSWORD';"
        echo "GRANT ALL ON \`$MARIADB_DATABASE\`.* TO '$MARIADB_USER'@'%';"
    } >/tmp/first.sql
    set -- --init-file=/tmp/first.sql "$@"
fi
mkdir -p /run/mysqld
chown -R mysql: /run/mysqld /var/lib/mysql
exec mariadbd --user=mysql --bind-address=0.0.0.0 "$@"
END
chmod 755 "$root/images/mariadb"
cat >"$root/images/Dockerfile" <<'END'
FROM servers AS mariadb
COPY mariadb /usr/local/bin/mariadb-entrypoint
RUN rm -rf /var/lib/mysql/* && printf '#!/bin/sh\nexec mariadb-admin ping --silent\n' >/usr/local/bin/healthcheck.sh && \
    chmod 755 /usr/local/bin/healthcheck.sh
ENTRYPOINT ["/usr/local/bin/mariadb-entrypoint"]
FROM servers AS caddy
# Debian's Caddy is older than the registry's and has another word for it.
ENV RCSYNC_CADDY_BUFFERS=buffer_requests
ENV XDG_DATA_HOME=/data XDG_CONFIG_HOME=/config
CMD ["caddy", "run", "--config", "/etc/caddy/Caddyfile", "--adapter", "caddyfile"]
END
# The build takes its network from the machine.
cat >"$root/images/build.yaml" <<'END'
x-host: &host {build: {network: host}}
services: {migrate: *host, web: *host, worker: *host}
END

cat >"$root/images/engine.sh" <<'END'
# start_engine ARGS: a Docker engine with its files in /var/lib/docker
start_engine() {
    dockerd "$@" >/tmp/dockerd.log 2>&1 &
    engine=$!
    for attempt in $(seq 60); do
        docker info >/dev/null 2>&1 && return
        sleep 0.5
    done
    tail -n 20 /tmp/dockerd.log
    return 1
}
stop_engine() { kill "$engine"; wait "$engine" || true; rm -f /run/docker.pid; }
said() { "$@" >/tmp/said 2>&1 || { tail -n 40 /tmp/said; return 1; }; }

# The page's commands, one a line; what is behind # is for the reader.
page=$(awk '/^## Containers/ { p = 1; next } /^## / { p = 0 } p' /root/rcsync/docs/install.md |
    sed -n 's/^    \([^#]*[^# ]\) *\(#.*\)\?$/\1/p')
the_pages() { grep -F -m 1 -- "$1" <<<"$page" || { echo "docs/install.md has no command \"$1\"" >&2; return 1; }; }
END

cat >"$root/images/build.sh" <<'END'
set -euo pipefail
. /images/engine.sh
start_engine --bridge=none --iptables=false --ip-forward=false
said docker import --change 'ENV PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin' \
    --change 'ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt' --change 'ENV LANG=C.UTF-8' \
    /images/python.tar "$(sed -n 's/^ARG BASE=//p' /root/rcsync/Dockerfile)"
said docker import --change 'ENV PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin' /images/servers.tar servers
rm /images/*.tar
cd /root/rcsync
mariadb=$(sed -n 's/^ *image: \(mariadb:.*\)/\1/p' compose.yaml)
caddy=$(sed -n 's/^ *image: \(caddy:.*\)/\1/p' compose.yaml)
said env DOCKER_BUILDKIT=0 docker build --network none --target mariadb --tag "$mariadb" /images
said env DOCKER_BUILDKIT=0 docker build --network none --target caddy --tag "$caddy" /images

eval "$(the_pages 'cp deploy/compose/env.example .env')"
# Filled in from the top, as its lines say. The name ends in .localhost, so that Caddy is its own authority.
fill_in() { sed -i "s|^$1=.*|$1=$2|" .env; }
fill_in RCSYNC_HOST rcsync.localhost
fill_in RCSYNC_DB_PASSWORD "$(openssl rand -hex 24)"
fill_in SECRET_KEY "$(openssl rand -base64 48 | tr -d '\n')"
fill_in MOODLE_DATABASE_URL 'mysql://moodle:only-here@db:3306/moodle'
said env COMPOSE_FILE=compose.yaml:/images/build.yaml bash -c "$(the_pages 'docker compose build')"
docker images --format '{{.Repository}}:{{.Tag}} {{.Size}}' | grep ^rcsync
stop_engine
END

cat >"$root/images/run.sh" <<'END'
set -euo pipefail
. /images/engine.sh
ip link set lo up
start_engine
cd /root/rcsync
key=$(docker compose run --rm --no-deps web make-key 2>/tmp/said) || { cat /tmp/said; exit 1; }
sed -i "s|^RCSYNC_SECRET_KEYS=.*|RCSYNC_SECRET_KEYS=$key|" .env
standin=$(sed -n 's/^ADMIN_ID = "\(.*\)"$/\1/p' demo/standin/constants.py)
token=$(sed -n 's/^ADMIN_TOKEN = "\(.*\)"$/\1/p' demo/standin/constants.py)
printf '%s\n' ROCKETCHAT_URL=http://127.0.0.1:3999 "ROCKETCHAT_USER_ID=$standin" "ROCKETCHAT_AUTH_TOKEN=$token" >>.env

said bash -c "$(the_pages 'docker compose up -d')" || {
    docker inspect --format '{{.Name}} {{json .State.Health}}' rcsync-db-1
    docker compose logs --tail 30
    exit 1
}
command=$(the_pages 'docker compose run --rm web createsuperuser')
said env DJANGO_SUPERUSER_PASSWORD=only-in-this-root bash -c \
    "${command/ web / -e DJANGO_SUPERUSER_PASSWORD web } --noinput --username first --email first@rcsync.example.org"

# A Moodle in that MariaDB, and a Rocket.Chat beside the worker.
docker compose exec -T db mariadb -e "CREATE DATABASE moodle; CREATE USER moodle@'%' IDENTIFIED BY 'only-here';
    GRANT ALL ON moodle.* TO moodle@'%'"
said docker compose run --rm --no-deps -T -v "$PWD/demo:/opt/rcsync/demo:ro" -e RCSYNC_MOODLE_TESTING=on web python -c '
import time, django
django.setup()
from django.db import connections
from demo.sample_moodle.scale import create_scaled_moodle
from integration.models import GroupRegexFilter, IncludedRole, IntegratedCourse
from moodle.models import Course
create_scaled_moodle(connections["moodle"], 60, int(time.time()))
GroupRegexFilter.objects.create(pattern=".*")
IncludedRole.objects.create(shortname="student")
ids = Course.objects.using("moodle").exclude(category=0).values_list("id", flat=True)
IntegratedCourse.objects.bulk_create([IntegratedCourse(course_id=c) for c in ids])
'
said docker run -d --name chat --network container:rcsync-worker-1 -v "$PWD/demo:/opt/rcsync/demo:ro" \
    "$(docker compose config --images | grep -m 1 ^rcsync)" standin --port 3999 --like 8.8

healthy() { [ "$(docker inspect --format '{{.State.Health.Status}}' "rcsync-$1-1")" = healthy ]; }
for service in db web worker; do
    deadline=$((SECONDS + 180))
    until healthy "$service"; do
        ((SECONDS < deadline)) || { echo "$service is not healthy"; docker compose logs --tail 40 "$service"; exit 1; }
        sleep 1
    done
done
docker compose ps --all --format '{{.Service}}: {{.Status}}' | sed 's/ [0-9]* \(seconds\|minute\).*ago//'
for service in web worker; do
    docker inspect --format '{{.Name}}: user {{.Config.User}}, read-only {{.HostConfig.ReadonlyRootfs}}, without {{.HostConfig.CapDrop}}, {{.HostConfig.SecurityOpt}}' \
        "rcsync-$service-1"
    if docker compose exec -T "$service" touch /opt/rcsync/x 2>/tmp/said; then
        echo "$service could write beside its code"
        exit 1
    fi
    grep -q 'Read-only file system' /tmp/said || { cat /tmp/said; exit 1; }
done
bash -c "$(the_pages 'docker compose exec worker' | sed 's/ exec / exec -T /')"
docker compose exec -T worker /opt/rcsync/rcsync sync --apply | tail -n 1
docker compose exec -T worker /opt/rcsync/rcsync sync | grep -F 'in step'

ask() { # ask ARGS: the status, with the answer in /tmp/answer
    curl --silent --cacert /tmp/authority.crt --cookie /tmp/jar --cookie-jar /tmp/jar --output /tmp/answer \
        --write-out '%{http_code}' "$@"
}
docker compose cp proxy:/data/caddy/pki/authorities/local/root.crt /tmp/authority.crt >/dev/null 2>&1
answer=$(ask --location https://rcsync.localhost/)
echo "https://rcsync.localhost/login/ through Caddy: $answer"
[ "$answer" = 200 ]
grep -q 'name="password"' /tmp/answer
login=https://rcsync.localhost/admin/login/
form=$(sed -n 's/.*name="csrfmiddlewaretoken" value="\([^"]*\)".*/\1/p' /tmp/answer | head -n 1)
answer=$(ask "$login" --referer "$login" --data-urlencode "csrfmiddlewaretoken=$form" \
    --data-urlencode username=first --data-urlencode password=only-in-this-root)
[ "$answer" = 302 ] || { echo "the log-in answers $answer"; exit 1; }
for guide in help/ help/backup/; do
    answer=$(ask "https://rcsync.localhost/admin/$guide")
    [ "$answer" = 200 ] || { echo "/admin/$guide answers $answer: the image has no guide"; exit 1; }
    grep -q '<h2 id=' /tmp/answer || { echo "/admin/$guide shows no guide"; exit 1; }
done
echo "signed in, and the guide is there"
[ "$(ask http://rcsync.localhost/)" = 308 ]
[ "$(ask https://rcsync.localhost/metrics)" = 404 ]

# A backup, by the commands of docs/backup.md, and a look at it.
commands=$(awk '/^### Containers/ { p = 1; next } /^##/ { p = 0 } p' /root/rcsync/docs/backup.md |
    awk '/^```sh/ { c = 1; next } /^```/ { c = 0 } c')
[ -n "$commands" ] || { echo "docs/backup.md has no commands for containers"; exit 1; }
said bash -euc "$commands"
file=$(find /var/backups/rcsync -name '*.backup')
rights=$(stat --format '%u %a' /var/backups/rcsync "$file" | tr '\n' ' ')
[ "$rights" = '10001 700 10001 600 ' ] || { echo "the backup's folder and file have: $rights"; exit 1; }
said docker compose run --rm --no-deps -v /var/backups/rcsync:/backups web restore "/backups/${file##*/}" --look
for text in mysql 'rows' 'Nothing was restored'; do
    grep -q "$text" /tmp/said || { echo "restore --look does not say \"$text\":"; cat /tmp/said; exit 1; }
done
echo "a backup: made by the page's commands, and looked at"

said docker compose stop
for service in web worker; do
    echo "rcsync-$service: stopped, exit status $(docker inspect --format '{{.State.ExitCode}}' "rcsync-$service-1")"
    [ "$(docker inspect --format '{{.State.ExitCode}}' "rcsync-$service-1")" = 0 ]
done
said docker rm -f chat
said docker compose down --volumes
stop_engine
END

in_root() { # in_root SCRIPT UNSHARE-ARGS: with everything ended when it ends
    unshare --mount --pid --fork --kill-child "${@:2}" -- sh -euc '
        root=$1 script=$2
        mount --make-rprivate /
        mount --bind "$root" "$root"
        mount -t proc proc "$root/proc"
        mount -t sysfs sysfs "$root/sys"
        mount --rbind /sys/fs/cgroup "$root/sys/fs/cgroup"
        mount --rbind /dev "$root/dev"
        mount -t tmpfs tmpfs "$root/run"
        mount -t tmpfs tmpfs "$root/tmp"
        cd "$root"
        pivot_root . mnt # not chroot alone: what `docker exec` starts would see this machine
        exec chroot . env -i PATH=/usr/local/sbin:/usr/bin:/bin:/usr/sbin:/sbin HOME=/root LANG=C.UTF-8 \
            bash -c "umount -l /mnt && exec bash /images/$script"
    ' compose "$root" "$1"
}
in_root build.sh
in_root run.sh --net
