"""The inbox of conflicts: both sides, and what a person may decide."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from integration.domain.errors import ConfigurationError, SyncError
from integration.domain.numbers import whole_number
from integration.models import Conflict
from integration.pages import access, runs
from integration.services.admin import conflicts as decisions
from integration.services.admin import identity_decisions, link_targets, links, start_run
from integration.translation import in_words

LONGEST = 200  # characters of a search


class ConflictActions:
    """Mixed into the ModelAdmin of conflicts."""

    actions = ("ignore_selected", "reopen_selected")

    @admin.action(description=_("Ignore selected conflicts"), permissions=["decide"])
    def ignore_selected(self, request: HttpRequest, queryset: QuerySet[Conflict]) -> None:
        for conflict in queryset.filter(status=Conflict.Status.OPEN):
            decisions.ignore(conflict)

    @admin.action(description=_("Reopen selected conflicts"), permissions=["decide"])
    def reopen_selected(self, request: HttpRequest, queryset: QuerySet[Conflict]) -> None:
        for conflict in queryset.exclude(status=Conflict.Status.OPEN):
            decisions.reopen(conflict)


class OpensWithOpenOnes:
    """Mixed into the ModelAdmin of conflicts: the list opens with what is to be decided."""

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        if request.method == "GET" and not request.GET:
            return redirect(f"{request.path}?status__exact={Conflict.Status.OPEN.value}")
        return super().changelist_view(request, extra_context)  # type: ignore[misc]


def show(request: HttpRequest, conflict_id: str) -> HttpResponseBase:
    return _show(request, conflict_id)


@access.page("integration.view_conflict")
def _show(request: HttpRequest, conflict_id: str) -> HttpResponse:
    conflict = get_object_or_404(Conflict, pk=whole_number(conflict_id))
    places = links.places()
    in_moodle = ""
    if conflict.moodle_user_id:
        in_moodle = places.moodle_user(conflict.moodle_user_id)
    elif conflict.moodle_course_id:
        in_moodle = places.moodle_course(conflict.moodle_course_id)
    remote = places.account if conflict.moodle_user_id else places.room
    context = access.context(
        request,
        conflict.get_kind_display(),
        opts=Conflict._meta,
        original=conflict,
        conflict=conflict,
        can_link=decisions.can_link(conflict),
        may_decide=request.user.has_perm(access.DECIDE),
        in_moodle=in_moodle,
        in_rocketchat=remote(conflict.remote_id) if conflict.remote_id else "",
        can_choose=decisions.can_choose(conflict),
        about_identity=identity_decisions.is_about_identity(conflict),
        can_hand_over=identity_decisions.can_hand_over(conflict),
        about_a_name=decisions.is_about_a_name(conflict),
        edit_in_moodle=_edit_in_moodle(conflict, places),
        may_see_settings=request.user.has_perm(access.SEE_SETTINGS),
    )
    return TemplateResponse(request, "integration/conflict.html", context)


def _edit_in_moodle(conflict: Conflict, places: links.ExternalLinks) -> str:
    """Where the name that is taken can be changed."""
    if not places.moodle or not decisions.is_about_a_name(conflict):
        return ""
    if conflict.moodle_user_id is not None:
        return places.edit_user(conflict.moodle_user_id)
    return places.edit_group(decisions.course_of(conflict), conflict.moodle_group_id or 0)


@access.page(access.DECIDE)
def choose(request: HttpRequest, conflict_id: int) -> HttpResponse:
    """Search for the account or the room that is the right one, look at it, then confirm."""
    conflict = get_object_or_404(Conflict, pk=conflict_id)
    if not decisions.can_choose(conflict):
        messages.info(request, gettext("This conflict is decided, or its Moodle side is linked."))
        return redirect("admin:integration_conflict_change", conflict_id)
    words = request.GET.get("search", "").strip()[:LONGEST]
    remote_id = request.GET.get("choose", "")[:LONGEST]
    found, chosen, problem = None, None, ""
    try:
        if remote_id:
            chosen, _state = link_targets.read_target(conflict, remote_id)
        elif words:
            found = link_targets.search(conflict, words)
    except SyncError as error:
        problem = in_words(error)
    context = access.context(
        request,
        gettext("Link to an account") if conflict.moodle_user_id else gettext("Link to a room"),
        opts=Conflict._meta,
        original=conflict,
        conflict=conflict,
        search=words,
        found=found,
        candidate=chosen,
        problem=problem,
    )
    return TemplateResponse(request, "integration/conflict_choose.html", context)


@access.change(access.DECIDE)
def link(request: HttpRequest, conflict_id: int) -> HttpResponse:
    """What was chosen freely is looked at once more before it is stored."""
    conflict = get_object_or_404(Conflict, pk=conflict_id)
    try:
        if not decisions.can_choose(conflict):
            raise ConfigurationError(
                gettext("This conflict is decided, or its Moodle side is linked.")
            )
        decisions.link(conflict, request.POST.get("remote_id", "") or "-")
    except SyncError as error:
        messages.error(request, in_words(error))
    else:
        messages.success(request, gettext("Linked. The next sync treats both sides as one."))
    return redirect("admin:integration_conflict_change", conflict_id)


@access.change(access.DECIDE)
def decide(request: HttpRequest, conflict_id: int) -> HttpResponse:
    """link, same, other, hand_over, ignore or reopen."""
    conflict = get_object_or_404(Conflict, pk=conflict_id)
    decision = request.POST.get("decision")
    try:
        if decision == "link":
            decisions.link(conflict)
            messages.success(request, gettext("Linked. The next sync treats both sides as one."))
        elif decision == "same":
            identity_decisions.confirm_same(conflict)
            messages.success(request, gettext("Confirmed. The next sync goes on with the link."))
        elif decision == "other":
            identity_decisions.declare_other(conflict)
            messages.success(
                request,
                gettext("The link was removed. The next sync treats the Moodle side as new."),
            )
        elif decision == "hand_over":
            identity_decisions.hand_over(conflict)
            messages.success(
                request, gettext("Handed over. The next sync activates the account again.")
            )
        elif decision == "ignore":
            decisions.ignore(conflict)
            messages.success(
                request,
                gettext(
                    "Ignored. The conflict is no longer listed as open; the person or group "
                    "stays as it is."
                ),
            )
        elif decision == "reopen":
            decisions.reopen(conflict)
    except SyncError as error:
        messages.error(request, in_words(error))
    return redirect("admin:integration_conflict_change", conflict_id)


@access.change(access.DECIDE, access.SYNC)
def retry(request: HttpRequest, conflict_id: int) -> HttpResponse:
    """Sync just what the conflict is about; it closes when it does not come up again."""
    conflict = get_object_or_404(Conflict, pk=conflict_id)
    try:
        order = decisions.order_to_retry(conflict, access.who(request))
    except SyncError as error:
        messages.error(request, in_words(error))
        return redirect("admin:integration_conflict_change", conflict_id)
    run = start_run.start_run(order, here=True)
    runs.tell(request, run)
    if decisions.settle_after_retry(conflict, run):
        messages.success(request, gettext("The conflict is solved."))
    else:
        messages.warning(request, gettext("The conflict is still there."))
    return redirect("admin:integration_conflict_change", conflict_id)
