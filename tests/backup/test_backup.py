"""A backup as a person meets it: who may read it, what it refuses, what a restore leads to."""

import io
import json
import stat
import tarfile
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from integration.models import (
    AccountLink,
    ChannelLink,
    IntegratedCourse,
    IntegrationSettings,
    ManagedMembership,
    SyncRun,
)
from integration.services.backup import archive, make
from tests.support.background import clusters_alive
from tests.support.school import School

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "moodle"])


@pytest.fixture(autouse=True)
def _folder(settings: Any, tmp_path: Path) -> None:
    settings.VAR_DIR = tmp_path / "var"


def command(*arguments: Any) -> str:
    out = io.StringIO()
    call_command(*arguments, stdout=out, stderr=out)
    return out.getvalue()


def a_backup() -> Path:
    return Path(command("backup").split(" (")[0])


def refused(*arguments: Any) -> str:
    with pytest.raises(CommandError) as error:
        command(*arguments)
    assert error.value.returncode == 2
    return str(error.value)


def changed(path: Path, **values: Any) -> Path:
    """The same backup, which says something else of itself."""
    with tarfile.open(path) as tar:
        files = {member.name: tar.extractfile(member).read() for member in tar}  # type: ignore[union-attr]
    about = {**json.loads(files["manifest.json"]), **values}
    files["manifest.json"] = json.dumps(about).encode()
    other = path.with_name("changed.backup")
    with tarfile.open(other, "w") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return other


def test_only_its_owner_may_read_a_backup(school: School) -> None:
    path = a_backup()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("method", ["", "rows"])
def test_stored_secrets_stay_encrypted_in_a_backup(
    school: School, method: str, tmp_path: Path
) -> None:
    row = IntegrationSettings.load()
    row.set_secret("password", "invented-password", "https://chat.example.invalid")
    row.save()
    with archive.data_of(make.make(tmp_path, method=method)) as data:
        content = data.read()
    assert b"invented-password" not in content
    assert b"person1000" in content, "it is the data"


def test_where_the_keys_are_is_said_and_not_what_they_are(school: School, settings: Any) -> None:
    settings.ENV_FILE = Path("/etc/rcsync/rcsync.env")
    said = command("backup")
    assert "Keep /etc/rcsync/rcsync.env in another place" in said
    assert settings.RCSYNC_SECRET_KEYS[0] not in said


def test_a_file_that_was_cut_off_is_refused(school: School) -> None:
    path = a_backup()
    path.write_bytes(path.read_bytes()[:-20_000])
    assert "is not a complete backup of rcsync" in refused("restore", path)


def test_what_is_no_backup_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("SELECT 1")
    assert "is not a complete backup of rcsync" in refused("restore", tmp_path / "x")
    assert "is not a complete backup of rcsync" in refused("restore", tmp_path / "missing")


def test_a_backup_of_a_newer_rcsync_is_refused(school: School) -> None:
    assert "rcsync 9.0.0, which is newer than this one" in refused(
        "restore", changed(a_backup(), version="9.0.0"), "--apply"
    )


def test_a_backup_of_another_kind_of_database_is_refused(school: School) -> None:
    said = refused("restore", changed(a_backup(), vendor="mysql"), "--apply")
    assert "The backup is of mysql, but DATABASE_URL names sqlite." in said


def test_looking_changes_nothing_and_tells_the_first_sync(school: School) -> None:
    path = a_backup()
    school.moodle.join(101, [1005])
    school.run()
    links, runs = ManagedMembership.objects.count(), SyncRun.objects.count()
    said = command("restore", path, "--look")
    assert f"integration_accountlink: {AccountLink.objects.count()} rows" in said
    assert "made " in said
    assert "ago)" in said
    assert "The first sync after it" in said
    assert (ManagedMembership.objects.count(), SyncRun.objects.count()) == (links, runs)
    assert school.run().planned == {}


def test_nothing_is_replaced_while_a_worker_is_alive(school: School) -> None:
    path = a_backup()
    clusters_alive("a worker")
    assert "A worker is alive" in refused("restore", path, "--apply")


def test_what_is_replaced_is_kept(school: School) -> None:
    path = a_backup()
    IntegratedCourse.objects.all().delete()
    said = command("restore", path, "--apply")
    assert IntegratedCourse.objects.count() == 2
    (kept,) = path.parent.glob("replaced-*")
    assert str(kept) in said
    command("restore", kept, "--apply")
    assert IntegratedCourse.objects.count() == 0


def test_an_older_ledger_makes_nobody_and_no_channel_twice(school: School) -> None:
    """People are found again by their address, channels by their mark; a guest stays."""
    path = a_backup()
    school.moodle.enrol(10, school.moodle.people(1900, 3))
    school.moodle.group(109, 10, "Group 109", [1900, 1901, 1902])
    school.moodle.leave(101, [1000])
    school.run()
    school.by_hand("guest", 109)
    users, rooms = len(school.chat.state()["users"]), len(school.chat.state()["rooms"])

    command("restore", path, "--apply")
    assert not ChannelLink.objects.filter(moodle_group_id=109).exists()
    run = school.run(full_check=True)

    assert len(school.chat.state()["users"]) == users
    assert len(school.chat.state()["rooms"]) == rooms
    assert school.members(109) == {"person1900", "person1901", "person1902", "guest"}
    assert school.members(101) == {"person1001", "person1002", "person1003", "person1004"}
    assert run.status == SyncRun.Status.DONE, run.message
    assert ChannelLink.objects.get(moodle_group_id=109).created, "its mark says so"
    assert not AccountLink.objects.get(moodle_user_id=1900).created, "found by the address"
    found = ManagedMembership.objects.filter(channel__moodle_group_id=109)
    assert [row.ours for row in found] == [True] * 3, "Moodle wants them there; guest has no row"
