"""What an empty list says: what will stand there, and why there is nothing yet."""

from typing import Any, NamedTuple

from django.contrib.admin.views.main import ChangeList
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from integration.models import (
    AccountLink,
    AuditEntry,
    ChannelLink,
    Conflict,
    GroupRegexFilter,
    IncludedRole,
    IntegratedCourse,
    ManagedMembership,
    PendingEnding,
    RemovalLimit,
    SyncRun,
)

Text = str | Promise


class EmptyState(NamedTuple):
    """`view` and `action`: a link to what fills the list; "" where nobody fills it by hand."""

    title: Text
    text: Text
    view: str = ""
    action: Text = ""

    @property
    def url(self) -> str:
        return reverse(self.view) if self.view else ""


NOTHING_FOUND = EmptyState(
    _("Nothing matches"), _("No row of this list matches the search and the filters.")
)
ANY = EmptyState(_("Nothing here yet"), _("This list is empty."))
OPEN_ONES = {"status__exact": "open"}  # what the list of conflicts shows at first
START = "admin:index"
STATES: dict[type[Any], EmptyState] = {
    IntegratedCourse: EmptyState(
        _("No course is integrated yet"),
        _("Courses whose groups get channels appear here. Choose them from Moodle."),
        "rcsync:courses",
        _("Add courses from Moodle"),
    ),
    SyncRun: EmptyState(
        _("No runs yet"),
        _("Every preview and every sync appears here, with what it changed and why."),
        START,
        _("Preview everything on the start page"),
    ),
    Conflict: EmptyState(
        _("No conflicts"),
        _(
            "What rcsync cannot decide alone appears here: a name that is taken, an "
            "address that belongs to another account. Nothing needs a decision now."
        ),
    ),
    ChannelLink: EmptyState(
        _("No channels yet"),
        _("Channels that rcsync created or adopted appear here after the first sync."),
        START,
        _("To the start page"),
    ),
    AccountLink: EmptyState(
        _("No accounts yet"),
        _("Accounts that rcsync created or linked appear here after the first sync."),
        START,
        _("To the start page"),
    ),
    ManagedMembership: EmptyState(
        _("No memberships yet"),
        _("Memberships that rcsync manages appear here after the first sync."),
        START,
        _("To the start page"),
    ),
    PendingEnding: EmptyState(
        _("No pending endings"),
        _(
            "Endings with days of grace appear here until they take effect. Without "
            "days of grace in the settings, the list stays empty."
        ),
    ),
    AuditEntry: EmptyState(
        _("No changes yet"),
        _("Every change in Rocket.Chat, every decision and every changed setting appears here."),
    ),
    GroupRegexFilter: EmptyState(
        _("No patterns yet"),
        _("Patterns decide which groups get a channel. Without one, no group does."),
        "admin:integration_groupregexfilter_add",
        _("Add a pattern"),
    ),
    IncludedRole: EmptyState(
        _("No role is chosen yet"),
        _("Only people with a chosen role are added to channels. Without one, nobody is."),
        "rcsync:roles",
        _("Choose roles"),
    ),
    RemovalLimit: EmptyState(
        _("No limits of your own"),
        _("The limits above apply. A limit that you add replaces one of them."),
        "admin:integration_removallimit_add",
        _("Add a limit"),
    ),
}


def empty_state(rows: ChangeList) -> EmptyState:
    """What the list says that has no rows: of what a search or filter left out, that."""
    narrowed = rows.query or rows.has_active_filters
    if narrowed and not (rows.model is Conflict and rows.params == OPEN_ONES and not rows.query):
        return NOTHING_FOUND
    return STATES.get(rows.model, ANY)
