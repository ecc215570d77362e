"""The badge in the admin's corner that says which installation one is looking at."""

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext as _


def badge(request: HttpRequest) -> list[str] | None:
    """Text and colour for unfold; nothing in production, where a badge would only become wallpaper."""
    if settings.DYNPROT_ENVIRONMENT == "production":
        return None
    return [_(settings.DYNPROT_ENVIRONMENT.capitalize()), "warning"]
