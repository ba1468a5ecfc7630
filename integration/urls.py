"""Addresses of the pages that are no ModelAdmin. They lie inside the admin's own address."""

from django.urls import path, register_converter

from integration.pages import (
    category_joins,
    conflicts,
    course_links,
    course_page,
    courses,
    failures,
    go,
    groups,
    guide,
    lti,
    lti_setup,
    own_settings,
    pause,
    plugin,
    runs,
    search,
    server,
    setup,
    sign_in,
    test_messages,
    undo,
    why,
)
from integration.pages.odd_input import GroupOrPerson, Number
from integration.pages.script_texts import ScriptTexts
from integration.web import health


class Subject:
    """What "Why?" is asked about."""

    regex = "person|channel"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


class OwnLevel:
    """What can have settings of its own."""

    regex = "category|course"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


register_converter(Subject, "subject")
register_converter(OwnLevel, "own_level")
register_converter(Number, "number")
register_converter(GroupOrPerson, "group_or_person")

app_name = "rcsync"
urlpatterns = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", health.metrics, name="metrics"),
    path("events/moodle", health.push, name="events"),
    path("lti/start", lti.start, name="lti_start"),
    path("lti/launch", lti.launch, name="lti_launch"),
    path("lti/keys.json", lti.keyset, name="lti_keyset"),
    path("lti/register/<str:token>", lti.register, name="lti_register"),
    path("admin/lti/", lti_setup.show, name="lti_setup"),
    path("admin/lti/registration-link/", lti_setup.new_link, name="lti_link"),
    path("admin/lti/test/", lti_setup.test_keys, name="lti_test"),
    path("admin/lti/new-key/", lti_setup.new_key, name="lti_new_key"),
    path("sign-in/openid/", sign_in.openid_begin, name="openid_begin"),
    path("sign-in/openid/callback/", sign_in.openid_callback, name="openid_callback"),
    path("sign-in/proxy/", sign_in.by_proxy, name="sign_in_by_proxy"),
    path("go/<str:token>", go.follow, name="go"),
    path("admin/jsi18n/", ScriptTexts.as_view(), name="script_texts"),
    path("admin/course/<number:course_id>/links/", course_links.show, name="course_links"),
    path("admin/course/<number:course_id>/sync/", course_page.sync, name="sync_course"),
    path("admin/groups/", groups.show, name="groups"),
    path("admin/groups.csv", groups.export, name="groups_csv"),
    path("admin/checks/", setup.test_connections, name="checks"),
    path("admin/test-rocketchat/", setup.try_connection, name="try_connection"),
    path("admin/server/decide/", server.decide, name="decide_server"),
    path("admin/plugin/", plugin.show, name="plugin"),
    path("admin/plugin/store/", plugin.store, name="plugin_store"),
    path("admin/plugin/people/", plugin.people, name="plugin_people"),
    path("admin/plugin/people/release/", plugin.release, name="plugin_release"),
    path("admin/forget-secrets/", setup.forget_secrets, name="forget_secrets"),
    path("admin/choose-roles/", setup.roles, name="roles"),
    path("admin/add-courses/", setup.add_courses, name="courses"),
    path("admin/own-settings/", own_settings.overview, name="own_settings"),
    path(
        "admin/own-settings/<own_level:kind>/<number:number>/",
        own_settings.level,
        name="own_settings_of",
    ),
    path("admin/category/<number:number>/joins/", category_joins.save, name="category_joins"),
    path(
        "admin/own-settings/<own_level:kind>/<number:number>/names/",
        own_settings.names,
        name="own_names",
    ),
    path("admin/preview/pattern/", setup.pattern_preview, name="pattern_preview"),
    path("admin/preview/names/", setup.name_preview, name="name_preview"),
    path("admin/sync-everything/", courses.sync_everything, name="sync_everything"),
    path("admin/find/", search.show, name="search"),
    path("admin/help/", guide.show, name="help"),
    path("admin/help/<slug:name>/", guide.show, name="help_page"),
    path("admin/pause/", pause.show, name="pause"),
    path("admin/pause/begin/", pause.pause, name="pause_now"),
    path("admin/pause/end/", pause.resume, name="resume"),
    path("admin/test-mail/", test_messages.mail, name="test_mail"),
    path("admin/test-message/", test_messages.message, name="test_message"),
    path("admin/failures/", failures.show, name="failures"),
    path("admin/failures.csv", failures.export, name="failures_csv"),
    path("admin/run/<number:run_id>/progress/", runs.progress, name="progress"),
    path("admin/run/<number:run_id>/cancel/", runs.cancel, name="cancel"),
    path("admin/run/<number:run_id>/retry/", runs.retry, name="retry"),
    path("admin/run/<number:run_id>/again/", runs.again, name="again"),
    path("admin/run/<number:run_id>/apply/", runs.apply, name="apply"),
    path("admin/run/<number:run_id>/decide/", runs.decide, name="decide_run"),
    path("admin/run/<number:run_id>/look-at-undo/", undo.preview_page, name="look_at_undo"),
    path("admin/run/<number:run_id>/undo/", undo.carry_out, name="undo"),
    path("admin/audit.csv", runs.export_audit, {"form": "csv"}, name="audit_csv"),
    path("admin/audit.jsonl", runs.export_audit, {"form": "jsonl"}, name="audit_jsonl"),
    path("admin/run/<number:run_id>/operations.csv", runs.export, name="export"),
    path("admin/conflict/<number:conflict_id>/decide/", conflicts.decide, name="decide"),
    path("admin/conflict/<number:conflict_id>/retry/", conflicts.retry, name="retry_conflict"),
    path("admin/conflict/<number:conflict_id>/choose/", conflicts.choose, name="choose_remote"),
    path("admin/conflict/<number:conflict_id>/link/", conflicts.link, name="link_remote"),
    path("admin/why/", why.search, name="why"),
    path("admin/why/<subject:kind>/<group_or_person:number>/", why.answer, name="why_of"),
    path("admin/why/<subject:kind>/<group_or_person:number>/sync/", why.sync_one, name="sync_one"),
]
