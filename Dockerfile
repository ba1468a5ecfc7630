# rcsync's image. One image, three commands: `migrate`, `web`, `worker` (compose.yaml).
#   docker build -t rcsync .                                  with mysqlclient (GPL; .ci/sbom.py says what that means)
#   docker build -t rcsync --build-arg MYSQLCLIENT=no .       with PyMySQL alone
#   docker build -t rcsync --build-arg EXTRAS="redis sentry" .
# BASE is any Debian or Ubuntu with Python 3.11 to 3.13 as python3 and its venv module.
ARG BASE=python:3.13-slim-bookworm

FROM ${BASE} AS build
ARG MYSQLCLIENT=yes
ARG EXTRAS=""
RUN set -eu; [ "$MYSQLCLIENT" = no ] || { \
        headers=$(python3 -c 'import sysconfig; print(sysconfig.get_path("include") + "/Python.h")'); \
        apt-get update -qq; \
        apt-get install -y -qq --no-install-recommends gcc libc6-dev libmariadb-dev pkg-config; \
        [ -f "$headers" ] || apt-get install -y -qq --no-install-recommends python3-dev; \
    }
WORKDIR /opt/rcsync
COPY rcsync pyproject.toml requirements*.txt ./
RUN set -eu; set --; for extra in $EXTRAS; do set -- "$@" --extra "$extra"; done; \
    ./rcsync install "$@"; \
    [ "$MYSQLCLIENT" = no ] || .venv/bin/python -c 'import MySQLdb'; \
    rm -f .venv/install.log

FROM ${BASE}
ARG MYSQLCLIENT=yes
RUN set -eu; [ "$MYSQLCLIENT" = no ] || { \
        apt-get update -qq; \
        apt-get install -y -qq --no-install-recommends libmariadb3; \
        rm -rf /var/lib/apt/lists/*; \
    }
WORKDIR /opt/rcsync
COPY . .
COPY --from=build /opt/rcsync/.venv .venv
# Everything that is written at run time goes to the volume or to /tmp; this folder stays as it is.
RUN set -eu; \
    DEBUG=off SECRET_KEY=only-while-the-image-is-built ./rcsync collectstatic --no-input --verbosity 0; \
    rm -rf var; \
    .venv/bin/python -m compileall -q integration moodle rcsync_project; \
    install -d -o 10001 -g 10001 -m 750 /var/lib/rcsync
ENV RCSYNC_ENV_FILE="" \
    RCSYNC_VAR_DIR=/var/lib/rcsync \
    RCSYNC_STATIC_DIR=/opt/rcsync/staticfiles \
    GUNICORN_CMD_ARGS="--bind 0.0.0.0:8000" \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp
VOLUME /var/lib/rcsync
EXPOSE 8000
USER 10001:10001
HEALTHCHECK --interval=30s --timeout=10s --start-period=30s --retries=3 CMD ["/opt/rcsync/rcsync", "alive", "web"]
ENTRYPOINT ["/opt/rcsync/rcsync"]
CMD ["web"]
