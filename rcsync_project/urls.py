from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

urlpatterns = [
    path("", include("integration.urls")),
    path("", RedirectView.as_view(pattern_name="admin:index"), name="home"),
    path("i18n/", include("django.conf.urls.i18n")),
    path("admin/", admin.site.urls),
]

handler403 = "integration.pages.errors.denied"
handler404 = "integration.pages.errors.not_found"
handler500 = "integration.pages.errors.broken"
