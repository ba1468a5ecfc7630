"""What `.ci/release` checks before anything is released, as far as it is quick to see."""

import importlib
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from tests.support.paths import ROOT

SLOW_CASE = pytest.param(1, marks=pytest.mark.slow)
# A test that has no quick case, or whose slow cases alone meet something, and the quick tests that
# fail for the same kind of fault.
QUICK_TWINS = {
    "backup/test_upgrades.py::test_backup_upgrade_and_restore": (
        "backup/test_upgrades.py::test_what_the_databases_program_dumped_is_read_again",
    ),
    "worker/test_machines.py::test_two_workers_on_postgresql_share_a_pass_and_one_is_killed": (
        "worker/test_processes.py::test_two_clusters_share_a_run_over_a_hundred_courses",
        "worker/test_processes.py::test_tasks_lost_with_a_killed_busy_worker_are_gone_on_with",
    ),
    "worker/test_machines.py::test_two_hosts_share_a_pass_and_one_is_cut_off_and_killed": (
        "background/test_queue.py::test_a_dead_run_is_interrupted_and_another_goes_on_with_it",
        "background/test_queue.py::test_a_lost_lease_stops_the_run",
        "worker/test_processes.py::test_a_connection_dropped_before_a_task_is_opened_again",
    ),
    "worker/test_machines.py::test_two_workers_share_a_pass_and_the_lists_are_read_once": (
        "background/test_pass_lists.py::test_a_first_sync_in_five_parts_reads_each_list_once",
        "background/test_pass_lists.py::test_a_part_that_comes_while_another_reads_waits_for_it",
    ),
    "worker/test_processes.py::test_a_connection_dropped_in_the_middle_of_a_task_is_opened_again": (
        "worker/test_processes.py::test_a_connection_dropped_before_a_task_is_opened_again",
        "worker/test_processes.py::test_tasks_lost_with_a_killed_busy_worker_are_gone_on_with",
        "background/test_queue.py::test_an_unexpected_error_is_an_attempt_like_a_death",
    ),
    "worker/test_processes.py::"
    "test_a_course_that_kills_every_worker_is_given_up_and_the_others_are_done": (
        "background/test_queue.py::test_a_course_that_kills_its_worker_does_not_hold_up_the_others",
        "background/test_queue.py::test_a_run_is_given_up_after_some_attempts_with_state_and_reason",
        "worker/test_processes.py::test_tasks_lost_with_a_killed_busy_worker_are_gone_on_with",
    ),
    "worker/test_processes.py::test_a_worker_that_was_killed_takes_its_cluster_with_it": (
        "worker/test_guardian.py::test_nothing_outlives_a_killed_parent",
        "worker/test_run_killed.py::test_kill_9_of_run_leaves_nothing_behind",
        "worker/test_processes.py::test_a_hung_cluster_is_started_again",
    ),
    "project/test_setup.py::test_on_this_machine_alone_the_way_leads_to_a_first_sync": (
        "project/test_setup.py::test_behind_a_proxy_that_ends_tls_the_way_leads_to_a_first_sync",
        "project/test_setup.py::test_setup_asks_and_writes_what_only_its_user_may_read",
    ),
    "benchmarks/test_event_benchmark.py::"
    "test_a_small_benchmark_of_events_finds_nothing_wrong_and_keeps_its_word": (
        "benchmarks/test_sync_benchmark.py::test_a_small_benchmark_measures_every_phase",
        "benchmarks/test_bounds.py::test_a_broken_bound_says_so",
    ),
    "benchmarks/test_rush_plan.py::test_a_small_rush_ends_with_the_right_people": (
        "benchmarks/test_rush_plan.py::test_every_bound_of_the_rush_can_be_broken",
        "events/test_event_window.py::test_many_events_wait_for_more_and_become_one_run",
    ),
    "benchmarks/test_workers_benchmark.py::test_two_workers_share_a_small_first_sync": (
        "benchmarks/test_workers_benchmark.py::test_every_bound_can_be_broken",
        "background/test_pass_lists.py::test_a_first_sync_in_five_parts_reads_each_list_once",
    ),
    "worker/test_soak.py::test_whatever_happens_all_is_right_in_the_end": (
        "safety/test_faults.py::test_any_failure_of_any_operation_is_repaired_by_the_next_run",
        "safety/test_faults.py::test_a_run_killed_in_any_operation_is_finished_by_the_next_run",
        "worker/test_guardian.py::test_nothing_outlives_a_killed_parent",
        "worker/test_guardian.py::test_a_benchmark_that_leaves_a_process_behind_fails",
    ),
}


def dated(changelog: str, folder: Path) -> subprocess.CompletedProcess[str]:
    file = folder / "CHANGELOG.md"
    file.write_text(f"# Changelog\n\n{changelog}\n\nMore.\n\n## [0.9.0] - 2020-02-02\n")
    return subprocess.run(
        ["bash", "-euc", f'. .ci/steps.sh; has_a_release_date "{file}" 1.0.0'],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_release_has_its_date_in_the_changelog(tmp_path: Path) -> None:
    done = dated("## [1.0.0] - 2026-11-29", tmp_path)
    assert (done.returncode, done.stdout) == (0, "1.0.0 is dated 2026-11-29\n")


@pytest.mark.parametrize(
    "heading",
    [
        "## [1.0.0] - unreleased",
        "## [1.0.0] - 2026-02-30",
        "## [1.0.0] - 29.11.2026",
        "## [1.0.0]",
        "## [1x0.0] - 2026-11-29",
        "## [1.0.1] - 2026-11-29",
    ],
)
def test_a_release_without_a_date_is_refused_with_the_next_step(
    heading: str, tmp_path: Path
) -> None:
    done = dated(heading, tmp_path)
    assert done.returncode == 1
    assert "has no date for 1.0.0" in done.stderr
    assert ".ci/release --rehearsal" in done.stderr


def test_release_refuses_an_option_it_does_not_know() -> None:
    done = subprocess.run(
        [ROOT / ".ci/release", "--rehersal"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (2, "usage: .ci/release [--rehearsal]\n")


WAYS = {
    "Trying it out": "bare_root.sh",
    "One machine with systemd": "systemd.sh",
    "Containers": "compose.sh",
}


@pytest.mark.parametrize(("way", "script"), WAYS.items())
def test_each_way_of_installing_is_walked_by_its_own_commands(way: str, script: str) -> None:
    assert f"\n## {way}\n" in (ROOT / "docs/install.md").read_text()
    walk = (ROOT / ".ci" / script).read_text()
    assert f"^## {way}/" in walk
    assert "docs/install.md" in walk
    assert f".ci/{script}" in (ROOT / ".ci/release").read_text()


@pytest.mark.parametrize(
    ("way", "script"),
    [(way, script) for way, script in WAYS.items() if way != "Trying it out"],
)
def test_each_way_makes_a_backup_by_its_own_commands(way: str, script: str) -> None:
    page = (ROOT / "docs/backup.md").read_text().split(f"\n### {way}\n")[1].split("\n##")[0]
    walked = re.search(r"```sh\n(.*?)```", page, re.DOTALL)
    assert walked
    folder, backup = walked[1].splitlines()
    assert folder.startswith("install -d -m 700 -o ")
    assert folder.endswith(" /var/backups/rcsync")
    assert " backup --to /" in backup
    walk = (ROOT / ".ci" / script).read_text()
    assert f"^### {way}/" in walk
    assert "--look" in walk


def test_upgrade_and_restore_are_told_for_each_way_of_installing() -> None:
    backup = (ROOT / "docs/backup.md").read_text()
    for way in WAYS:
        page = backup.split(f"\n### {way}\n")[1].split("\n##")[0]
        for word in ("backup", "migrate", "doctor", "git"):
            assert word in page, f"{way}: {word}"


# ── Both drivers of MariaDB ──────────────────────────────────────────────────────────────────────


def with_pymysql_alone(code: str) -> str:
    """What a Python prints that runs as .ci/run and .ci/release run tests with PyMySQL alone."""
    command = f". .ci/steps.sh; with_pymysql_alone {sys.executable} -c '{code}'"
    settings = {"DJANGO_SETTINGS_MODULE": "tests.settings", "PATH": os.environ["PATH"]}
    done = subprocess.run(
        ["bash", "-euc", command],
        cwd=ROOT,
        env=settings,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def test_the_hidden_driver_is_hidden_and_the_other_takes_its_place() -> None:
    code = "import django; django.setup(); import MySQLdb; print(MySQLdb.__file__)"
    assert "pymysql" in with_pymysql_alone(code)


@pytest.mark.parametrize(
    "environment",
    [
        'site._environment("", "", "")',
        'soak._environment(Path("/tmp"), "")',
    ],
)
def test_processes_of_benchmarks_and_tests_look_there_first(environment: str) -> None:
    code = (
        "from pathlib import Path; from benchmarks import site, soak; "
        "from tests.support.paths import PYTHON_PATH; "
        f'path = {environment}["PYTHONPATH"]; print(path == PYTHON_PATH, path)'
    )
    same, path = with_pymysql_alone(code).split()
    assert same == "True"
    assert path.split(os.pathsep)[0] == str(ROOT / "var/pymysql-alone")


def test_the_suite_runs_once_with_pymysql_alone_and_what_meets_mariadb_with_both() -> None:
    change, release = ((ROOT / ".ci" / name).read_text() for name in ("run", "release"))
    tests = r"^(?:with_pymysql_alone )?\./rcsync test.*$"
    assert re.findall(tests, change, re.MULTILINE) == [
        """./rcsync test -m 'mysql and not slow' "${on_every_core[@]}\"""",
        "with_pymysql_alone ./rcsync test",
    ]
    assert re.findall(tests, release, re.MULTILINE) == [
        'with_pymysql_alone ./rcsync test -m mysql "${on_every_core[@]}"',
        "./rcsync test --all",
    ]


def test_the_image_is_built_and_run_with_every_extra() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    script = (ROOT / ".ci/image.sh").read_text()
    built = re.search(r'--build-arg EXTRAS="([^"]*)"', script)
    assert built
    assert set(built[1].split()) == extras.keys() - {"mysqlclient", "dev"}
    for extra in built[1].split():
        package = Requirement(extras[extra][0]).name
        assert re.search(rf"^' jwt .* ?{package}\b", script, re.MULTILINE), f"{package}: no import"


def test_no_check_of_a_script_is_one_that_cannot_fail() -> None:
    """`set -e` passes over a command behind `!`, and over one before `|| true`."""
    lines = []
    for file in (ROOT / ".ci").iterdir():
        if file.is_file() and file.suffix != ".py":
            lines += file.read_text().replace("\\\n", "").splitlines()
    assert [line for line in lines if line.lstrip().startswith("! ")] == []
    tidying = re.compile(r"kill |wait |umount |stop_web|ip link set lo|/dev/shm|env \| grep")
    excused = [line for line in lines if "|| true" in line]
    assert [line for line in excused if not tidying.search(line)] == []


# ── Slow tests ───────────────────────────────────────────────────────────────────────────────────


def functions() -> Iterator[tuple[str, Any]]:
    """Every test by its file and name."""
    for file in sorted((ROOT / "tests").rglob("test_*.py")):
        module = importlib.import_module(".".join(file.relative_to(ROOT).with_suffix("").parts))
        for name, function in vars(module).items():
            if name.startswith("test_") and getattr(function, "__module__", "") == module.__name__:
                yield f"{file.relative_to(ROOT / 'tests')}::{name}", function


def is_slow(marked: Any) -> bool:
    """A function, or one of its parameters."""
    marks = marked.marks if hasattr(marked, "marks") else getattr(marked, "pytestmark", ())
    return any(mark.name == "slow" for mark in marks)


def speeds(function: Any) -> set[str]:
    """Whether some of its cases are quick, and some are slow."""
    if is_slow(function):
        return {"slow"}
    marks = [one for one in getattr(function, "pytestmark", ()) if one.name == "parametrize"]
    axes = [[is_slow(case) for case in mark.args[1]] for mark in marks]
    quick = {"quick"} if all(not all(axis) for axis in axes) else set()
    return quick | ({"slow"} if any(any(axis) for axis in axes) else set())


def quick_and_slow() -> tuple[set[str], set[str]]:
    """Those with quick cases, and those with slow ones; some are both."""
    found = {name: speeds(function) for name, function in functions()}
    quick, slow = ({name for name in found if speed in found[name]} for speed in ("quick", "slow"))
    return quick, slow


@pytest.mark.parametrize(
    ("decorators", "cases"),
    [
        ([], {"quick"}),
        ([pytest.mark.slow], {"slow"}),
        ([pytest.mark.parametrize("a", [1, 2])], {"quick"}),
        ([pytest.mark.parametrize("a", [1, SLOW_CASE])], {"quick", "slow"}),
        ([pytest.mark.parametrize("a", [SLOW_CASE])], {"slow"}),
        (
            [pytest.mark.parametrize("a", [SLOW_CASE]), pytest.mark.parametrize("b", [1])],
            {"slow"},
        ),
        (
            [pytest.mark.parametrize("a", [1]), pytest.mark.parametrize("b", [1, SLOW_CASE])],
            {"quick", "slow"},
        ),
        ([pytest.mark.parametrize("a", [1]), pytest.mark.slow], {"slow"}),
    ],
)
def test_slow_parameters_are_seen(decorators: list[Any], cases: set[str]) -> None:
    def test_something(a: int, b: int) -> None: ...

    for decorator in decorators:
        test_something = decorator(test_something)
    assert speeds(test_something) == cases


def test_no_kind_of_fault_is_covered_by_slow_tests_alone() -> None:
    quick, slow = quick_and_slow()
    assert len(slow - quick) > 10
    assert len(slow & quick) > 10
    assert slow - quick <= QUICK_TWINS.keys() <= slow
    assert {twin for twins in QUICK_TWINS.values() for twin in twins} <= quick


def test_no_whole_module_is_slow() -> None:
    marked = re.compile(r"^pytestmark\b[^\n]*\bslow\b|^pytestmark = \[[^\]]*\.slow\b", re.MULTILINE)
    modules = (ROOT / "tests").rglob("test_*.py")
    assert [file.name for file in modules if marked.search(file.read_text())] == []
