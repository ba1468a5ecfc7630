"""settings.py in environments good and bad, each in a process of its own."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from integration.web.middleware import POLICY
from rcsync_project.databases import moodle_database, no_moodle, own_database
from tests.support.paths import ROOT as TOP

PRODUCTION = {"SECRET_KEY": "k" * 20 + "0123456789" * 4, "ALLOWED_HOSTS": "rcsync.example.org"}


def manage(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, TOP / "manage.py", *arguments],
        env={"RCSYNC_ENV_FILE": "", "DATABASE_URL": "sqlite://", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def setting(expression: str, **environment: str) -> Any:
    code = "import json; from rcsync_project import settings; print(json.dumps(eval({!r})))"
    done = subprocess.run(
        [sys.executable, "-c", code.format(expression)],
        cwd=TOP,
        env={"RCSYNC_ENV_FILE": "", "DATABASE_URL": "sqlite://", **PRODUCTION, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({}, "SECRET_KEY is not set"),
        ({"SECRET_KEY": " "}, "SECRET_KEY is not set"),
        ({**PRODUCTION, "DATABASE_URL": "moodle.sqlite3"}, "DATABASE_URL has to begin with"),
        ({**PRODUCTION, "MOODLE_DATABASE_URL": "oracle://x/y"}, "MOODLE_DATABASE_URL has to begin"),
        ({**PRODUCTION, "MOODLE_DATABASE_URL": "mysql://u:p@host"}, "names no database"),
        ({**PRODUCTION, "MOODLE_DB_PREFIX": "mdl_; DROP"}, "MOODLE_DB_PREFIX"),
        ({**PRODUCTION, "RCSYNC_ENV_FILE": "/no/such/file"}, "/no/such/file cannot be read"),
        ({**PRODUCTION, "RCSYNC_BROKER_URL": "localhost"}, "RCSYNC_BROKER_URL has to begin with"),
    ],
)
def test_a_wrong_environment_gets_one_clear_sentence(
    environment: dict[str, str], sentence: str
) -> None:
    done = manage("check", **environment)
    assert done.returncode == 2
    assert sentence in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_production_passes_the_deployment_check() -> None:
    done = manage("check", "--deploy", "--fail-level=WARNING", **PRODUCTION)
    assert done.returncode == 0, done.stderr


def test_every_variable_is_explained_in_the_example() -> None:
    folder = TOP / "rcsync_project"
    source = (folder / "settings.py").read_text() + (folder / "sign_in.py").read_text()
    read = set(re.findall(r"""(?:env\.\w+|text|environ\.get)\(\s*"([A-Z_]+)\"""", source))
    explained = set(
        re.findall(r"^#? ?([A-Z_]+)=", (TOP / ".env.example").read_text(), re.MULTILINE)
    )
    assert read - explained == {"RCSYNC_ENV_FILE", "RCSYNC_MOODLE_TESTING", "RCSYNC_DEMO"}
    assert explained <= read


def test_a_secret_may_begin_with_a_dollar_sign() -> None:
    password = setting("settings.ROCKETCHAT['password']", ROCKETCHAT_PASSWORD="$HOME is where")
    assert password == "$HOME is where"


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "env"
    file.write_text("ROCKETCHAT_URL=https://file\nROCKETCHAT_USERNAME='from the file'\n")
    found = setting(
        "settings.ROCKETCHAT", RCSYNC_ENV_FILE=str(file), ROCKETCHAT_URL="https://environment"
    )
    assert found["url"] == "https://environment"
    assert found["username"] == "from the file"
    assert found["auth_token"] == ""


def test_secrets_of_the_file_do_not_reach_child_processes(tmp_path: Path) -> None:
    file = tmp_path / "env"
    file.write_text("ROCKETCHAT_AUTH_TOKEN=secret\n")
    inherited = setting("'ROCKETCHAT_AUTH_TOKEN' in settings.os.environ", RCSYNC_ENV_FILE=str(file))
    assert inherited is False


def test_without_a_moodle_the_alias_is_an_empty_database() -> None:
    configured, engine = setting(
        "(settings.MOODLE_CONFIGURED, settings.DATABASES['moodle']['NAME'])", MOODLE_DATABASE_URL=""
    )
    assert configured is False
    assert engine == ":memory:"


@pytest.mark.parametrize(("given", "prefix"), [("-", ""), ("", "mdl_"), ("m2_", "m2_")])
def test_a_moodle_without_a_prefix_is_named_by_a_dash(given: str, prefix: str) -> None:
    assert setting("settings.MOODLE_DB_PREFIX", MOODLE_DB_PREFIX=given) == prefix


def test_a_task_is_not_delivered_again_while_it_may_still_wait_its_turn() -> None:
    queue = setting("{k: v for k, v in settings.Q_CLUSTER.items() if type(v) is int}")
    assert queue["retry"] > queue["timeout"] * (queue["workers"] + queue["queue_limit"])


# ── Database addresses ───────────────────────────────────────────────────────────────────────────


def test_a_relative_sqlite_path_counts_from_the_project(tmp_path: Path) -> None:
    assert own_database("sqlite:///var/a.sqlite3", tmp_path)["NAME"] == f"{tmp_path}/var/a.sqlite3"
    assert (tmp_path / "var").is_dir()


def test_an_absolute_sqlite_path_is_kept(tmp_path: Path) -> None:
    assert own_database(f"sqlite:///{tmp_path}/a b", Path("/else"))["NAME"] == f"{tmp_path}/a b"


def test_our_sqlite_file_lets_writers_wait_for_each_other() -> None:
    options = own_database("sqlite://", Path())["OPTIONS"]
    assert options["transaction_mode"] == "IMMEDIATE"
    assert "journal_mode=WAL" in options["init_command"]


@pytest.mark.parametrize("scheme", ["mysql", "mariadb"])
def test_mysql_and_mariadb_are_one_engine(scheme: str) -> None:
    found = moodle_database(f"{scheme}://u:p%40ss@db:3307/moodle?ssl_mode=REQUIRED", Path())
    assert found["ENGINE"] == "django.db.backends.mysql"
    assert (found["USER"], found["PASSWORD"], found["HOST"]) == ("u", "p@ss", "db")
    assert (found["PORT"], found["NAME"]) == (3307, "moodle")
    assert found["OPTIONS"]["charset"] == "utf8mb4"
    assert found["OPTIONS"]["ssl_mode"] == "REQUIRED"


def test_no_option_in_the_address_lifts_the_write_lock() -> None:
    mysql = moodle_database("mysql://u@h/n?init_command=SET SESSION TRANSACTION READ WRITE", Path())
    assert mysql["OPTIONS"]["init_command"] == "SET SESSION TRANSACTION READ ONLY"
    postgres = moodle_database(
        "postgres://u@h/n?options=-c default_transaction_read_only=off", Path()
    )
    assert postgres["ENGINE"] == "rcsync_project.postgresql_read_only"
    assert postgres["OPTIONS"]["read_only"] is True
    postgres = moodle_database("postgres://u@h/n?read_only=off", Path())
    assert postgres["OPTIONS"]["read_only"] is True
    sqlite = moodle_database("sqlite:///moodle file", Path("/data"))
    assert sqlite["NAME"] == "file:///data/moodle%20file?mode=ro"


def test_a_message_about_an_address_never_holds_its_password() -> None:
    for url in ("mysql://user:hunter2@host:port/name", "foo://user:hunter2@host/name", "hunter2"):
        with pytest.raises(ImproperlyConfigured) as caught:
            moodle_database(url, Path())
        assert "hunter2" not in str(caught.value)


def test_an_unquoted_slash_in_the_password_is_explained() -> None:
    with pytest.raises(ImproperlyConfigured, match="%2F"):
        moodle_database("mysql://user:hun/ter2@host/name", Path())


def test_both_aliases_look_whether_their_connection_still_lives() -> None:
    for database in (own_database("mysql://u@h/n", Path()), no_moodle()):
        assert database["CONN_HEALTH_CHECKS"] is True


def test_the_demo_is_no_part_of_production() -> None:
    assert "demo" not in setting("settings.INSTALLED_APPS")
    assert "demo" in setting("settings.INSTALLED_APPS", RCSYNC_DEMO="1")


def test_networks_are_a_list_and_nonsense_is_refused() -> None:
    given = {"RCSYNC_ALLOWED_NETWORKS": "169.254.7.0/24, fe80::1"}
    assert setting("settings.ALLOWED_NETWORKS", **given) == ["169.254.7.0/24", "fe80::1"]
    done = manage("check", **PRODUCTION, RCSYNC_ALLOWED_NETWORKS="10.0.0.300")
    assert done.returncode != 0
    assert "RCSYNC_ALLOWED_NETWORKS holds '10.0.0.300'" in done.stderr


@pytest.mark.parametrize(
    ("url", "broker"), [("", ["orm"]), ("redis://:invented-password@broker/0", ["redis"])]
)
def test_the_environment_chooses_the_broker(url: str, broker: list[str]) -> None:
    chosen = "[name for name in ('orm', 'redis') if name in settings.Q_CLUSTER]"
    assert setting(chosen, RCSYNC_BROKER_URL=url) == broker
    assert "invented-password" not in setting(
        "repr(settings.Q_CLUSTER.get('redis'))", RCSYNC_BROKER_URL=url
    )


def test_every_exception_of_the_content_security_policy_has_its_reason_in_the_guide() -> None:
    page = (TOP / "docs/operations.md").read_text()
    told = page.split("**Content security policy.**")[1].split("\n\n")[0]
    sources = {source for part in POLICY.split("; ") for source in part.split()[1:]}
    exceptions = sources - {"'self'", "'none'"}
    assert exceptions
    assert {source for source in exceptions if f"`{source}`" not in told} == set()
