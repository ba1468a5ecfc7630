"""Whether the new courses of a category join by themselves: a card on the page of the category."""

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext, ngettext
from unfold.widgets import UnfoldAdminTextInputWidget, UnfoldBooleanWidget

from integration.domain.errors import SyncError
from integration.domain.levels import LevelKind
from integration.models import IntegratedCategory
from integration.pages import access
from integration.services.admin import own_settings
from integration.services.admin.own_settings import Place
from integration.services.background import jobs
from integration.translation import in_words


class JoinsForm(forms.ModelForm):
    """What joins and what is left out."""

    class Meta:
        model = IntegratedCategory
        fields = ("enabled", "skip_hidden", "skip_matching", "event_sync")
        widgets = {
            "enabled": UnfoldBooleanWidget,
            "skip_hidden": UnfoldBooleanWidget,
            "skip_matching": UnfoldAdminTextInputWidget(attrs={"spellcheck": "false"}),
            "event_sync": UnfoldBooleanWidget,
        }


def form_of(place: Place, request: HttpRequest | None = None) -> JoinsForm | None:
    """None for a course. The names of its fields begin with "joins"."""
    if place.level.kind is not LevelKind.CATEGORY:
        return None
    number = place.level.number
    row = IntegratedCategory.objects.filter(category_id=number).first()
    row = row or IntegratedCategory(category_id=number, enabled=False)
    row.name = place.level.name
    return JoinsForm(request.POST if request else None, instance=row, prefix="joins")


@access.change(access.ADD_COURSES)
def save(request: HttpRequest, number: int) -> HttpResponse:
    """Store it, and take in at once what is there."""
    back = redirect("rcsync:own_settings_of", "category", number)
    try:
        place = own_settings.place_of(LevelKind.CATEGORY, number)
    except SyncError as error:
        messages.error(request, in_words(error))
        return back
    if place is None:
        raise Http404
    form = form_of(place, request)
    if form is None or not form.is_valid():
        for text in (text for texts in (form.errors if form else {}).values() for text in texts):
            messages.error(request, str(text))
        return back
    form.save()
    joined = jobs.join_new_courses()
    if not form.instance.enabled:
        messages.success(request, gettext("New courses of this category do not join."))
    else:
        text = ngettext("Saved. %(n)d course joined.", "Saved. %(n)d courses joined.", joined)
        messages.success(request, text % {"n": joined})
    return back
