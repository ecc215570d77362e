"""django-otp's own pages would show secrets and hand them out: devices are made by their owners and removed by a deed."""

from __future__ import annotations

from django.contrib import admin
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts.admin.person_page import register_deed
from accounts.two_factor.deeds import REMOVE_SECOND_FACTOR

admin.site.unregister([TOTPDevice, StaticDevice])
register_deed(REMOVE_SECOND_FACTOR)
