"""Where each address leads. The admin is the operators' and support's face; the API of the app comes under /api/."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from dynprot.health import health

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index", permanent=False), name="home"),
    path("admin/two-factor/", include("accounts.two_factor.urls")),
    path("admin/", admin.site.urls),
    path("health", health, name="health"),
    path("i18n/", include("django.conf.urls.i18n")),
]
