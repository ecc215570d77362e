"""Below /admin/two-factor/."""

from django.urls import path

from accounts.two_factor import views

app_name = "two_factor"
urlpatterns = [
    path("", views.mine, name="mine"),
    path("check/", views.check, name="check"),
    path("setup/", views.setup, name="setup"),
    path("codes/", views.codes, name="codes"),
]
