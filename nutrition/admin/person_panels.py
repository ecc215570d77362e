"""This room's panels of the person's page: days against the goal in force, meals with a search of their own, favourites."""

from __future__ import annotations

from bisect import bisect_right
from datetime import UTC, date, timedelta
from typing import Final, cast

from django.db.models import Max, Min, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.text import Truncator
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.admin.display import admin_url, day, day_text, instant, number, object_link, quantity, two_lines, zone_of
from accounts.admin.person_page import Figure, Panel, PanelContent, asked, asked_day, register, same_page
from accounts.admin.read_only import WindowedPaginator
from accounts.admin.tables import Column, Table
from accounts.models import GoalHistory, User
from nutrition.admin.day_chart import DAYS, days_up_to, draw
from nutrition.admin.meals import zone_name
from nutrition.admin.summaries import reached_badge
from nutrition.models import DailySummary, FavoriteMeal, MealEntry

MEALS_SHOWN: Final = 20
FAVORITES_SHOWN: Final = 8
MEALS_COUNTED: Final = 20_000
WORDS_SEARCHED: Final = 6
DEFAULT_GOAL: Final = 120
"""Grams; what counts for people without a goal (importing.md section 6)."""


def of_person(model: type, person: User) -> str:
    """The address of the list of this person's rows."""
    return f"{admin_url(model, 'changelist')}?user__id__exact={person.pk}"


# --- Days --------------------------------------------------------------------------------------------------------------------
def read_days(request: HttpRequest, person: User) -> PanelContent:
    """Thirty local days up to the last one with data, or up to the day that was asked for (`days_until`)."""
    own = DailySummary.objects.filter(user=person)
    ends = own.aggregate(first=Min("summary_date"), last=Max("summary_date"))
    first, newest = cast("date | None", ends["first"]), cast("date | None", ends["last"])
    if first is None or newest is None:
        return PanelContent({"chart": None})
    last_day = min(asked_day(request, "days_until") or newest, newest)
    last_day = max(last_day, first)
    days = days_up_to(last_day)
    rows = list(own.filter(summary_date__range=(days[0], last_day)).order_by("summary_date"))
    today = timezone.now().astimezone(zone_of(zone_name(person))).date()
    earlier, later = days[0] - timedelta(days=1), last_day + timedelta(days=DAYS)
    return PanelContent(
        {
            "chart": draw(rows, last_day, goals_in_force(person, days)),
            "table": _table_of_days(rows, person),
            "ended": day(last_day) if last_day == newest and newest < today - timedelta(days=1) else "",
            "earlier": same_page(request, "days", days_until=earlier) if days[0] > first else "",
            "later": same_page(request, "days", days_until=None if later >= newest else later)
            if last_day < newest
            else "",
        }
    )


def goals_in_force(person: User, days: list[date]) -> dict[date, int]:
    """Day → grams: the latest goal from that day or before, else the earliest, else the default. One statement."""
    goals = list(
        GoalHistory.objects.filter(user=person)
        .order_by("effective_from")
        .values_list("effective_from", "daily_protein_goal")
    )
    since = [effective_from for effective_from, _grams in goals]
    return {one: goals[max(bisect_right(since, one) - 1, 0)][1] if goals else DEFAULT_GOAL for one in days}


def _table_of_days(rows: list[DailySummary], person: User) -> Table:
    return Table(
        caption=_("Les mêmes jours en chiffres"),
        columns=(
            Column(_("Jour"), heads_row=True),
            Column(_("Protéines"), numeric=True),
            Column(_("Objectif"), numeric=True),
            Column(_("Atteint"), numeric=True),
            Column(_("Calories"), numeric=True, wide_only=True),
            Column(_("Repas"), numeric=True, wide_only=True),
        ),
        rows=[
            (
                day(row.summary_date),
                quantity(row.total_protein, "g", 1),
                quantity(row.protein_goal, "g"),
                reached_badge(row),
                quantity(row.total_calories, "kcal"),
                number(row.total_meals),
            )
            for row in reversed(rows)
        ],
        empty=_("Aucun repas ces jours-là."),
        more_url=of_person(DailySummary, person),
        more_label=_("Tous les jours"),
    )


# --- Meals -------------------------------------------------------------------------------------------------------------------
def read_meals(request: HttpRequest, person: User) -> PanelContent:
    """The person's meals, newest first: all, or those with certain words (`meals_q`), on certain local days (`meals_from`, `meals_to`)."""
    own = MealEntry.objects.filter(user=person)
    count = own.order_by()[:MEALS_COUNTED].count()
    newest = own.order_by("-meal_timestamp").values_list("local_date", flat=True).first()
    found = found_meals(request, own)
    paginator = WindowedPaginator(found.order_by("-meal_timestamp", "-pk"), MEALS_SHOWN)
    filtered = bool(asked(request, "meals_q") or asked_day(request, "meals_from") or asked_day(request, "meals_to"))
    if not filtered:  # all of them are counted already
        paginator.__dict__["_counted"] = count
    page = paginator.get_page(asked(request, "meals_page") or 1)
    zone = zone_name(person)
    context = {
        "table": _table_of_meals(list(page.object_list), zone, person, filtered=filtered),
        "zone": zone_of(zone).key,
        "words": asked(request, "meals_q"),
        "from": asked_day(request, "meals_from"),
        "to": asked_day(request, "meals_to"),
        "filtered": filtered,
        "found": paginator.shown_count,
        "page": page,
        "newer": same_page(request, "meals", meals_page=page.previous_page_number()) if page.has_previous() else "",
        "older": same_page(request, "meals", meals_page=page.next_page_number()) if page.has_next() else "",
        "all": same_page(request, "meals", meals_q=None, meals_from=None, meals_to=None, meals_page=None),
        "others": [(name, value) for name, value in request.GET.items() if not name.startswith("meals_")],
        "any": bool(count),
    }
    figure = Figure(
        label=_("Repas"),
        value=number(count) + ("+" if count == MEALS_COUNTED else ""),
        hint=gettext("le dernier : %(when)s") % {"when": day_text(newest)} if newest else "",
        url="#meals",
        icon="restaurant",
        order=10,
    )
    return PanelContent(context, figures=(figure,))


def found_meals(request: HttpRequest, own: QuerySet[MealEntry]) -> QuerySet[MealEntry]:
    """Those that were asked for; every word has to be in the description."""
    found = own.defer("photo_data", "photo_url", "photo_file", "tags")
    for word in asked(request, "meals_q").split()[:WORDS_SEARCHED]:
        found = found.filter(description__icontains=word)
    if (first := asked_day(request, "meals_from")) is not None:
        found = found.filter(local_date__gte=first)
    if (last := asked_day(request, "meals_to")) is not None:
        found = found.filter(local_date__lte=last)
    return found


def _table_of_meals(meals: list[MealEntry], zone: str | None, person: User, *, filtered: bool) -> Table:
    return Table(
        caption=_("Repas, le plus récent d'abord"),
        columns=(
            Column(_("Jour local")),
            Column(_("Description"), heads_row=True),
            Column(_("Protéines"), numeric=True),
            Column(_("Calories"), numeric=True, wide_only=True),
            Column(_("Origine"), wide_only=True),
        ),
        rows=[
            (
                two_lines(day(meal.local_date), _clock(meal, zone)),
                object_link(MealEntry, meal.pk, Truncator(meal.description).chars(90)),
                quantity(meal.protein_grams, "g", 1),
                quantity(meal.calories, "kcal"),
                meal.get_source_type_display(),
            )
            for meal in meals
        ],
        empty=_("Aucun repas ne correspond.") if filtered else _("Aucun repas."),
        more_url=of_person(MealEntry, person) if meals else "",
        more_label=_("La liste complète, avec ses filtres"),
    )


def _clock(meal: MealEntry, zone: str | None) -> str:
    """The hour on the person's clock; the exact moment in UTC is in the title."""
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        meal.meal_timestamp.astimezone(UTC).isoformat(),
        f"{meal.meal_timestamp.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC",
        date_format(meal.meal_timestamp.astimezone(zone_of(zone)), "H:i"),
    )


# --- Favourites --------------------------------------------------------------------------------------------------------------
def read_favorites(request: HttpRequest, person: User) -> PanelContent:
    """The favourites in the order of the app's list."""
    own = FavoriteMeal.objects.filter(user=person)
    favorites = list(own.order_by("-last_used_at")[:FAVORITES_SHOWN])
    count = len(favorites) if len(favorites) < FAVORITES_SHOWN else own.count()
    table = Table(
        caption=_("Favoris, le dernier utilisé d'abord"),
        columns=(
            Column(_("Nom"), heads_row=True),
            Column(_("Protéines"), numeric=True),
            Column(_("Fois"), numeric=True),
            Column(_("Dernière utilisation"), wide_only=True),
        ),
        rows=[
            (
                object_link(FavoriteMeal, favorite.pk, Truncator(favorite.name).chars(60)),
                quantity(favorite.protein_grams, "g", 1),
                number(favorite.use_count),
                instant(favorite.last_used_at),
            )
            for favorite in favorites
        ],
        empty=_("Aucun favori."),
        more_url=of_person(FavoriteMeal, person) if count > FAVORITES_SHOWN else "",
        more_label=_("Tous les favoris"),
    )
    figure = Figure(label=_("Favoris"), value=number(count), url=of_person(FavoriteMeal, person), icon="star", order=20)
    return PanelContent({"table": table}, figures=(figure,))


register(
    Panel(
        key="days",
        title=_("Protéines, jour après jour"),
        template="admin/nutrition/panel_days.html",
        permission="nutrition.view_dailysummary",
        read=read_days,
        order=10,
        icon="monitoring",
    )
)
register(
    Panel(
        key="meals",
        title=_("Repas"),
        template="admin/nutrition/panel_meals.html",
        permission="nutrition.view_mealentry",
        read=read_meals,
        order=30,
        icon="restaurant",
    )
)
register(
    Panel(
        key="favorites",
        title=_("Favoris"),
        template="admin/accounts/panel_table.html",
        permission="nutrition.view_favoritemeal",
        read=read_favorites,
        order=30,
        place="side",
        icon="star",
    )
)
