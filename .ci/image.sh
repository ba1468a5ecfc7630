#!/usr/bin/env bash
# Build the container image without a container engine, and run it as compose.yaml does: as user 10001, on a root
# file system that cannot be written. The base image is a Debian root of our own. Needs buildah, mmdebstrap and root.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
((EUID == 0)) || exec sudo "$0" "$@"

work=$(mktemp --directory --tmpdir rcsync-image.XXXXXX)
export STORAGE_DRIVER=vfs BUILDAH_ISOLATION=chroot
buildah() { command buildah --root "$work/storage" --runroot "$work/run" "$@"; }
clean_up() {
    [ -z "${web:-}" ] || stop_web || true
    buildah umount --all >/dev/null 2>&1 || true
    rm -rf --one-file-system "$work"
}
# unshare holds SIGTERM back: the signal goes to the process that it started, the first of its namespace.
stop_web() {
    kill "$(pgrep --parent "$(pgrep --parent "$web")")"
    wait "$web" || true
    web=
}
trap clean_up EXIT

# ── The base: Debian with Python, and the way from this machine to the package index ────────────
mmdebstrap --quiet --variant=minbase --include=python3,python3-venv,ca-certificates bookworm "$work/base.tar"
base=$(buildah from scratch)
buildah add --quiet "$base" "$work/base.tar" / >/dev/null
buildah copy --quiet "$base" /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt >/dev/null
buildah config --env PIP_CERT=/etc/ssl/certs/ca-certificates.crt --env LANG=C.UTF-8 \
    --env PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin "$base"
buildah commit --quiet "$base" rcsync-base >/dev/null
buildah rm "$base" >/dev/null

# ── The image ──────────────────────────────────────────────────────────────────────────────────
git clone --quiet --no-local . "$work/source"
# With every extra, from its lock; .ci/compose.sh builds the image without any.
buildah bud --quiet --format docker --build-arg BASE=localhost/rcsync-base --build-arg EXTRAS="lti oidc redis sentry" \
    --tag rcsync "$work/source" >"$work/log" 2>&1 || { tail -n 40 "$work/log"; exit 1; }
inspect() { buildah inspect --type image --format "$1" "$2"; }
size() { buildah images --format '{{.Size}}' "$1"; }
echo "image: $(size rcsync), of which the base $(size rcsync-base); user $(inspect '{{.Docker.Config.User}}' rcsync)"
[ "$(inspect '{{.Docker.Config.User}}' rcsync)" = 10001:10001 ]
inspect '{{.Docker.Config.Healthcheck}}' rcsync | grep -q alive

# ── Run ────────────────────────────────────────────────────────────────────────────────────────
root=$(buildah mount "$(buildah from rcsync)")
state=$work/state
install -d -o 10001 -g 10001 -m 750 "$state"
touch "$work/started"
in_image() { # in_image ARGS: as the entry point, in namespaces of its own but for the network
    unshare --mount --pid --fork --kill-child -- sh -euc '
        root=$1 state=$2
        shift 2
        mount --make-rprivate /
        mount --bind "$root" "$root"
        mount -t proc proc "$root/proc"
        mount --bind /dev "$root/dev"
        mount -t tmpfs tmpfs "$root/dev/shm"
        mount -t tmpfs tmpfs "$root/tmp"
        mount --bind "$state" "$root/var/lib/rcsync"
        mount -o remount,bind,ro "$root"
        cd /
        exec chroot --userspec=10001:10001 "$root" env -i PATH=/usr/bin:/bin LANG=C.UTF-8 HOME=/tmp \
            RCSYNC_ENV_FILE= RCSYNC_VAR_DIR=/var/lib/rcsync RCSYNC_STATIC_DIR=/opt/rcsync/staticfiles \
            SECRET_KEY=0123456789012345678901234567890123456789-only-here \
            ALLOWED_HOSTS=rcsync.example.org GUNICORN_CMD_ARGS="--bind 127.0.0.1:8129" "$@"
    ' image "$root" "$state" "$@"
}
user=$(in_image id -u)
[ "$user" = 10001 ] || { echo "the image runs as user $user"; exit 1; }
for place in /opt/rcsync/x /x /etc/x; do
    if refused=$(in_image touch "$place" 2>&1); then echo "$place could be written"; exit 1; fi
    # Whatever the owner says, the file system has to refuse.
    grep -q 'Read-only file system' <<<"$refused" || { echo "$place: $refused"; exit 1; }
done
echo "user $user, and the root file system cannot be written"
in_image /opt/rcsync/rcsync --version
in_image /opt/rcsync/.venv/bin/python -c 'import MySQLdb; print("mysqlclient", *MySQLdb.version_info[:3])'
in_image /opt/rcsync/.venv/bin/python -c '
import sys
from importlib import import_module
from importlib.metadata import version
for name, package in zip(sys.argv[1::2], sys.argv[2::2]):
    import_module(name)
    print("extra:", package, version(package))
' jwt PyJWT mozilla_django_oidc mozilla-django-oidc redis redis sentry_sdk sentry-sdk
in_image /opt/rcsync/rcsync migrate --verbosity 0
in_image /opt/rcsync/rcsync check --deploy --fail-level WARNING
in_image /opt/rcsync/rcsync web &
web=$!
for attempt in $(seq 50); do
    if in_image /opt/rcsync/rcsync alive web --port 8129 2>/dev/null; then break; fi
    [ "$attempt" -lt 50 ] || { echo "the web pages do not answer"; exit 1; }
    sleep 0.2
done
healthz=$(curl --silent --header 'Host: rcsync.example.org' --output /dev/null --write-out '%{http_code}' \
    http://127.0.0.1:8129/healthz)
[ "$healthz" = 200 ] || { echo "/healthz answers $healthz"; exit 1; }
# Nobody has set anything up: `status` says what is missing, and that in words.
found=0
status=$(in_image /opt/rcsync/rcsync status 2>&1) || found=$?
echo "$status"
[ "$found" = 1 ] || { echo "status ended with $found where nothing is set up; 1 was expected"; exit 1; }
if grep -q Traceback <<<"$status"; then echo "status failed"; exit 1; fi
stop_web
written=$(find "$root" -xdev -newer "$work/started" -type f)
[ -z "$written" ] || { echo "written outside the volume: $written"; exit 1; }
echo "web: alive, /healthz $healthz, nothing was written outside the volume"
if pgrep --list-full --full "$work"; then echo "left behind"; exit 1; fi
echo "web: stopped, nothing is left behind"
