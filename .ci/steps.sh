# What .ci/run and .ci/release share: steps with their times, and the steps themselves.
# shellcheck shell=bash

python=.venv/bin/python
step_names=()
step_seconds=()
step_started=

end_step() {
    [ -n "$step_started" ] || return 0
    step_seconds+=($((SECONDS - step_started)))
    printf '   %d s\n' "${step_seconds[-1]}"
    step_started=
}

heading() {
    end_step
    step_names+=("$*")
    step_started=$SECONDS
    printf '\n── %s\n' "$*"
}

times() {
    end_step
    printf '\n── Times\n'
    local i
    for i in "${!step_names[@]}"; do
        printf '%6d s  %s\n' "${step_seconds[i]:-0}" "${step_names[i]}"
    done
    printf '%6d s  all of it\n' "$SECONDS"
}

has_a_release_date() { # has_a_release_date FILE VERSION: a changelog's heading of that version ends with a day that exists
    local day
    day=$(sed -n "s/^## \[${2//./\\.}\] - //p" "$1")
    if [[ $day =~ ^[0-9]{4}-[0-9]{2}-[0-9]{2}$ ]] && date --date="$day" >/dev/null 2>&1; then
        echo "$2 is dated $day"
    else
        echo "$1 has no date for $2 (${day:-no heading}): write it as 2026-01-31, or run .ci/release --rehearsal" >&2
        return 1
    fi
}

as_root() { if ((EUID != 0)); then sudo "$@"; else "$@"; fi; }

install_packages() { # install_packages NAME ...: with apt, what is missing
    local missing=() package
    for package in "$@"; do
        dpkg-query --show --showformat='${Status}' "$package" 2>/dev/null |
            grep -q '^install ok installed$' || missing+=("$package")
    done
    if ((${#missing[@]} == 0)); then
        echo "all there"
        return
    fi
    echo "installing: ${missing[*]}"
    as_root apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

for_the_tests=(
    python3-venv python3-dev gcc pkg-config libmariadb-dev # the environment, with mysqlclient
    mariadb-server postgresql redis-server iproute2        # throw-away servers and networks for the tests
    chromium chromium-driver                               # browser tests
    gettext                                                # translations
    nginx-light apache2 caddy prometheus                   # check the examples in deploy/
)

make_environment() {
    ./rcsync install --dev
    "$python" -c 'import MySQLdb, sys; print("Python", *sys.version_info[:3], "with mysqlclient", *MySQLdb.version_info[:3])'
}

check_django_for_production() {
    local production=(
        env RCSYNC_ENV_FILE= DEBUG=off
        SECRET_KEY="$("$python" -c 'import secrets; print(secrets.token_urlsafe(50))')"
        ALLOWED_HOSTS=rcsync.example.org
        DATABASE_URL=sqlite:///var/ci.sqlite3
        "$python" manage.py
    )
    "${production[@]}" check --deploy --fail-level WARNING
    "${production[@]}" makemigrations --check --dry-run
    "${production[@]}" collectstatic --no-input --verbosity 0
}

# In a copy, because makemessages writes. Nothing new, nothing without a translation.
check_catalogues() {
    local copy language file
    copy=$(mktemp -d)
    git ls-files -z -- ':!tests' | xargs -0 cp --parents --target-directory "$copy"
    (cd "$copy" && DEBUG=on RCSYNC_ENV_FILE='' "$OLDPWD/$python" manage.py makemessages --all --no-obsolete --verbosity 0)
    for language in de fr es; do
        file=locale/$language/LC_MESSAGES/django.po
        if ! cmp --silent <(texts "$file") <(texts "$copy/$file"); then
            echo "$file differs from what the code says:"
            diff <(texts "$file") <(texts "$copy/$file") | grep '^[<>] msgid' | head -20
            rm -rf "$copy"
            return 1
        fi
        if [ -n "$(msgattrib --untranslated "$copy/$file")$(msgattrib --only-fuzzy "$copy/$file")" ]; then
            echo "$file lacks translations"
            rm -rf "$copy"
            return 1
        fi
    done
    echo "complete: $(texts locale/de/LC_MESSAGES/django.po | grep -c '^msgid ') texts in each language"
    rm -rf "$copy"
}

texts() { msgattrib --no-obsolete --no-location --no-wrap --sort-output "$1" | grep -E '^msgid(_plural)? '; }

processes=$(($(getconf _NPROCESSORS_ONLN) + 1))
on_every_core=(-n $((processes < 4 ? processes : 4)) --dist loadfile --no-loadscope-reorder) # as ./rcsync test does it

# As on a machine without a compiler: mysqlclient is hidden, its place is PyMySQL's.
with_pymysql_alone() { # COMMAND, whose processes inherit it
    local hidden=$PWD/var/pymysql-alone
    mkdir -p "$hidden"
    echo 'raise ImportError("hidden")' >"$hidden/MySQLdb.py"
    PYTHONPATH=$hidden:$PWD "$@"
}

without_servers=(tests/domain tests/sync tests/admin tests/web tests/standin)

# The locks and the tests that need no server, with the newer Pythons: 3.13 in a bare Debian 13, where it is `python3`;
# 3.12 is no Debian's, so only where this machine has it.
test_with_other_pythons() {
    local other place
    SUITE=trixie .ci/bare_root.sh './rcsync install --dev' \
        '.venv/bin/python -c "import sys; print(sys.version); assert sys.version_info[:2] == (3, 13)"' \
        ".venv/bin/python -m pytest -q ${on_every_core[*]} ${without_servers[*]}" || return 1
    other=$(find_working python3.12) || { echo "not on this machine, so not tried: python3.12"; return 0; }
    place=$(mktemp -d)
    git clone --quiet --no-local . "$place"
    RCSYNC_PYTHON=$other "$place/rcsync" install --dev
    "$place/.venv/bin/python" --version
    (cd "$place" && CI='' .venv/bin/python -m pytest -q "${on_every_core[@]}" "${without_servers[@]}") || return 1
    rm -rf "$place"
}

find_working() { # find_working NAME: a path of it that runs, pyenv's among them
    local candidate
    for candidate in "$1" "$HOME"/.pyenv/versions/"${1#python}".*/bin/python; do
        if "$candidate" -c '' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    echo "$1"
    return 1
}

static_checks() {
    heading "ruff"
    "$python" -m ruff check .
    "$python" -m ruff format --check .

    heading "mypy"
    "$python" -m mypy

    heading "Who imports whom"
    .venv/bin/lint-imports

    heading "Code that nobody calls"
    "$python" .ci/dead_code.py

    heading "Bill of materials and licences"
    "$python" .ci/sbom.py

    heading "Django, set up as in production"
    check_django_for_production

    heading "Translations"
    check_catalogues
}
