"""Which Rocket.Chat account is whose, and what happens to it. An account is never guessed."""

from dataclasses import replace
from typing import Any

import pytest

from integration.domain.conflicts import ConflictKind
from integration.domain.operations import (
    Activate,
    AddMembers,
    AdoptAccount,
    CreateAccount,
    CreateChannel,
    Deactivate,
    Unconfirmed,
    UpdateAccount,
)
from integration.domain.policy import Deactivation, MissingAccounts
from integration.domain.state import AskedAccount, MoodleState, Person, Scope
from integration.services.sync.plan import Plan
from tests.support.builders import (
    BOT,
    Case,
    account,
    channel_link,
    course,
    enrolment,
    group,
    kinds,
    link,
    managed,
    moodle,
    operations,
    person,
    plan_for,
    policy,
    remote,
    room,
)

ANNA, BEN, CEM = 7, 8, 9
AS_ASKED = AskedAccount("user7", "user7@uni.invalid")
CHANNEL, ROOM = channel_link(10, name="A"), room("r10", "A")


def members(*people: Person) -> MoodleState:
    """Group A with these people."""
    return moodle(group(10, "A", [one.user_id for one in people]), people=people)


def anna(**values: Any) -> MoodleState:
    return members(person(ANNA, **values))


def away(**values: Any) -> MoodleState:
    """Anna is in no group and in no course."""
    return moodle(courses=[course()], people=[person(ANNA, **values)])


def conflicts(plan: Plan) -> list[tuple[ConflictKind, int | None]]:
    return [(one.kind, one.user_id) for one in plan.conflicts]


def adopted(plan: Plan) -> list[tuple[int, str, bool]]:
    return [(one.user_id, one.account_id, one.created) for one in operations(plan, AdoptAccount)]


# ── Found or made ─────────────────────────────────────────────────────────────────────────────────


def test_somebody_without_an_account_gets_one_and_the_reason_says_why() -> None:
    plan = plan_for(anna(email="Anna@Uni.invalid"))
    (made,) = operations(plan, CreateAccount)
    assert (made.username, made.name, made.email) == ("user7", "Person 7", "Anna@Uni.invalid")
    assert made.reason.startswith("has no Rocket.Chat account yet; ")


def test_the_link_comes_before_the_address() -> None:
    plan = plan_for(
        anna(),
        remote=remote(account("a1", "renamed", "other@x.y"), account("a7", "stranger"), ROOM),
        managed=managed(link(ANNA, "a1", created=False), CHANNEL),
    )
    assert kinds(plan) == ["add_members"]
    assert operations(plan, AddMembers)[0].joiners[0].user_id == ANNA


def test_an_account_with_the_address_is_adopted_whatever_its_username() -> None:
    plan = plan_for(anna(), remote=remote(account("a7", "someone")))
    assert adopted(plan) == [(ANNA, "a7", False)]
    assert operations(plan, CreateAccount) == []


def test_addresses_are_compared_without_case() -> None:
    plan = plan_for(anna(email="USER7@Uni.Invalid"), remote=remote(account("a7")))
    assert adopted(plan) == [(ANNA, "a7", False)]


def test_the_username_alone_is_a_conflict_that_names_both_sides() -> None:
    plan = plan_for(anna(), remote=remote(account("a1", "user7", "somebody@else.org")))
    (conflict,) = plan.conflicts
    assert conflict.kind is ConflictKind.USERNAME_TAKEN
    assert "Person 7" in conflict.moodle_side
    assert "somebody@else.org" in conflict.rocketchat_side
    assert conflict.remote_id == "a1"
    assert conflict.advice


def test_a_username_that_differs_in_case_is_taken_too() -> None:
    plan = plan_for(anna(), remote=remote(account("a1", "USER7", "somebody@else.org")))
    assert conflicts(plan) == [(ConflictKind.USERNAME_TAKEN, ANNA)]


def test_a_username_that_is_a_teams_name_is_a_conflict() -> None:
    plan = plan_for(anna(), remote=remote(room("r1", "User7", team=True)))
    assert conflicts(plan) == [(ConflictKind.USERNAME_TAKEN, ANNA)]
    assert "a team is called User7" in plan.conflicts[0].rocketchat_side
    assert operations(plan, CreateAccount) == []


def test_a_username_that_is_a_channels_name_is_given() -> None:
    plan = plan_for(anna(), remote=remote(room("r1", "user7")))
    assert len(operations(plan, CreateAccount)) == 1


def test_an_account_without_an_address_is_not_taken_for_the_persons() -> None:
    plan = plan_for(anna(), remote=remote(account("a1", "user7", emails=())))
    assert conflicts(plan) == [(ConflictKind.USERNAME_TAKEN, ANNA)]


def test_nobody_in_a_conflict_is_put_into_a_channel() -> None:
    plan = plan_for(anna(), remote=remote(account("a1", "user7", "somebody@else.org")))
    assert operations(plan, CreateChannel)[0].joiners == ()


def test_a_person_without_an_address_is_a_conflict() -> None:
    plan = plan_for(anna(email=" "))
    assert conflicts(plan) == [(ConflictKind.EMAIL_MISSING, ANNA)]
    assert operations(plan, CreateAccount) == []


def test_a_missing_address_matters_only_where_an_account_is_to_be_made() -> None:
    plan = plan_for(
        anna(email=""),
        remote=remote(account("a7"), ROOM),
        managed=managed(link(ANNA), CHANNEL),
    )
    assert plan.conflicts == ()


def test_of_people_who_share_an_address_one_gets_an_account_and_the_others_are_reported() -> None:
    plan = plan_for(
        members(
            person(ANNA, email="family@x.y"),
            person(BEN, email="FAMILY@x.y"),
            person(CEM, email="family@x.y"),
        )
    )
    assert [one.user_id for one in operations(plan, CreateAccount)] == [ANNA]
    assert conflicts(plan) == [(ConflictKind.EMAIL_SHARED, BEN), (ConflictKind.EMAIL_SHARED, CEM)]


def test_an_account_with_a_shared_address_goes_to_the_one_whose_username_it_has() -> None:
    state = members(person(ANNA, email="family@x.y"), person(BEN, email="family@x.y"))
    plan = plan_for(state, remote=remote(account("a1", "user8", "family@x.y")))
    assert adopted(plan) == [(BEN, "a1", False)]
    assert conflicts(plan) == [(ConflictKind.EMAIL_SHARED, ANNA)]


def test_an_account_with_a_shared_address_goes_to_nobody_without_such_a_hint() -> None:
    state = members(person(ANNA, email="family@x.y"), person(BEN, email="family@x.y"))
    plan = plan_for(state, remote=remote(account("a1", "somebody", "family@x.y")))
    assert adopted(plan) == []
    assert len(plan.conflicts) == 2


def test_an_account_that_is_linked_to_somebody_else_is_not_given_away() -> None:
    state = members(person(ANNA, email="user8@uni.invalid"), person(BEN))
    plan = plan_for(
        state,
        remote=remote(account("a8"), ROOM),
        managed=managed(link(BEN, "a8"), CHANNEL),
    )
    assert conflicts(plan) == [(ConflictKind.EMAIL_TAKEN, ANNA)]
    assert adopted(plan) == []


def test_twins_of_two_mnet_hosts_are_two_people() -> None:
    state = members(person(ANNA, username="anna"), person(BEN, username="anna", auth="mnet"))
    made = operations(plan_for(state), CreateAccount)
    assert [(one.user_id, one.username) for one in made] == [(ANNA, "anna"), (BEN, "anna-8")]


def test_the_address_of_the_bot_makes_nobody_the_bot() -> None:
    plan = plan_for(anna(email="rcsync@chat.invalid"))
    assert conflicts(plan) == [(ConflictKind.EMAIL_TAKEN, ANNA)]
    assert plan.conflicts[0].remote_id == BOT


def test_where_accounts_come_from_elsewhere_none_is_made() -> None:
    plan = plan_for(anna(), policy=policy(missing_accounts=MissingAccounts.LINK_ONLY))
    assert operations(plan, CreateAccount) == []
    assert plan.conflicts == ()
    assert "by the settings none is created" in plan.skips[0].reason


def test_where_accounts_come_from_elsewhere_they_are_still_found() -> None:
    rules = policy(missing_accounts=MissingAccounts.LINK_ONLY)
    plan = plan_for(anna(), policy=rules, remote=remote(account("a7")))
    assert adopted(plan) == [(ANNA, "a7", False)]
    assert operations(plan, CreateChannel)[0].joiners


def test_an_account_that_an_earlier_run_did_not_live_to_store_is_ours() -> None:
    plan = plan_for(
        anna(),
        remote=remote(account("a7")),
        managed=managed(unfinished_accounts={ANNA: frozenset({AS_ASKED})}),
    )
    assert adopted(plan) == [(ANNA, "a7", True)]


@pytest.mark.parametrize(
    "asked",
    [
        AskedAccount("another.name", "user7@uni.invalid"),
        AskedAccount("user7", "another@uni.invalid"),
    ],
)
def test_an_account_that_is_not_as_an_earlier_run_asked_for_it_is_not_ours(
    asked: AskedAccount,
) -> None:
    plan = plan_for(
        anna(),
        remote=remote(account("a7")),
        managed=managed(unfinished_accounts={ANNA: frozenset({asked})}),
    )
    assert adopted(plan) == [(ANNA, "a7", False)]


def test_an_account_that_was_asked_for_under_an_earlier_address_is_ours() -> None:
    """The address was changed in Moodle before a look found what had been made."""
    plan = plan_for(
        anna(email="new@uni.invalid"),
        remote=remote(account("a7")),
        managed=managed(unfinished_accounts={ANNA: frozenset({AS_ASKED})}),
    )
    assert adopted(plan) == [(ANNA, "a7", True)]
    assert [one.email for one in operations(plan, UpdateAccount)] == ["new@uni.invalid"]


# ── Yes was said, and nothing was done ────────────────────────────────────────────────────────────


def woken(active: bool) -> Plan:
    claim = Activate(ANNA, "a7", "user7", reason="")
    return plan_for(
        anna(),
        remote=remote(account("a7", active=active)),
        managed=managed(link(ANNA), unconfirmed=(Unconfirmed(1, claim),)),
    )


def test_an_account_that_was_never_activated_is_still_off_by_us() -> None:
    plan = woken(active=False)
    assert [one.user_id for one in operations(plan, Activate)] == [ANNA]
    assert not any(one.kind is ConflictKind.ACCOUNT_INACTIVE for one in plan.conflicts)
    assert plan.confirmed == {1}, "the new attempt is its own row"


def test_an_account_that_is_seen_to_be_active_is_confirmed() -> None:
    plan = woken(active=True)
    assert operations(plan, Activate) == []
    assert plan.confirmed == {1}


def renamed(*names: str) -> Plan:
    """Anna is to be called Person 7, and an account that LDAP owns is called Ldap."""
    claims = [
        Unconfirmed(number, UpdateAccount(ANNA, "a7", "user7", name, None, "Ldap", "", reason=""))
        for number, name in enumerate(names)
    ]
    return plan_for(
        anna(),
        remote=remote(account("a7", name="Ldap")),
        managed=managed(link(ANNA), unconfirmed=tuple(claims)),
    )


@pytest.mark.parametrize("names", [(), ("Person 7",), ("Old Name", "Older Name", "Person 7")])
def test_a_name_that_was_not_kept_once_is_sent_again(names: tuple[str, ...]) -> None:
    plan = renamed(*names)
    assert [one.name for one in operations(plan, UpdateAccount)] == ["Person 7"]
    assert plan.conflicts == ()


def test_a_name_that_was_not_kept_twice_is_said_and_not_sent_again() -> None:
    plan = renamed("Person 7", "Person 7")
    assert operations(plan, UpdateAccount) == []
    assert [one.kind for one in plan.conflicts] == [ConflictKind.NOT_KEPT]
    assert "LDAP" in plan.conflicts[0].advice
    assert plan.confirmed == frozenset(), "so the next run remembers"


def test_an_account_that_cannot_be_read_is_left_alone_and_said() -> None:
    plan = plan_for(
        anna(),
        remote=replace(remote(ROOM), not_understood={"a7": "'active' is neither true nor false"}),
        managed=managed(link(ANNA), CHANNEL),
    )
    assert plan.operations == ()
    assert [one.kind for one in plan.conflicts] == [ConflictKind.NOT_UNDERSTOOD]
    assert plan.missing_accounts == ()


def test_an_account_that_vanished_from_the_server_is_made_again() -> None:
    plan = plan_for(anna(), remote=remote(ROOM), managed=managed(link(ANNA), CHANNEL))
    assert [one.user_id for one in operations(plan, CreateAccount)] == [ANNA]
    assert operations(plan, AddMembers)[0].joiners[0].user_id == ANNA
    assert plan.missing_accounts == (ANNA,)


def test_a_vanished_account_that_nobody_needs_is_left_alone() -> None:
    assert plan_for(away(), managed=managed(link(ANNA))).operations == ()


def test_no_account_is_ever_made_for_a_deleted_person() -> None:
    assert operations(plan_for(anna(deleted=True)), CreateAccount) == []


# ── Kept in step ──────────────────────────────────────────────────────────────────────────────────


def linked(state: MoodleState, account_values: Any = None, **values: Any) -> Plan:
    """Anna's account a7 is linked, and the channel is there."""
    link_values = values.pop("link", {})
    return plan_for(
        state,
        remote=remote(account("a7", **(account_values or {})), ROOM),
        managed=managed(link(ANNA, **link_values), CHANNEL),
        **values,
    )


def test_a_new_name_and_address_are_sent() -> None:
    (change,) = operations(
        linked(anna(lastname="Miller", email="miller@uni.invalid")), UpdateAccount
    )
    assert (change.name, change.email) == ("Person Miller", "miller@uni.invalid")
    assert (change.old_name, change.old_email) == ("Person 7", "user7@uni.invalid")


def test_what_did_not_change_is_not_sent() -> None:
    (change,) = operations(linked(anna(lastname="Miller")), UpdateAccount)
    assert change.email is None


def test_an_address_that_differs_only_in_case_is_no_change() -> None:
    assert operations(linked(anna(email="USER7@uni.invalid")), UpdateAccount) == []


def test_a_name_that_differs_only_in_blanks_around_it_is_no_change() -> None:
    padded = {"name": "  Person 7 "}
    assert operations(linked(anna(), account_values=padded), UpdateAccount) == []


def test_a_missing_address_is_not_sent() -> None:
    assert operations(linked(anna(email="")), UpdateAccount) == []


def test_an_adopted_account_keeps_its_name_and_address() -> None:
    plan = linked(anna(lastname="Miller"), link={"created": False})
    assert operations(plan, UpdateAccount) == []


def test_an_adopted_account_follows_where_the_settings_say_so() -> None:
    rules = policy(update_adopted_accounts=True)
    plan = linked(anna(lastname="Miller"), link={"created": False}, policy=rules)
    assert len(operations(plan, UpdateAccount)) == 1


def test_an_account_follows_in_the_same_run_in_which_it_is_adopted() -> None:
    plan = plan_for(
        anna(lastname="Miller"),
        remote=remote(account("a7")),
        policy=policy(update_adopted_accounts=True),
    )
    assert [one.name for one in operations(plan, UpdateAccount)] == ["Person Miller"]


@pytest.mark.parametrize("linked_before", [True, False])
def test_an_adopted_administrators_account_is_never_changed(linked_before: bool) -> None:
    """Whoever sets the address of an account can take it over by a new password."""
    plan = plan_for(
        anna(lastname="Miller"),
        remote=remote(account("a7", roles=("user", "admin"))),
        managed=managed(*([link(ANNA, created=False)] if linked_before else [])),
        policy=policy(update_adopted_accounts=True),
    )
    assert operations(plan, UpdateAccount) == []


@pytest.mark.parametrize("values", [{"roles": ("user", "admin")}, {"kind": "bot"}])
def test_an_account_that_we_made_and_that_was_promoted_is_never_changed(
    values: dict[str, Any],
) -> None:
    plan = plan_for(
        anna(lastname="Miller", email="new@uni.invalid"),
        remote=remote(account("a7", **values)),
        managed=managed(link(ANNA, created=True)),
    )
    assert operations(plan, UpdateAccount) == []


def test_an_address_that_another_account_has_is_a_conflict_and_the_name_still_follows() -> None:
    state = anna(email="taken@x.y", lastname="Miller")
    plan = plan_for(
        state,
        remote=remote(account("a7"), account("a1", "x", "taken@x.y"), ROOM),
        managed=managed(link(ANNA), CHANNEL),
    )
    assert conflicts(plan) == [(ConflictKind.EMAIL_TAKEN, ANNA)]
    assert [(one.name, one.email) for one in operations(plan, UpdateAccount)] == [
        ("Person Miller", None)
    ]


def test_an_address_that_a_new_account_gets_in_the_same_run_is_a_conflict() -> None:
    state = moodle(
        group(10, "A", [ANNA]),
        people=[person(ANNA, email="new@x.y"), person(BEN, email="new@x.y")],
        enrolments=[enrolment(2, ANNA), enrolment(2, BEN)],
    )
    plan = plan_for(state, remote=remote(account("a8")), managed=managed(link(BEN)))
    assert [one.user_id for one in operations(plan, CreateAccount)] == [ANNA]
    assert operations(plan, UpdateAccount) == []
    assert conflicts(plan) == [(ConflictKind.EMAIL_TAKEN, BEN)]


def test_the_scrambled_data_of_a_deleted_person_are_not_sent() -> None:
    state = away(deleted=True, email="d41d8cd98f00b204", username="user7@uni.invalid.1795350091")
    for kind in Deactivation:
        plan = linked(state, policy=policy(deactivation=kind))
        assert operations(plan, UpdateAccount) == []


def test_the_username_is_never_changed() -> None:
    assert linked(anna(username="renamed")).operations == linked(anna()).operations


# ── Asleep and awake ──────────────────────────────────────────────────────────────────────────────


def test_somebody_suspended_in_moodle_is_deactivated_with_the_reason() -> None:
    (off,) = operations(linked(anna(suspended=True)), Deactivate)
    assert (off.account_id, off.reason) == ("a7", "suspended in Moodle")


def test_a_deleted_person_is_deactivated_by_the_stored_id() -> None:
    (off,) = operations(linked(away(deleted=True, email="md5")), Deactivate)
    assert (off.account_id, off.reason) == ("a7", "deleted in Moodle")


def test_somebody_without_an_active_enrolment_is_deactivated() -> None:
    assert [one.user_id for one in operations(linked(away()), Deactivate)] == [ANNA]


def test_somebody_active_in_another_course_is_not_deactivated() -> None:
    state = moodle(
        group(10, "A", [ANNA]),
        courses=[course(3)],
        enrolments=[enrolment(2, ANNA, status=1), enrolment(3, ANNA)],
    )
    assert operations(linked(state), Deactivate) == []
    scoped = linked(state, scope=Scope(courses=frozenset({2})))
    assert operations(scoped, Deactivate) == []


def test_an_adopted_account_is_not_deactivated() -> None:
    assert operations(linked(away(), link={"created": False}), Deactivate) == []


def test_an_adopted_account_is_deactivated_where_the_settings_say_so() -> None:
    rules = policy(deactivate_adopted=True)
    plan = linked(away(), link={"created": False}, policy=rules)
    assert len(operations(plan, Deactivate)) == 1


def test_an_account_that_is_not_linked_is_never_deactivated() -> None:
    plan = plan_for(anna(suspended=True), remote=remote(account("a7")))
    assert kinds(plan) == ["create_channel"]


@pytest.mark.parametrize(
    "values",
    [{"roles": ("user", "admin")}, {"roles": ("bot",)}, {"kind": "bot"}, {"kind": "app"}],
)
def test_administrators_and_bots_are_never_deactivated_and_that_is_said(values: Any) -> None:
    plan = linked(away(), values)
    assert operations(plan, Deactivate) == []
    assert any("protected" in skip.reason for skip in plan.skips)


def test_the_protected_list_is_never_deactivated() -> None:
    plan = linked(
        away(), {"username": "USER7"}, policy=policy(protected_usernames=frozenset({"user7"}))
    )
    assert operations(plan, Deactivate) == []


def test_our_own_account_is_never_deactivated_even_when_linked() -> None:
    plan = plan_for(away(), managed=managed(link(ANNA, BOT)))
    assert plan.operations == ()


def test_what_is_asleep_already_is_not_deactivated_again() -> None:
    plan = linked(away(), {"active": False}, link={"deactivated": True})
    assert operations(plan, Deactivate) == []


ASLEEP = {"active": False}


def test_what_rcsync_deactivated_is_activated_when_the_person_is_back() -> None:
    plan = linked(anna(), ASLEEP, link={"deactivated": True})
    assert [one.account_id for one in operations(plan, Activate)] == ["a7"]
    assert [one.joiners[0].user_id for one in operations(plan, AddMembers)] == [ANNA]


def test_what_somebody_else_deactivated_stays_so_and_is_reported() -> None:
    plan = linked(anna(), ASLEEP)
    assert operations(plan, Activate) == []
    assert conflicts(plan) == [(ConflictKind.ACCOUNT_INACTIVE, ANNA)]


def test_an_account_that_stays_asleep_is_not_put_into_channels() -> None:
    assert operations(linked(anna(), ASLEEP), AddMembers) == []
    found = plan_for(anna(), remote=remote(account("a7", active=False)))
    assert operations(found, CreateChannel)[0].joiners == ()


def test_an_adopted_account_that_is_asleep_is_adopted_and_reported() -> None:
    plan = plan_for(anna(), remote=remote(account("a7", active=False)))
    assert adopted(plan) == [(ANNA, "a7", False)]
    assert conflicts(plan) == [(ConflictKind.ACCOUNT_INACTIVE, ANNA)]


@pytest.mark.parametrize("values", [{"suspended": True}, {"deleted": True}])
def test_never_to_deactivate_does_not_mean_to_wake_who_may_not_log_in(values: Any) -> None:
    plan = linked(
        anna(**values),
        ASLEEP,
        link={"deactivated": True},
        policy=policy(deactivation=Deactivation.NEVER),
    )
    assert operations(plan, Activate) == []


def test_an_account_that_somebody_woke_is_put_to_sleep_again() -> None:
    plan = linked(away(), link={"deactivated": True})
    assert len(operations(plan, Deactivate)) == 1


# ── The outcome does not depend on chance ─────────────────────────────────────────────────────────


def test_two_accounts_with_one_address_are_told_apart_the_same_way_every_time() -> None:
    one, two = account("a1", "one", "user7@uni.invalid"), account("a2", "two", "user7@uni.invalid")
    first = Case(anna(), remote(one, two)).plan()
    assert first.digest == Case(anna(), remote(two, one)).plan().digest


def test_a_scope_of_one_person_touches_no_other_account() -> None:
    state = members(person(ANNA, lastname="New"), person(BEN, lastname="New"))
    plan = plan_for(
        state,
        remote=remote(account("a7"), account("a8"), ROOM),
        managed=managed(link(ANNA), link(BEN), CHANNEL),
        scope=Scope(users=frozenset({BEN})),
    )
    assert [one.user_id for one in operations(plan, UpdateAccount)] == [BEN]


# --- an address is only worth something when it is verified ---------------------------------------


def test_an_account_whose_address_is_not_verified_is_not_adopted() -> None:
    """Anybody may enter any address: open registration is how Rocket.Chat is shipped."""
    plan = plan_for(
        anna(), remote=remote(account("a1", "else", "user7@uni.invalid", verified=False))
    )
    assert operations(plan, AdoptAccount) == []
    assert operations(plan, CreateAccount) == []
    assert conflicts(plan) == [(ConflictKind.EMAIL_UNVERIFIED, ANNA)]


def test_our_own_unfinished_account_needs_no_verified_address() -> None:
    """The bulk import makes accounts whose address is not verified."""
    there = remote(account("a1", "user7", "user7@uni.invalid", verified=False))
    plan = plan_for(
        anna(), remote=there, managed=managed(unfinished_accounts={ANNA: frozenset({AS_ASKED})})
    )
    (adopted,) = operations(plan, AdoptAccount)
    assert adopted.created


@pytest.mark.parametrize("who", [{"kind": "bot"}, {"kind": "app"}, {"roles": ("user", "bot")}])
def test_a_bot_with_a_persons_address_is_not_adopted(who: dict[str, Any]) -> None:
    plan = plan_for(anna(), remote=remote(account("a1", "user7", "user7@uni.invalid", **who)))
    assert operations(plan, AdoptAccount) == []
    assert conflicts(plan) == [(ConflictKind.EMAIL_TAKEN, ANNA)]


def test_the_address_of_an_account_matched_by_its_address_alone_is_never_changed() -> None:
    known = link(ANNA, "a1", created=False, address_only=True)
    there = remote(account("a1", "else", "old@uni.invalid", name="Old"))
    plan = plan_for(
        anna(), remote=there, managed=managed(known), policy=policy(update_adopted_accounts=True)
    )
    (update,) = operations(plan, UpdateAccount)
    assert (update.name, update.email) == ("Person 7", None)
    assert any("matched by its address alone" in skip.reason for skip in plan.skips)


def test_an_account_found_by_its_address_alone_is_stored_as_such() -> None:
    plan = plan_for(anna(), remote=remote(account("a1", "else", "user7@uni.invalid")))
    (adopted,) = operations(plan, AdoptAccount)
    assert adopted.address_only
    same_name = plan_for(anna(), remote=remote(account("a1", "user7", "user7@uni.invalid")))
    (adopted,) = operations(same_name, AdoptAccount)
    assert not adopted.address_only


def test_an_administrators_account_is_never_changed_also_when_rcsync_made_it() -> None:
    there = remote(account("a7", email="old@uni.invalid", name="Old", roles=("user", "admin")))
    plan = plan_for(anna(), remote=there, managed=managed(link(ANNA)))
    assert operations(plan, UpdateAccount) == []


@pytest.mark.parametrize("gone", [{"deleted": True}, {"suspended": True}])
def test_a_person_made_anew_is_one_question_in_the_inbox(gone: dict[str, bool]) -> None:
    """The old row is deleted or suspended, the new one has its username and address."""
    old = person(BEN, username="user7.1", email="x", **gone)
    state = moodle(group(10, "A", [ANNA]), people=[person(ANNA), old])
    there = remote(account("a8", "user7", "user7@uni.invalid", active=False))
    plan = plan_for(state, remote=there, managed=managed(link(BEN, "a8", deactivated=True)))
    (conflict,) = [one for one in plan.conflicts if one.user_id == ANNA]
    assert (conflict.kind, conflict.remote_id) == (ConflictKind.PERSON_RECREATED, "a8")
