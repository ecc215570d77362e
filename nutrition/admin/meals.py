"""Meals, favourites, analyses and traces of deleted entries: to look at. Their person changes them, through the app."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter, BooleanRadioFilter, ChoicesDropdownFilter

from accounts.admin.display import Badge, day, instant, object_link, quantity
from accounts.admin.person_search import SearchByPerson
from accounts.admin.resources import ImportsExports
from accounts.models import User
from nutrition.admin.resources import FavoriteRows, MealRows
from nutrition.models import DeletedEntry, FavoriteMeal, MealAnalysis, MealEntry

LIST_LENGTH = 80
PERSON_FILTER = "user__id__exact"
ROWS_OF_EVERYBODY = 1_000
"""Rows that may go out without a person chosen, except to those with all rights."""


class OfPerson(SearchByPerson):
    """Rows that belong to somebody, with a link to them."""

    shows_health_data = True
    list_select_related = ("user",)
    filters_within_person: ClassVar[tuple[str, ...]] = ()
    """Filters that are there once a person is chosen: by a rare value of these, a list of everybody would read the whole table."""

    def get_list_filter(self, request: HttpRequest) -> list[Any]:
        filters: list[Any] = list(super().get_list_filter(request))
        if request.GET.get(PERSON_FILTER):
            return filters
        return [one for one in filters if one[0] not in self.filters_within_person]

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        if self._needs_person(lookup, request):
            raise IncorrectLookupParameters
        return bool(super().lookup_allowed(lookup, value, request))

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Without a person, such filters are left out, and it is said."""
        refused = [name for name in request.GET if self._needs_person(name, request)]
        if refused and self.has_view_or_change_permission(request):
            query = request.GET.copy()
            for name in refused:
                del query[name]
            messages.warning(request, _("Choisissez d'abord une personne : ces filtres ne valent que pour ses lignes."))
            return HttpResponseRedirect(f"{request.path}?{query.urlencode()}")
        return super().changelist_view(request, extra_context)

    def _needs_person(self, lookup: str, request: HttpRequest) -> bool:
        return lookup.split("__", maxsplit=1)[0] in self.filters_within_person and not request.GET.get(PERSON_FILTER)

    @admin.display(description=_("personne"))
    def person(self, row: Any) -> str:
        return object_link(User, row.user_id, row.user.email)


@admin.register(MealEntry)
class MealEntryAdmin(ImportsExports, OfPerson):
    """All meals in the order of their ids (people as they arrived); one person's meals, newest first."""

    resource_classes = (MealRows,)
    export_action_name = "staff_export_meals"
    person_filter = PERSON_FILTER
    rows_of_everybody = ROWS_OF_EVERYBODY

    text_field = "description"
    filters_within_person = ("source_type", "meal_time_category", "ai_estimated")
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
        rows: QuerySet[MealEntry] = super().get_queryset(request)
        return rows.select_related("user__profile")

    def with_columns(self, rows: QuerySet[MealEntry]) -> QuerySet[MealEntry]:
        """The tags too; photos never."""
        return rows.defer(None).defer("photo_data", "photo_url", "photo_file")

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
class FavoriteMealAdmin(ImportsExports, OfPerson):
    """What people keep to use again; one person's by their last use."""

    resource_classes = (FavoriteRows,)
    export_action_name = "staff_export_favorites"
    person_filter = PERSON_FILTER
    rows_of_everybody = ROWS_OF_EVERYBODY

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
