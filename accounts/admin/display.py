"""How values look on the admin's pages: numbers, sizes, moments, badges and links, in the reader's language.

Everything here escapes what it is given; whatever a browser once stored stays text.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo, available_timezones

from django.conf import settings
from django.db.models import Model
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils.formats import date_format, number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

NOTHING: Final = "–"
NBSP: Final = "\u00a0"
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_BROWSERS = (("Edg/", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"))
_SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Macintosh", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)


@dataclass(frozen=True, slots=True)
class Badge:
    """A word with a colour and an icon; the colour never says anything that the word does not."""

    text: str
    variant: str = "neutral"
    """One of neutral, info, success, warning, danger."""
    icon: str = ""
    title: str = ""

    def __html__(self) -> SafeString:
        icon = material_icon(self.icon) if self.icon else ""
        return format_html(
            '<span class="dp-badge dp-badge--{}"{}>{}{}</span>',
            self.variant,
            format_html(' title="{}"', self.title) if self.title else "",
            icon,
            self.text,
        )

    def __str__(self) -> str:
        return self.__html__()


def material_icon(name: str) -> SafeString:
    """An icon of unfold's own font, silent for screen readers."""
    return format_html('<span class="material-symbols-outlined" aria-hidden="true">{}</span>', name)


def number(value: Decimal | float | None, decimals: int = 0) -> str:
    """Grouped as the language groups: 12 345,6 or 12,345.6."""
    if value is None:
        return NOTHING
    return str(number_format(number_of(value, decimals), decimal_pos=decimals, use_l10n=True, force_grouping=True))


def number_of(value: Decimal | float, decimals: int) -> Decimal:
    """Rounded half-up, as people do."""
    return Decimal(str(value)).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)


def quantity(value: Decimal | float | None, unit: str, decimals: int = 0) -> str:
    """A number with its unit, kept on one line; no decimals that say nothing."""
    if value is None:
        return NOTHING
    exponent = number_of(value, decimals).normalize().as_tuple().exponent
    decimals = max(0, -exponent) if isinstance(exponent, int) else decimals
    return f"{number(value, decimals)}{NBSP}{unit}"


def percent(value: Decimal | float | None) -> str:
    """A whole percentage."""
    return quantity(value, "%")


def share(part: float, whole: float) -> float:
    """`part` of `whole` in percent, between 0 and 100; nothing of nothing is 0."""
    return round(min(max(part / whole * 100, 0), 100), 2) if whole else 0.0


def size(value: int | None) -> str:
    """Bytes as people read them."""
    return NOTHING if value is None else filesizeformat(value)


def zone_of(name: str | None = None) -> ZoneInfo:
    """The named zone, else the one that pages speak in (`DYNPROT_DEFAULT_TIME_ZONE`)."""
    return ZoneInfo(name if name and name in available_timezones() else settings.DYNPROT_DEFAULT_TIME_ZONE)


def instant(value: datetime | None, zone: str | None = None) -> str:
    """An instant on the clock of `zone`; the exact moment in UTC is in the title."""
    if value is None:
        return NOTHING
    local = value.astimezone(zone_of(zone))
    return format_html(
        '<time class="dp-time" datetime="{}" title="{}">{}</time>',
        value.astimezone(UTC).isoformat(),
        f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC",
        date_format(local, "j N Y H:i"),
    )


def day(value: date | None) -> str:
    """A local day."""
    return (
        NOTHING
        if value is None
        else format_html(
            '<time class="dp-time" datetime="{}">{}</time>', value.isoformat(), date_format(value, "j N Y")
        )
    )


def day_text(value: date | None) -> str:
    """A local day as plain text, for sentences."""
    return NOTHING if value is None else date_format(value, "j N Y")


def duration(value: timedelta | float | None) -> str:
    """How long something took: 850 ms, 12,3 s, 3 min 12 s, 2 h 05 min."""
    if value is None:
        return NOTHING
    seconds = value.total_seconds() if isinstance(value, timedelta) else float(value)
    if seconds < 1:
        return quantity(seconds * 1000, "ms")
    if seconds < 60:
        return quantity(seconds, "s", 1)
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}{NBSP}min{NBSP}{rest:02d}{NBSP}s"
    hours, minutes = divmod(minutes, 60)
    return f"{number(hours)}{NBSP}h{NBSP}{minutes:02d}{NBSP}min"


def yes_no(*, value: bool | None) -> str:
    """A word, not only a colour."""
    return NOTHING if value is None else (_("oui") if value else _("non"))


def link(url: str, text: object) -> SafeString:
    """A link that looks like one."""
    return format_html('<a class="dp-link" href="{}">{}</a>', url, text)


def admin_url(model: type[Model] | Model, page: str, *args: object) -> str:
    """The address of a page of this model's admin: `changelist`, `change`, ..."""
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def object_link(model: type[Model], pk: object, text: object) -> str:
    """A link to a row's page by its id alone, so that no query is needed; a dash without an id."""
    return NOTHING if pk is None else link(admin_url(model, "change", pk), text)


def two_lines(first: object, second: object) -> SafeString:
    """What matters, and below it, smaller, what explains it."""
    return format_html('{}<small class="dp-muted">{}</small>', first, second)


def mono(text: object) -> SafeString:
    """Ids, paths and codes."""
    return format_html('<code class="dp-code">{}</code>', text)


def browser(user_agent: str | None) -> str:
    """`Firefox, Windows` of a user agent string; the beginning of it when it is not understood."""
    if not user_agent:
        return NOTHING
    names = [next((name for mark, name in table if mark in user_agent), "") for table in (_BROWSERS, _SYSTEMS)]
    return ", ".join(filter(None, names)) or printable(user_agent[:40])


def printable(text: str) -> str:
    r"""Text that a page can carry: control characters and lone surrogates as `\uXXXX`."""
    return _UNPRINTABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def readable_json(value: object, *, longest_text: int = 2_000) -> str:
    """Indented JSON for reading: accents as they are, oddities escaped, very long texts (photos) cut, saying so."""
    return printable(json.dumps(_shortened(value, longest_text), ensure_ascii=False, indent=2, default=str))


def readable_raw(text: str) -> str:
    """A stored JSON text made readable; what is no JSON is shown as it is."""
    try:
        return readable_json(json.loads(text))
    except (ValueError, RecursionError):
        return printable(text)


def _shortened(value: Any, longest: int) -> Any:
    if isinstance(value, str) and len(value) > longest:
        return _("%(start)s… (%(count)s caractères)") % {"start": value[:200], "count": number(len(value))}
    if isinstance(value, dict):
        return {key: _shortened(item, longest) for key, item in value.items()}
    if isinstance(value, list):
        return [_shortened(item, longest) for item in value]
    return value
