"""Meals, favourites, analyses and traces of deleted entries: to look at. Their person changes them, through the app."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter, BooleanRadioFilter, ChoicesDropdownFilter

from accounts.admin.display import Badge, day, instant, object_link, quantity
from accounts.admin.person_search import SearchByPerson
from accounts.models import User
from nutrition.models import DeletedEntry, FavoriteMeal, MealAnalysis, MealEntry

LIST_LENGTH = 80


class OfPerson(SearchByPerson):
    """Rows that belong to somebody, with a link to them."""

    list_select_related = ("user",)

    @admin.display(description=_("personne"))
    def person(self, row: Any) -> str:
        return object_link(User, row.user_id, row.user.email)


@admin.register(MealEntry)
class MealEntryAdmin(OfPerson):
    """All meals in the order of their ids (people as they arrived); one person's meals, newest first."""

    text_field = "description"
    search_help_text = _(
        "Personne : e-mail, nom, ancien identifiant. Filtrez d'abord par personne pour chercher dans ses repas."
    )
    deferred_fields = ("photo_data", "tags", "photo_url", "photo_file")
    list_display = (
        "short_description",
        "person",
        "when",
        "protein",
        "energy",
        "meal_time_category",
        "source_type",
        "origin",
    )
    list_filter = (
        ("user", AutocompleteSelectFilter),
        ("source_type", ChoicesDropdownFilter),
        ("meal_time_category", ChoicesDropdownFilter),
        ("ai_estimated", BooleanRadioFilter),
    )
    sortable_by = ()  # any other order would sort the whole table
    fieldsets = (
        (None, {"fields": ("person", "description", "when", "local_day", "meal_type", "meal_time_category", "tags")}),
        (_("Nutrition"), {"fields": ("protein", "energy", "carbs", "fat", "fiber")}),
        (_("Photo"), {"fields": ("photo_url", "photo_file", "photo_inline")}),
        (
            _("Provenance"),
            {
                "fields": (
                    "source_type",
                    "ai_estimated",
                    "legacy_id",
                    "import_run_id",
                    "import_snapshot_id",
                    "imported_at",
                    "created_at",
                    "updated_at",
                )
            },
        ),
    )
    readonly_fields = ("person", "when", "local_day", "protein", "energy", "carbs", "fat", "fiber", "photo_inline")

    def get_queryset(self, request: HttpRequest) -> QuerySet[MealEntry]:
        return super().get_queryset(request).select_related("user__profile")

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        """Both orders are read from an index."""
        return ("-meal_timestamp", "-pk") if request.GET.get("user__id__exact") else ("-pk",)

    @admin.display(description=_("description"))
    def short_description(self, meal: MealEntry) -> str:
        return Truncator(meal.description).chars(LIST_LENGTH)

    @admin.display(description=_("quand (heure de la personne)"))
    def when(self, meal: MealEntry) -> str:
        return instant(meal.meal_timestamp, zone_name(meal.user))

    @admin.display(description=_("jour local"))
    def local_day(self, meal: MealEntry) -> str:
        return day(meal.local_date)

    @admin.display(description=_("protéines"))
    def protein(self, meal: MealEntry) -> str:
        return quantity(meal.protein_grams, "g", 2)

    @admin.display(description=_("calories"))
    def energy(self, meal: MealEntry) -> str:
        return quantity(meal.calories, "kcal")

    @admin.display(description=_("glucides"))
    def carbs(self, meal: MealEntry) -> str:
        return quantity(meal.carbs_grams, "g", 2)

    @admin.display(description=_("lipides"))
    def fat(self, meal: MealEntry) -> str:
        return quantity(meal.fat_grams, "g", 2)

    @admin.display(description=_("fibres"))
    def fiber(self, meal: MealEntry) -> str:
        return quantity(meal.fiber_grams, "g", 2)

    @admin.display(description=_("provenance"))
    def origin(self, meal: MealEntry) -> str:
        return str(origin_badge(meal))

    @admin.display(description=_("photo dans la base"))
    def photo_inline(self, meal: MealEntry) -> str:
        """Only how long it is: the text itself helps nobody."""
        return quantity(len(meal.photo_data), "caractères") if meal.photo_data else ""


@admin.register(FavoriteMeal)
class FavoriteMealAdmin(OfPerson):
    """What people keep to use again; one person's by their last use."""

    text_field = "name"
    search_help_text = _(
        "Personne : e-mail, nom, ancien identifiant. Filtrez d'abord par personne pour chercher dans ses favoris."
    )
    list_display = ("name", "person", "protein", "energy", "use_count", "last_used", "origin")
    list_filter = (("user", AutocompleteSelectFilter),)
    sortable_by = ()
    readonly_fields = ("person", "protein", "energy", "last_used")
    fieldsets = (
        (None, {"fields": ("person", "name", "description", "tags")}),
        (_("Nutrition"), {"fields": ("protein", "energy", "carbs_grams", "fat_grams")}),
        (_("Utilisation"), {"fields": ("use_count", "last_used", "photo_url")}),
        (
            _("Provenance"),
            {"fields": ("legacy_id", "import_run_id", "import_snapshot_id", "imported_at", "created_at", "updated_at")},
        ),
    )
    ordering = ("-pk",)

    @admin.display(description=_("protéines"))
    def protein(self, favorite: FavoriteMeal) -> str:
        return quantity(favorite.protein_grams, "g", 2)

    @admin.display(description=_("calories"))
    def energy(self, favorite: FavoriteMeal) -> str:
        return quantity(favorite.calories, "kcal")

    @admin.display(description=_("dernière utilisation"))
    def last_used(self, favorite: FavoriteMeal) -> str:
        return instant(favorite.last_used_at)

    @admin.display(description=_("provenance"))
    def origin(self, favorite: FavoriteMeal) -> str:
        return str(origin_badge(favorite))


@admin.register(MealAnalysis)
class MealAnalysisAdmin(OfPerson):
    """What an analyzer made of a meal."""

    list_display = ("made", "person", "input_type", "confidence_level", "protein", "energy", "meal")
    list_filter = (
        ("user", AutocompleteSelectFilter),
        ("input_type", ChoicesDropdownFilter),
        ("confidence_level", ChoicesDropdownFilter),
    )
    ordering = ("-pk",)
    sortable_by = ()
    readonly_fields = ("person", "meal", "protein", "energy", "made")
    fields = (
        "person",
        "meal",
        "made",
        "input_type",
        "input_text",
        "detected_foods",
        "confidence_level",
        "confidence_score",
        "estimated_completeness",
        "protein",
        "energy",
        "suggestions",
        "breakdown",
        "processing_time_ms",
        "ai_model_version",
    )

    @admin.display(description=_("repas"))
    def meal(self, analysis: MealAnalysis) -> str:
        return object_link(MealEntry, analysis.meal_entry_id, _("voir le repas"))

    @admin.display(description=_("faite le"))
    def made(self, analysis: MealAnalysis) -> str:
        return instant(analysis.created_at)

    @admin.display(description=_("protéines"))
    def protein(self, analysis: MealAnalysis) -> str:
        return quantity(analysis.estimated_protein, "g", 2)

    @admin.display(description=_("calories"))
    def energy(self, analysis: MealAnalysis) -> str:
        return quantity(analysis.estimated_calories, "kcal")


@admin.register(DeletedEntry)
class DeletedEntryAdmin(OfPerson):
    """Ids of what people deleted: an import never brings them back."""

    list_display = ("row_id", "person", "kind", "deleted")
    list_filter = (("user", AutocompleteSelectFilter), ("kind", ChoicesDropdownFilter))
    ordering = ("-pk",)
    sortable_by = ()
    readonly_fields = ("person", "deleted")
    fields = ("row_id", "person", "kind", "deleted")

    @admin.display(description=_("supprimé le"))
    def deleted(self, entry: DeletedEntry) -> str:
        return instant(entry.deleted_at)


def zone_name(person: User) -> str | None:
    """The person's zone, when their profile came with the query."""
    profile = getattr(person, "profile", None)
    return profile.timezone if profile else None


def origin_badge(row: MealEntry | FavoriteMeal) -> Badge:
    """Whether the row came from a browser."""
    if row.import_run_id is None:
        return Badge(str(_("serveur")))
    return Badge(str(_("migration %(id)s") % {"id": row.import_run_id}), "info")
