"""This room's panels of the person's page: the last days against the goal, recent meals, favourites."""

from __future__ import annotations

from datetime import date, timedelta
from typing import cast

from django.db.models import Max
from django.http import HttpRequest
from django.utils import timezone
from django.utils.text import Truncator
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.admin.display import admin_url, day, day_text, instant, number, object_link, quantity, zone_of
from accounts.admin.person_page import Figure, Panel, PanelContent, register
from accounts.admin.tables import Column, Table
from accounts.models import User
from nutrition.admin.day_chart import DAYS, draw
from nutrition.admin.meals import zone_name
from nutrition.admin.summaries import reached_badge
from nutrition.models import DailySummary, FavoriteMeal, MealEntry

MEALS_SHOWN = 20
FAVORITES_SHOWN = 8
MEALS_COUNTED = 20_000
DEFAULT_GOAL = 120
"""Grams; what counts for people without a goal (importing.md section 6)."""


def of_person(model: type, person: User) -> str:
    """The address of the list of this person's rows."""
    return f"{admin_url(model, 'changelist')}?user__id__exact={person.pk}"


def read_days(request: HttpRequest, person: User) -> PanelContent:
    """The last fourteen local days; for somebody who stopped earlier, the fourteen up to their last meal."""
    today = timezone.now().astimezone(zone_of(zone_name(person))).date()
    own = DailySummary.objects.filter(user=person)
    newest = cast("date | None", own.aggregate(newest=Max("summary_date"))["newest"])
    last_day = today if newest is None or newest > today - timedelta(days=DAYS) else newest
    rows = list(
        own.filter(summary_date__gt=last_day - timedelta(days=DAYS), summary_date__lte=last_day).order_by(
            "summary_date"
        )
    )
    profile = getattr(person, "profile", None)
    table = Table(
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
        more_url=of_person(DailySummary, person) if newest else "",
        more_label=_("Tous les jours"),
    )
    chart = draw(rows, last_day, profile.daily_protein_goal if profile else DEFAULT_GOAL) if newest else None
    return PanelContent({"chart": chart, "table": table, "ended": last_day != today and day(last_day)})


def read_meals(request: HttpRequest, person: User) -> PanelContent:
    """The newest meals on the person's own clock, and how many there are."""
    own = MealEntry.objects.filter(user=person)
    meals = list(own.defer("photo_data").order_by("-meal_timestamp")[:MEALS_SHOWN])
    count = len(meals) if len(meals) < MEALS_SHOWN else own.order_by()[:MEALS_COUNTED].count()
    zone = zone_name(person)
    table = Table(
        caption=gettext("Les %(count)s derniers repas") % {"count": number(len(meals))},
        columns=(
            Column(_("Quand"), wide_only=False),
            Column(_("Description"), heads_row=True),
            Column(_("Protéines"), numeric=True),
            Column(_("Calories"), numeric=True, wide_only=True),
            Column(_("Origine"), wide_only=True),
        ),
        rows=[
            (
                instant(meal.meal_timestamp, zone),
                object_link(MealEntry, meal.pk, Truncator(meal.description).chars(70)),
                quantity(meal.protein_grams, "g", 1),
                quantity(meal.calories, "kcal"),
                meal.get_source_type_display(),
            )
            for meal in meals
        ],
        empty=_("Aucun repas."),
        more_url=of_person(MealEntry, person) if meals else "",
        more_label=_("Tous les repas, et la recherche dedans"),
    )
    figure = Figure(
        label=_("Repas"),
        value=number(count) + ("+" if count == MEALS_COUNTED else ""),
        hint=gettext("le dernier : %(when)s") % {"when": day_text(meals[0].local_date)} if meals else "",
        url=of_person(MealEntry, person),
        icon="restaurant",
        order=10,
    )
    return PanelContent({"table": table}, figures=(figure,))


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
        title=_("Derniers repas"),
        template="admin/accounts/panel_table.html",
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
