"""Meals, and the traces of deleted ones."""

from __future__ import annotations

from typing import ClassVar

import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.functions import RandomUUID, TransactionNow
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.triggers import touch_updated_at
from dynprot.constraints import in_choices, not_blank, not_negative
from dynprot.foreign_keys import DATABASE_CASCADE
from dynprot.identifiers import uuid7
from dynprot.indexes import GinIndex, Index
from nutrition.triggers import keep_daily_summaries, keep_local_date, remember_deleted


class SourceType(models.TextChoices):
    MANUAL = "manual", _("saisie")
    VOICE = "voice", _("voix")
    TEXT = "text", _("texte")
    IMAGE = "image", _("image")
    AI_SCAN = "ai_scan", _("photo analysée")
    FAVORITE = "favorite", _("favori")
    IMPORT = "import", _("import")


class MealType(models.TextChoices):
    BREAKFAST = "breakfast", _("petit-déjeuner")
    LUNCH = "lunch", _("déjeuner")
    DINNER = "dinner", _("dîner")
    SNACK = "snack", _("collation")
    OTHER = "other", _("autre")


class MealTime(models.TextChoices):
    MORNING = "morning", _("matin")
    AFTERNOON = "afternoon", _("après-midi")
    EVENING = "evening", _("soir")
    NIGHT = "night", _("nuit")
    OTHER = "other", _("autre")


class MealEntry(models.Model):
    """One meal of one person. Amounts in g and kcal; `meal_timestamp` is an instant, `local_date` the person's day."""

    id = models.UUIDField(primary_key=True, default=uuid7, db_default=RandomUUID(), editable=False)
    # No index of its own: idx_meal_entries_user_timestamp begins with it.
    user = models.ForeignKey("accounts.User", on_delete=DATABASE_CASCADE, related_name="meals", db_index=False)
    description = models.TextField(_("description"))
    meal_timestamp = models.DateTimeField(_("instant"))
    # Never NULL in the table (meal_entries_local_date_check): a trigger fills it when the writer leaves it out.
    local_date = models.DateField(_("jour local"), blank=True, null=True)
    protein_grams = models.DecimalField(_("protéines (g)"), max_digits=6, decimal_places=2)
    calories = models.IntegerField(_("calories (kcal)"), null=True, blank=True)
    carbs_grams = models.DecimalField(_("glucides (g)"), max_digits=6, decimal_places=2, null=True, blank=True)
    fat_grams = models.DecimalField(_("lipides (g)"), max_digits=6, decimal_places=2, null=True, blank=True)
    fiber_grams = models.DecimalField(_("fibres (g)"), max_digits=5, decimal_places=2, null=True, blank=True)
    source_type = models.CharField(
        _("origine"), max_length=20, choices=SourceType, default=SourceType.MANUAL, db_default=SourceType.MANUAL
    )
    ai_estimated = models.BooleanField(_("estimé par l'IA"), default=False, db_default=False)
    photo_url = models.TextField(_("adresse de la photo"), null=True, blank=True)  # noqa: DJ001 - nullable in the published schema
    photo_data = models.TextField(_("photo (base64)"), null=True, blank=True)  # noqa: DJ001 - nullable in the published schema
    photo_file = models.CharField(  # noqa: DJ001 - NULL: no file
        _("fichier de la photo"), max_length=255, null=True, blank=True, help_text=_("Nom dans le stockage des médias.")
    )
    tags = ArrayField(
        models.TextField(), verbose_name=_("étiquettes"), null=True, blank=True, default=list, db_default=[]
    )
    meal_type = models.CharField(_("repas"), max_length=20, choices=MealType, null=True, blank=True)  # noqa: DJ001 - unknown is NULL
    meal_time_category = models.CharField(
        _("moment"), max_length=20, choices=MealTime, default=MealTime.OTHER, db_default=MealTime.OTHER
    )
    legacy_id = models.CharField(_("ancien identifiant"), max_length=120, null=True, blank=True)  # noqa: DJ001 - not from a browser
    import_run_id = models.BigIntegerField(_("migration"), null=True, blank=True, editable=False)
    import_snapshot_id = models.BigIntegerField(_("instantané"), null=True, blank=True, editable=False)
    imported_at = models.DateTimeField(_("importé le"), null=True, blank=True, editable=False)
    created_at = models.DateTimeField(db_default=TransactionNow(), editable=False)
    updated_at = models.DateTimeField(db_default=TransactionNow(), editable=False)

    class Meta:
        db_table = "meal_entries"
        verbose_name = _("repas")
        verbose_name_plural = _("repas")
        permissions = [
            ("import_mealentry", "Importer des repas"),
            ("export_mealentry", "Exporter des repas"),
        ]
        constraints = [
            not_blank("description", "meal_entries_description_check"),
            not_negative("protein_grams", "meal_entries_protein_grams_check"),
            not_negative("calories", "meal_entries_calories_check"),
            not_negative("carbs_grams", "meal_entries_carbs_grams_check"),
            not_negative("fat_grams", "meal_entries_fat_grams_check"),
            not_negative("fiber_grams", "meal_entries_fiber_grams_check"),
            in_choices("source_type", SourceType, "meal_entries_source_type_check"),
            in_choices("meal_type", MealType, "meal_entries_meal_type_check"),
            in_choices("meal_time_category", MealTime, "meal_entries_meal_time_category_check"),
            models.CheckConstraint(condition=models.Q(local_date__isnull=False), name="meal_entries_local_date_check"),
            models.CheckConstraint(
                condition=models.Q(
                    meal_timestamp__lte=Now() + models.Value("1 hour", output_field=models.DurationField())
                ),
                name="check_meal_timestamp_not_future",
                violation_error_message=_("Un repas ne peut pas être dans le futur (plus d'une heure)."),
            ),
        ]
        indexes = [
            # A person's meals, newest first (API list, admin, rollback), and every look-up by user.
            Index("user", models.F("meal_timestamp").desc(), name="idx_meal_entries_user_timestamp"),
            # The meals of one local day, or of a range of days: day summaries, charts.
            Index(fields=["user", "local_date"], name="idx_meal_entries_user_date"),
            # "Which meals carry this tag" (admin filter); meals without tags cost nothing here.
            GinIndex(fields=["tags"], name="idx_meal_entries_tags", condition=~models.Q(tags=[])),
        ]
        triggers: ClassVar[list[pgtrigger.Trigger]] = [
            touch_updated_at("meal_entries"),
            *keep_local_date("meal_entries"),
            *keep_daily_summaries(),
            remember_deleted("meal"),
        ]

    def __str__(self) -> str:
        return self.description


class EntryKind(models.TextChoices):
    MEAL = "meal", _("repas")
    FAVORITE = "favorite", _("favori")


class DeletedEntry(models.Model):
    """The id of a meal or favourite that its person deleted: an import never brings it back, offline clients learn of it."""

    row_id = models.UUIDField(primary_key=True)
    user = models.ForeignKey(
        "accounts.User", on_delete=DATABASE_CASCADE, related_name="deleted_entries", db_index=False
    )
    kind = models.CharField(max_length=10, choices=EntryKind)
    deleted_at = models.DateTimeField(db_default=TransactionNow())

    class Meta:
        db_table = "deleted_entries"
        verbose_name = _("élément supprimé")
        verbose_name_plural = _("éléments supprimés")
        constraints = [in_choices("kind", EntryKind, "deleted_entries_kind_check")]
        # What a person deleted since a moment; and the foreign key.
        indexes = [Index(fields=["user", "deleted_at"], name="idx_deleted_entries_user_date")]

    def __str__(self) -> str:
        return f"{self.kind} {self.row_id}"
