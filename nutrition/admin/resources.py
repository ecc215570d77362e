"""Meals, favourites and diets as files: which columns, and how a line of a file finds its row.

A line is known by `id`, else by the person's e-mail with `legacy_id`, else it is new. Nobody is made up, nothing moves from one person to
another, and what a person deleted does not come back.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar
from uuid import UUID

import tablib
from django.core.exceptions import ValidationError
from django.db.models.functions import Lower
from django.utils.translation import gettext as _
from import_export.results import Result, RowResult

from accounts.admin.resources import Amount, Labels, Moment, Rows, Truth, Whole, column, refusal
from accounts.models import User
from dynprot.identifiers import RowIds
from nutrition.models import DeletedEntry, DietaryPreference, FavoriteMeal, MealEntry
from nutrition.models.meals import MealTime, SourceType

OWNER = "user_email"


class RowsOfPeople(Rows):
    """Lines that belong to somebody."""

    kind: ClassVar[str]
    """What the row's id is made for (`RowIds`)."""

    class Meta:
        abstract = True

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.people: dict[str, User] = {}
        self.by_id: dict[UUID, Any] = {}
        self.by_legacy_id: dict[tuple[UUID, str], list[Any]] = {}
        self.deleted: set[UUID] = set()
        self.seen: dict[UUID, int] = {}

    # --- The whole file ------------------------------------------------------------------------------------------------
    def before_import(self, dataset: tablib.Dataset, **kwargs: Any) -> None:
        """Everything that the lines refer to, in four queries."""
        super().before_import(dataset, **kwargs)
        if OWNER not in (dataset.headers or ()):
            dataset.wipe()
            raise ValueError(_("La colonne %(name)s manque : chaque ligne nomme sa personne.") % {"name": OWNER})
        lines = dataset.dict
        emails = {_text(line.get(OWNER)).lower() for line in lines}
        users = User.objects.alias(lower_email=Lower("email")).filter(lower_email__in=emails).only("id", "email")
        self.people = {user.email.lower(): user for user in users}
        ids = [identifier for line in lines if (identifier := _uuid(line.get("id"))) is not None]
        rows = self.get_queryset().select_related("user")
        self.by_id = {row.pk: row for row in rows.filter(pk__in=ids)}
        legacy_ids = {_text(line.get("legacy_id")) for line in lines} - {""}
        if legacy_ids:
            for row in rows.filter(user__in=list(self.people.values()), legacy_id__in=legacy_ids):
                self.by_legacy_id.setdefault((row.user_id, row.legacy_id), []).append(row)
        self.deleted = set(
            DeletedEntry.objects.filter(user__in=list(self.people.values())).values_list("row_id", flat=True)
        )

    def by_person(self, result: Result) -> Mapping[User, dict[str, int]]:
        names = {RowResult.IMPORT_TYPE_NEW: "new", RowResult.IMPORT_TYPE_UPDATE: "updated"}
        counts: dict[User, dict[str, int]] = {}
        for row in result.rows:
            if row.import_type in names:
                theirs = counts.setdefault(row.instance.user, {"new": 0, "updated": 0})
                theirs[names[row.import_type]] += 1
        return counts

    # --- One line ------------------------------------------------------------------------------------------------------
    def before_import_row(self, row: dict[str, Any], **kwargs: Any) -> None:
        """Refuses lines of nobody."""
        email = _text(row.get(OWNER))
        if email.lower() not in self.people:
            raise refusal(OWNER, _("Personne n'a l'adresse « %(email)s ».") % {"email": email})

    def get_instance(self, instance_loader: Any, row: dict[str, Any]) -> Any:
        """The row of a line: by its id, else by its legacy id."""
        user = self.people[_text(row[OWNER]).lower()]
        found = self._by_id(row, user) if _text(row.get("id")) else self._by_legacy_id(row, user)
        if found is not None:
            self._only_once(found.pk, line=row)
        return found

    def _by_id(self, row: dict[str, Any], user: User) -> Any:
        identifier = _uuid(row["id"])
        if identifier is None:
            raise refusal("id", _("« %(id)s » n'est pas un identifiant.") % {"id": row["id"]})
        found = self.by_id.get(identifier)
        if found is None:
            if identifier in self.deleted:
                raise refusal("id", _("Sa personne l'a supprimé : un import ne le ramène pas."))
            raise refusal("id", _("Rien n'a cet identifiant. Pour un nouvel élément, laissez la colonne vide."))
        if found.user_id != user.pk:
            raise refusal(OWNER, _("Cet élément est à quelqu'un d'autre : rien ne change de personne."))
        return found

    def _by_legacy_id(self, row: dict[str, Any], user: User) -> Any:
        legacy_id = _text(row.get("legacy_id"))
        if not legacy_id:
            return None
        found = self.by_legacy_id.get((user.pk, legacy_id), [])
        if len(found) > 1:
            raise refusal("legacy_id", _("Plusieurs éléments de cette personne l'ont : donnez leur id."))
        if not found and self._made_of(user, legacy_id) in self.deleted:
            raise refusal("legacy_id", _("Sa personne l'a supprimé : un import ne le ramène pas."))
        return found[0] if found else None

    def _made_of(self, user: User, legacy_id: str) -> UUID:
        """The id that the migration gives, too, to what had this legacy id: so that neither brings it in twice."""
        return RowIds(user.pk).uuid(self.kind, f"id:{legacy_id}")

    def _only_once(self, identifier: UUID, *, line: dict[str, Any]) -> None:
        if identifier in self.seen:
            raise refusal("id" if _text(line.get("id")) else "legacy_id", _("Déjà dans ce fichier, plus haut."))
        self.seen[identifier] = 1

    def init_instance(self, row: dict[str, Any] | None = None) -> Any:
        """A new row of its person."""
        assert row is not None
        user = self.people[_text(row[OWNER]).lower()]
        instance = super().init_instance(row)
        instance.user = user
        if legacy_id := _text(row.get("legacy_id")):
            instance.legacy_id = legacy_id
            instance.pk = self._made_of(user, legacy_id)
            self._only_once(instance.pk, line=row)
        return instance

    def not_checked(self) -> set[str]:
        return {"id", "user", "local_date"}  # found, looked up, kept by a trigger


class MealRows(RowsOfPeople):
    """Meals. `local_date` is shown, and kept by the database; photos stay where they are."""

    action = "staff_import_meals"
    kind = "meal"

    id = column("id", readonly=True)
    user_email = column("user__email", name=OWNER, readonly=True)
    legacy_id = column("legacy_id", readonly=True)
    description = column("description")
    meal_timestamp = column("meal_timestamp", Moment())
    local_date = column("local_date", readonly=True)
    protein_grams = column("protein_grams", Amount())
    calories = column("calories", Whole())
    carbs_grams = column("carbs_grams", Amount())
    fat_grams = column("fat_grams", Amount())
    fiber_grams = column("fiber_grams", Amount())
    source_type = column("source_type", default=SourceType.MANUAL)
    ai_estimated = column("ai_estimated", Truth())
    meal_type = column("meal_type")
    meal_time_category = column("meal_time_category", default=MealTime.OTHER)
    tags = column("tags", Labels())

    class Meta:
        model = MealEntry
        fields = (
            "id",
            "user_email",
            "legacy_id",
            "description",
            "meal_timestamp",
            "local_date",
            "protein_grams",
            "calories",
            "carbs_grams",
            "fat_grams",
            "fiber_grams",
            "source_type",
            "ai_estimated",
            "meal_type",
            "meal_time_category",
            "tags",
        )
        skip_unchanged = True
        report_skipped = True
        use_transactions = True
        chunk_size = 1000


class FavoriteRows(RowsOfPeople):
    """Favourites; a name is there once for each person."""

    action = "staff_import_favorites"
    kind = "favorite"

    id = column("id", readonly=True)
    user_email = column("user__email", name=OWNER, readonly=True)
    legacy_id = column("legacy_id", readonly=True)
    name = column("name")
    description = column("description")
    protein_grams = column("protein_grams", Amount())
    calories = column("calories", Whole())
    carbs_grams = column("carbs_grams", Amount())
    fat_grams = column("fat_grams", Amount())
    use_count = column("use_count", Whole(), default=0)
    last_used_at = column("last_used_at", Moment())
    tags = column("tags", Labels())

    class Meta:
        model = FavoriteMeal
        fields = (
            "id",
            "user_email",
            "legacy_id",
            "name",
            "description",
            "protein_grams",
            "calories",
            "carbs_grams",
            "fat_grams",
            "use_count",
            "last_used_at",
            "tags",
        )
        skip_unchanged = True
        report_skipped = True
        use_transactions = True
        chunk_size = 1000


class DietRows(Rows):
    """Diets by name."""

    action = "staff_import_diets"

    name = column("name")
    description = column("description")
    common = column("common", Truth())

    class Meta:
        model = DietaryPreference
        fields = ("name", "description", "common")
        import_id_fields = ("name",)
        skip_unchanged = True
        report_skipped = True
        use_transactions = True

    def before_import_row(self, row: dict[str, Any], **kwargs: Any) -> None:
        row["name"] = _text(row.get("name"))
        if not row["name"]:
            raise ValidationError({"name": _("Le nom est vide.")})


def _text(value: Any) -> str:
    return "" if value is None else str(value).strip()


def _uuid(value: Any) -> UUID | None:
    try:
        return UUID(_text(value))
    except ValueError:
        return None
