"""The alert rules and the dashboard: well formed, and about figures that rcsync really tells."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.test import Client

from integration.services.monitoring.metrics import exposition
from integration.services.monitoring.status import Health, Numbers, Part
from tests.support.paths import ROOT
from tests.support.servers import require_promtool

FOLDER = ROOT / "deploy" / "monitoring"
RULES = FOLDER / "rcsync-rules.yml"
EXAMPLES = FOLDER / "rcsync-rules-test.yml"
DASHBOARD = FOLDER / "grafana-dashboard.json"
pytestmark = pytest.mark.django_db


def promtool(*arguments: str, given: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(
        [require_promtool(), *arguments], cwd=FOLDER, input=given, capture_output=True, check=False
    )


def everything() -> bytes:
    """All figures, each age known."""
    ages = ("heartbeat_age", "last_good_age", "oldest_queued_age", "oldest_held_age", "event_age")
    parts = tuple(Part(name) for name in ("database", "moodle", "rocketchat", "worker"))
    return exposition(Health(parts, Numbers(**dict.fromkeys(ages, 1.0)), ()))  # type: ignore[arg-type]


def told() -> set[str]:
    """Names of the figures as Prometheus stores them."""
    families = re.findall(r"^# TYPE (\S+) (\S+)$", everything().decode(), re.MULTILINE)
    names = {name for name, _kind in families}
    for name, kind in families:
        if kind == "histogram":
            names |= {f"{name}_bucket", f"{name}_sum", f"{name}_count"}
    return names


def rules() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load(RULES.read_text())["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


def alerts() -> list[dict[str, Any]]:
    return [rule for rule in rules() if "alert" in rule]


def expressions() -> list[str]:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    targets = [target["expr"] for panel in panels for target in panel["targets"]]
    return [rule["expr"] for rule in rules()] + targets


def test_rules_and_dashboard_ask_for_figures_that_exist() -> None:
    asked = {name for one in expressions() for name in re.findall(r"\brcsync_\w+", one)}
    assert len(asked) > 15
    assert asked - told() == set()


def test_every_alert_says_what_it_is_and_what_to_do() -> None:
    for rule in alerts():
        assert rule["annotations"]["summary"]
        assert rule["annotations"]["description"]
        assert rule["labels"]["severity"] in ("critical", "warning", "info")


def test_every_alert_has_an_example_that_fires_and_one_that_does_not() -> None:
    wanted = {rule["alert"] for rule in alerts()}
    fires: set[str] = set()
    is_silent: set[str] = set()
    for example in yaml.safe_load(EXAMPLES.read_text())["tests"]:
        for case in example.get("alert_rule_test", ()):
            (fires if case.get("exp_alerts") else is_silent).add(case["alertname"])
    assert len(wanted) == len(alerts()) > 8
    assert fires == wanted
    assert is_silent == wanted


def test_what_is_recorded_is_asked_for() -> None:
    names = {rule["record"] for rule in rules() if "record" in rule}
    assert names == {name for one in expressions() for name in re.findall(r"rcsync:[\w:]+", one)}


def test_the_examples_fail_where_a_first_appearance_is_missed(tmp_path: Path) -> None:
    """They prove what the rules are for: with `increase` alone some alerts come late, or never."""
    bare = re.sub(r"expr: \|\n.*\n\s+or (increase.*)", r"expr: \1", RULES.read_text())
    assert bare != RULES.read_text()
    (tmp_path / RULES.name).write_text(bare)
    (tmp_path / EXAMPLES.name).write_text(EXAMPLES.read_text())
    done = promtool("test", "rules", str(tmp_path / EXAMPLES.name))
    assert done.returncode == 1
    missed = set(re.findall(rb"alertname: (\w+)", done.stdout + done.stderr))
    assert missed == {b"RcsyncRunsFail", b"RcsyncIsRefused", b"RcsyncIsSlowedDown"}


def test_the_dashboards_panels_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        place: dict[str, Any] = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells


def test_promtool_accepts_the_rules_and_their_examples() -> None:
    done = promtool("check", "rules", RULES.name)
    assert done.returncode == 0, done.stdout + done.stderr
    done = promtool("test", "rules", EXAMPLES.name)
    assert done.returncode == 0, done.stdout + done.stderr


def test_promtool_finds_nothing_wrong_with_the_figures() -> None:
    done = promtool("check", "metrics", given=everything())
    assert (done.returncode, done.stdout + done.stderr) == (0, b"")


def scraped() -> tuple[dict[str, Any], str]:
    """The job of prometheus.yml, and its one target."""
    (job,) = yaml.safe_load((FOLDER / "prometheus.yml").read_text())["scrape_configs"]
    ((target,),) = [entry["targets"] for entry in job["static_configs"]]
    return job, target


def test_promtool_accepts_the_scrape_configuration(tmp_path: Path) -> None:
    text = (FOLDER / "prometheus.yml").read_text()
    token = tmp_path / "token"
    token.write_text("invented-token")
    (tmp_path / RULES.name).write_text(RULES.read_text())
    here = tmp_path / "prometheus.yml"
    here.write_text(text.replace("/etc/prometheus/rcsync-token", str(token)))
    done = promtool("check", "config", str(here))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.django_db(databases=["default", "moodle"])
def test_prometheus_is_answered_where_the_proxy_is_not_in_between(
    client: Client, settings: Any
) -> None:
    """With the settings of docs/install.md; the proxies' examples answer 404 themselves."""
    job, target = scraped()
    page = (ROOT / "docs/install.md").read_text()
    names = re.search(r"^ALLOWED_HOSTS=(.*)$", page, re.MULTILINE)
    assert names
    settings.ALLOWED_HOSTS = names[1].split(",")
    settings.SECURE_SSL_REDIRECT, settings.PROXIES = True, 1
    settings.METRICS_TOKEN = "invented-token"
    headers = {"Host": target, "Authorization": "Bearer invented-token"}
    assert client.get(job["metrics_path"], headers=headers).status_code == 200
    assert job["scheme"] == "http"
    assert "credentials_file" in job["authorization"]
    assert client.get(job["metrics_path"], headers={"Host": target}).status_code == 403


def test_prometheus_in_the_containers_network_may_ask_by_the_services_name() -> None:
    service = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]["web"]
    assert "web" in service["environment"]["ALLOWED_HOSTS"].split(",")
    assert "web:8000" in (FOLDER / "prometheus.yml").read_text()
