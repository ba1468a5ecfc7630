"""The group administrator looks after users, and cannot give itself more than it has."""

import importlib
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

pytestmark = pytest.mark.django_db(transaction=True)
USERS = "/admin/auth/user/"


@pytest.fixture(autouse=True)
def plain_http(settings) -> None:
    settings.SECURE_SSL_REDIRECT = False


@pytest.fixture
def member(transactional_db: None) -> User:
    """Of the group administrator, and no superuser."""
    migration = importlib.import_module("integration.migrations.0002_groups")
    with connection.schema_editor() as editor:
        migration.make_groups(apps, editor)
    user = User.objects.create_user("member", password="member", is_staff=True)
    user.groups.add(Group.objects.get(name="administrator"))
    return user


@pytest.fixture
def client(member: User) -> Client:
    client = Client()
    client.force_login(member)
    return client


@pytest.fixture
def root(transactional_db: None) -> User:
    return User.objects.create_superuser("root", "root@example.invalid", "the old one")


def fields(user: User, **more: str) -> dict[str, str]:
    dates = {"date_joined_0": "2026-01-01", "date_joined_1": "00:00:00"}
    return {"username": user.username, "is_active": "on", "is_staff": "on", **dates, **more}


def test_an_administrator_does_not_make_itself_a_superuser(client: Client, member: User) -> None:
    answer = client.post(f"{USERS}{member.pk}/change/", fields(member, is_superuser="on"))
    assert answer.status_code == 302, "the other fields are saved"
    member.refresh_from_db()
    assert not member.is_superuser


def test_an_administrator_makes_nobody_a_superuser(client: Client) -> None:
    password = "a-long-enough-one-27"
    new = {"username": "new", "usable_password": "true", "is_superuser": "on"}
    client.post(f"{USERS}add/", {**new, "password1": password, "password2": password})
    new_user = User.objects.get(username="new")
    client.post(f"{USERS}{new_user.pk}/change/", fields(new_user, is_superuser="on"))
    new_user.refresh_from_db()
    assert not new_user.is_superuser


def test_a_superusers_password_name_and_address_are_out_of_reach(
    client: Client, root: User
) -> None:
    password = {"password1": "a-long-enough-one-27", "password2": "a-long-enough-one-27"}
    answer = client.post(f"{USERS}{root.pk}/password/", {**password, "usable_password": "true"})
    assert answer.status_code == 403
    client.post(f"{USERS}{root.pk}/change/", fields(root, email="mine@example.invalid"))
    client.post(f"{USERS}{root.pk}/delete/", {"post": "yes"})
    ticked = {"action": "delete_selected", "_selected_action": [root.pk], "post": "yes"}
    client.post(USERS, ticked)
    root.refresh_from_db()
    assert root.check_password("the old one")
    assert root.email == "root@example.invalid"


def test_other_users_are_looked_after_as_before(client: Client) -> None:
    user = User.objects.create_user("somebody", "some@example.invalid", "old")
    answer = client.post(f"{USERS}{user.pk}/change/", fields(user, email="new@example.invalid"))
    assert answer.status_code == 302
    password = {"password1": "a-long-enough-one-27", "password2": "a-long-enough-one-27"}
    client.post(f"{USERS}{user.pk}/password/", {**password, "usable_password": "true"})
    user.refresh_from_db()
    assert user.email == "new@example.invalid"
    assert user.check_password("a-long-enough-one-27")


def test_a_superuser_makes_superusers(client: Client, root: User, member: User) -> None:
    client.force_login(root)
    client.post(f"{USERS}{member.pk}/change/", fields(member, is_superuser="on"))
    member.refresh_from_db()
    assert member.is_superuser


def role_groups(user: User) -> set[str]:
    return set(user.groups.values_list("name", flat=True))


def test_a_role_is_picked_on_the_form_of_a_new_user(client: Client) -> None:
    password = "a-long-enough-one-27"
    page = client.get(f"{USERS}add/").content.decode()
    assert "Operator: also syncs" in page
    new = {"username": "new", "usable_password": "true", "role": "operator"}
    client.post(f"{USERS}add/", {**new, "password1": password, "password2": password})
    user = User.objects.get(username="new")
    assert user.is_staff
    assert role_groups(user) == {"operator"}
    assert user.has_perm("integration.sync")


def test_another_role_takes_the_place_of_the_first_and_other_groups_stay(client: Client) -> None:
    user = User.objects.create_user("somebody", password="x", is_staff=True)
    own = Group.objects.create(name="our own")
    user.groups.add(own, Group.objects.get(name="operator"))
    page = client.get(f"{USERS}{user.pk}/change/").content.decode()
    assert '<option value="operator" selected' in page
    groups = [str(group.pk) for group in user.groups.all()]
    client.post(f"{USERS}{user.pk}/change/", {**fields(user), "role": "viewer", "groups": groups})
    assert role_groups(user) == {"our own", "viewer"}
    groups = [str(group.pk) for group in user.groups.all()]
    client.post(f"{USERS}{user.pk}/change/", {**fields(user), "role": "", "groups": groups})
    assert role_groups(user) == {"our own"}


def test_a_form_that_does_not_ask_for_the_role_leaves_it(client: Client) -> None:
    user = User.objects.create_user("somebody", password="x", is_staff=True)
    user.groups.add(Group.objects.get(name="viewer"))
    groups = [str(group.pk) for group in user.groups.all()]
    client.post(f"{USERS}{user.pk}/change/", {**fields(user), "groups": groups})
    assert role_groups(user) == {"viewer"}


# --- permissions and deletions in words -----------------------------------------------------------


def test_permissions_are_named_in_the_language_of_the_reader(
    admin_client: Client, member: User, settings: Any
) -> None:
    admin_client.cookies[settings.LANGUAGE_COOKIE_NAME] = "de"
    group = Group.objects.get(name="operator")
    page = admin_client.get(f"/admin/auth/group/{group.pk}/change/")
    labels = [
        str(label) for _value, label in page.context["adminform"].form.fields["permissions"].choices
    ]
    assert "Konto: ansehen" in labels
    assert "Lauf: Darf Läufe zurücknehmen" in labels
    assert not [label for label in labels if "Can " in label or "axes" in label.lower()]


def test_saving_a_group_keeps_its_permissions(admin_client: Client, member: User) -> None:
    group = Group.objects.get(name="administrator")
    before = set(group.permissions.values_list("pk", flat=True))
    form = {"name": "administrator", "permissions": [str(pk) for pk in before]}
    answer = admin_client.post(f"/admin/auth/group/{group.pk}/change/", form)
    assert answer.status_code == 302
    assert set(group.permissions.values_list("pk", flat=True)) == before


def test_what_only_connects_two_tables_is_not_listed_before_a_deletion(
    admin_client: Client, member: User
) -> None:
    group = Group.objects.get(name="operator")
    html = admin_client.get(f"/admin/auth/group/{group.pk}/delete/").content.decode()
    assert "operator" in html
    assert "relationship" not in html


def test_the_list_says_roles_and_states_in_words_and_asks_once_for_all_roles(
    client: Client, root: User
) -> None:
    def page() -> str:
        with CaptureQueriesContext(connection) as seen:
            answer = client.get(USERS)
        roles = [one["sql"] for one in seen.captured_queries if "auth_user_groups" in one["sql"]]
        assert len([sql for sql in roles if "prefetch_related" in sql]) == 1
        return str(answer.content.decode().split('id="result_list"')[1])

    User.objects.create_user("left", is_active=False, first_name="Anna", last_name="Left")
    table = page()
    for words in ("Administrator", "Superuser", "No role", "Switched off", "Anna Left"):
        assert words in table, words
    for number in range(5):
        User.objects.create_user(f"more{number}").groups.add(Group.objects.get(name="viewer"))
    assert page().count("Viewer") == 5
