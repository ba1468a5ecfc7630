"""The files in deploy/, the Dockerfile and compose.yaml, asked by the programs they are for."""

import contextlib
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from integration import __version__
from integration.services.admin import guide
from rcsync_project.databases import own_database
from tests.support.paths import ROOT

DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
EXPOSURE = 2.0
PATIENCE = 3  # seconds that a proxy waits for a whole request in a test


def program(name: str) -> str:
    path = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if path is None:
        if os.environ.get("CI"):
            pytest.fail(f"{name} is missing")
        pytest.skip(f"{name} is not installed")
    return path


def run(*command: str | Path, **environment: str) -> str:
    done = subprocess.run(
        command,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


# ── systemd ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_a_unit_is_hardened(unit: Path) -> None:
    told = run(program("systemd-analyze"), "security", "--offline=yes", "--no-pager", unit)
    found = re.search(r"exposure level for [^:]+: ([\d.]+)", told)
    assert found
    assert float(found[1]) <= EXPOSURE


def test_the_guide_promises_what_is_checked_of_the_units_as_they_run() -> None:
    walk = (ROOT / ".ci/systemd.sh").read_text()
    asked = re.search(r"promised=\$\(sed -n '(.*)' docs/install\.md\)", walk)
    assert asked
    told = run("sed", "-n", asked[1], ROOT / "docs/install.md")
    assert told == f"{EXPOSURE}\n"


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_systemd_understands_every_line_of_a_unit(unit: Path, tmp_path: Path) -> None:
    here = tmp_path / unit.name
    here.write_text(unit.read_text().replace("/opt/rcsync", str(ROOT)))
    assert not run(program("systemd-analyze"), "verify", "--man=no", here).strip()


def test_the_worker_may_finish_its_tasks_before_systemd_ends_it() -> None:
    unit = (DEPLOY / "systemd/rcsync-worker.service").read_text()
    drain = re.search(r"RCSYNC_DRAIN_SECONDS=(\d+)", (ROOT / ".env.example").read_text())
    patience = re.search(r"TimeoutStopSec=(\d+)", unit)
    assert drain
    assert patience
    assert int(patience[1]) > int(drain[1])


# ── Proxies ──────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    run(
        *(program("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
        *("-subj", "/CN=rcsync.example.org"),
        *("-keyout", tmp_path / "privkey.pem", "-out", tmp_path / "fullchain.pem"),
    )
    return tmp_path


def test_nginx_accepts_its_example(certificate: Path) -> None:
    example = (DEPLOY / "nginx/rcsync.conf").read_text()
    (certificate / "site.conf").write_text(example.replace("/etc/ssl/rcsync", str(certificate)))
    (certificate / "nginx.conf").write_text(
        f"pid {certificate}/pid; error_log stderr; events {{}}\n"
        f"http {{ access_log off; include {certificate}/site.conf; }}\n"
    )
    told = run(program("nginx"), "-t", "-p", certificate, "-c", certificate / "nginx.conf")
    assert "test is successful" in told
    assert "warn" not in told


def test_apache_accepts_its_example(certificate: Path) -> None:
    example = (DEPLOY / "apache/rcsync.conf").read_text()
    modules = Path("/usr/lib/apache2/modules")
    wanted = (
        *("mpm_event", "authn_core", "authz_core", "alias", "headers", "reqtimeout"),
        *("proxy", "proxy_http", "socache_shmcb", "ssl"),
    )
    apache = program("apache2")
    (certificate / "apache.conf").write_text(
        "".join(f"LoadModule {name}_module {modules}/mod_{name}.so\n" for name in wanted)
        + f"ServerRoot {certificate}\nServerName localhost\nPidFile {certificate}/pid\n"
        + f"ErrorLog {certificate}/log\nListen 80\nListen 443\n"
        + example.replace("/etc/ssl/rcsync", str(certificate))
    )
    assert "Syntax OK" in run(apache, "-t", "-f", certificate / "apache.conf")


CADDY_EXAMPLES = pytest.mark.parametrize("example", ["caddy/Caddyfile", "compose/Caddyfile"])


def for_caddy(folder: Path) -> dict[str, str]:
    """Debian's Caddy is older than `request_buffers`; the example tells what it was before."""
    version = re.search(r"(\d+)\.(\d+)\.(\d+)", run(program("caddy"), "version"))
    assert version
    older = tuple(map(int, version.groups())) < (2, 6, 3)
    words = {"RCSYNC_CADDY_BUFFERS": "buffer_requests"} if older else {}
    return {"RCSYNC_HOST": "rcsync.example.org", "HOME": str(folder), **words}


@CADDY_EXAMPLES
def test_caddy_accepts_its_examples(example: str, tmp_path: Path) -> None:
    told = run(
        *(program("caddy"), "validate", "--adapter", "caddyfile", "--config", DEPLOY / example),
        **for_caddy(tmp_path),
    )
    assert "Valid configuration" in told


@pytest.fixture
def behind() -> Iterator[socket.socket]:
    """What stands where rcsync would, and waits for a connection for a second."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(1)
        yield server


@contextlib.contextmanager
def caddy(example: str, behind: socket.socket, folder: Path) -> Iterator[int]:
    """The example without TLS, with a shorter patience; gives its port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    text = (DEPLOY / example).read_text()
    text = re.sub(r"(?m)^(rcsync\.example\.org|\{\$RCSYNC_HOST\}) ", f"http://:{port} ", text)
    text = re.sub(r"(127\.0\.0\.1|web):8000", f"127.0.0.1:{behind.getsockname()[1]}", text)
    text = text.replace("read_body 30s", f"read_body {PATIENCE}s")
    text = re.sub(r"(?m)^\{\n", "{\n\tadmin off\n", text, count=1)
    (folder / "Caddyfile").write_text(text)
    process = subprocess.Popen(
        [program("caddy"), "run", "--adapter", "caddyfile", "--config", folder / "Caddyfile"],
        env={**os.environ, **for_caddy(folder)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _attempt in range(100):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            time.sleep(0.1)
        yield port
    finally:
        process.kill()  # otherwise it waits for its slow clients
        process.wait(20)


def begin(port: int) -> socket.socket:
    """A form of ten bytes whose bytes are still to come."""
    client = socket.create_connection(("127.0.0.1", port), timeout=20)
    client.sendall(b"POST /admin/login/ HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n")
    return client


@CADDY_EXAMPLES
def test_a_request_that_drips_reaches_rcsync_when_it_is_whole(
    example: str, behind: socket.socket, tmp_path: Path
) -> None:
    with caddy(example, behind, tmp_path) as port, begin(port) as client:
        client.sendall(b"name=")
        with pytest.raises(TimeoutError):
            behind.accept()
        client.sendall(b"value")
        connection, _address = behind.accept()
        with connection:
            connection.settimeout(20)
            assert b"POST /admin/login/" in connection.recv(4096)


@CADDY_EXAMPLES
def test_a_request_that_drips_for_too_long_never_reaches_rcsync(
    example: str, behind: socket.socket, tmp_path: Path
) -> None:
    with caddy(example, behind, tmp_path) as port, begin(port) as client:
        deadline = time.monotonic() + 4 * PATIENCE
        cut_off = False
        while not cut_off and time.monotonic() < deadline:
            try:
                client.sendall(b"x")
                client.settimeout(0.9)
                cut_off = client.recv(4096) is not None
            except TimeoutError:
                continue
            except OSError:
                cut_off = True
        assert cut_off
        with pytest.raises(TimeoutError):
            behind.accept()


@pytest.mark.parametrize("example", ["nginx/rcsync.conf", "apache/rcsync.conf", "caddy/Caddyfile"])
def test_a_proxy_keeps_the_figures_to_itself(example: str) -> None:
    assert "/metrics" in (DEPLOY / example).read_text()


# ── Containers ───────────────────────────────────────────────────────────────────────────────────


def compose(*files: str) -> dict[str, Any]:
    """As `docker compose -f … -f …` puts them together, for what our files hold."""
    whole: dict[str, Any] = {"services": {}}
    for file in files:
        read = yaml.safe_load((ROOT / file).read_text())
        for name, service in read["services"].items():
            whole["services"].setdefault(name, {}).update(service)
        whole |= {key: value for key, value in read.items() if key != "services"}
    return whole


def filled_in(text: str, values: dict[str, str]) -> str:
    """`${NAME}`, `${NAME:-default}` and `${NAME:?complaint}`, from the inside out."""
    inner = re.compile(r"\$\{(\w+)(?::([-?])([^${}]*))?\}")
    while found := inner.search(text):
        name, kind, rest = found.groups()
        assert values.get(name) or kind == "-", f"{name} has to be in .env"
        text = text.replace(found[0], values.get(name) or rest or "")
    return text


def example_values() -> dict[str, str]:
    lines = (DEPLOY / "compose/env.example").read_text().splitlines()
    values = dict(line.split("=", 1) for line in lines if "=" in line and line[0] != "#")
    return {key: value or "0123456789abcdef" for key, value in values.items()}


def test_compose_starts_what_an_installation_needs_in_order() -> None:
    services = compose("compose.yaml")["services"]
    assert services.keys() == {"db", "migrate", "web", "worker", "proxy"}
    assert services["migrate"]["depends_on"] == {"db": {"condition": "service_healthy"}}
    for name in ("web", "worker"):
        done = {"migrate": {"condition": "service_completed_successfully"}}
        assert services[name]["depends_on"] == done
        assert services[name]["healthcheck"]["test"][-2:] == ["alive", name]


@pytest.mark.parametrize("name", ["migrate", "web", "worker"])
def test_a_container_of_ours_can_do_little(name: str) -> None:
    service = compose("compose.yaml")["services"][name]
    assert service["read_only"] is True
    assert service["user"] == "10001:10001"
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "ports" not in service


def test_the_values_of_the_example_make_settings_that_work() -> None:
    service = compose("compose.yaml")["services"]["web"]
    values = example_values()
    set_by_it = {key: filled_in(value, values) for key, value in service["environment"].items()}
    database = own_database(set_by_it["DATABASE_URL"], ROOT)
    assert (database["HOST"], database["NAME"]) == ("db", "rcsync")
    assert database["PASSWORD"] == values["RCSYNC_DB_PASSWORD"]
    assert set_by_it["ALLOWED_HOSTS"] == "rcsync.example.org,web"
    assert set_by_it["BEHIND_PROXY"] == "on"
    assert filled_in(service["image"], values) == f"rcsync:{__version__}"


def test_every_named_volume_exists() -> None:
    whole = compose("compose.yaml")
    for service in whole["services"].values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert source in whole["volumes"] or (ROOT / source).exists(), source


@pytest.mark.parametrize(
    ("file", "key"),
    [
        ("deploy/compose/moodle-on-this-machine.yaml", "extra_hosts"),
        ("deploy/compose/moodle-in-another-project.yaml", "networks"),
    ],
)
def test_moodles_database_may_be_elsewhere(file: str, key: str) -> None:
    services = compose("compose.yaml", file)["services"]
    assert {name for name, service in services.items() if key in service} == {"web", "worker"}
    assert services["worker"]["command"] == ["worker", "--wait"]


def is_let_in(path: str) -> bool:
    """As Docker reads .dockerignore: the last line that fits the path or a folder of it decides."""
    let_in = True
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        if line and not line.startswith("#"):
            pattern = re.escape(line.removeprefix("!"))
            pattern = pattern.replace(r"\*\*/", "(.*/)?").replace(r"\*", "[^/]*")
            if re.fullmatch(f"{pattern}(/.*)?", path):
                let_in = line.startswith("!")
    return let_in


def test_the_image_holds_what_the_launcher_and_the_web_pages_need() -> None:
    wanted = {"rcsync", "manage.py", "gunicorn.conf.py", "requirements.txt", "pyproject.toml"}
    folders = {"integration", "moodle", "rcsync_project", "locale", "LICENSE"}
    assert {name for name in wanted | folders if not is_let_in(name)} == set()
    unwanted = {".env", "var", ".venv", "tests", "requirements-dev.txt", "docs/screenshots"}
    assert {name for name in unwanted if is_let_in(name)} == set()


def test_the_image_holds_every_page_of_the_guide_and_no_picture() -> None:
    files = [path.relative_to(ROOT) for path in (ROOT / "docs").rglob("*") if path.is_file()]
    let_in = {str(path) for path in files if is_let_in(str(path))}
    assert {f"docs/{name}.md" for name in guide.names()} <= let_in
    assert let_in == {str(path) for path in files if path.suffix == ".md"}


def test_the_image_runs_without_rights() -> None:
    text = (ROOT / "Dockerfile").read_text()
    assert text.startswith("#")
    assert "\nARG BASE=" in text
    assert "\nUSER 10001:10001\n" in text
    assert "\nHEALTHCHECK " in text
    last = text.split("\nFROM ")[-1]
    assert "gcc" not in last


def test_a_command_that_fails_ends_the_build_of_the_image() -> None:
    """A shell goes on behind `;` unless it is told not to."""
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", "")
    several = [line for line in re.findall(r"^RUN (.*)", text, re.MULTILINE) if ";" in line]
    assert several
    assert [line for line in several if not line.startswith("set -eu;")] == []
