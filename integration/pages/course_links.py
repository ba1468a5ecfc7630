"""All links of a course, to paste into it."""

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext

from integration.models import ChannelLink, IntegratedCourse
from integration.pages import access
from integration.services.in_course.permalinks import Permalinks


@access.page(access.SEE_CHANNELS)
def show(request: HttpRequest, course_id: int) -> HttpResponse:
    course = IntegratedCourse.objects.filter(course_id=course_id).first()
    name = str(course) if course else gettext("Course %(n)d") % {"n": course_id}
    links = Permalinks()
    rows = [
        (channel, request.build_absolute_uri(links.of_channel(channel)))
        for channel in ChannelLink.objects.filter(moodle_course_id=course_id)
    ]
    of_course = request.build_absolute_uri(links.of_course(course_id))
    text = "\n".join(f"{channel.name}\t{url}" for channel, url in rows)
    context = access.context(
        request,
        gettext("Links of %(course)s") % {"course": name},
        rows=rows,
        of_course=of_course,
        text=text,
        course_id=course_id,
    )
    return TemplateResponse(request, "integration/course_links.html", context)
