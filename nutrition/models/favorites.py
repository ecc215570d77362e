"""Meals that a person keeps to use again."""

from __future__ import annotations

from typing import ClassVar

import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.functions import RandomUUID, TransactionNow
from django.db import models
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from accounts.triggers import touch_updated_at
from dynprot.constraints import not_blank, not_negative
from dynprot.foreign_keys import DATABASE_CASCADE
from dynprot.identifiers import uuid7
from dynprot.indexes import Index
from nutrition.triggers import remember_deleted


class FavoriteMeal(models.Model):
    """A favourite; its name is unique for its person, ignoring case. Amounts in g and kcal."""

    id = models.UUIDField(primary_key=True, default=uuid7, db_default=RandomUUID(), editable=False)
    user = models.ForeignKey("accounts.User", on_delete=DATABASE_CASCADE, related_name="favorites", db_index=False)
    name = models.CharField(_("nom"), max_length=200)
    description = models.TextField(_("description"))
    protein_grams = models.DecimalField(_("protéines (g)"), max_digits=6, decimal_places=2)
    calories = models.IntegerField(_("calories (kcal)"), null=True, blank=True)
    carbs_grams = models.DecimalField(_("glucides (g)"), max_digits=6, decimal_places=2, null=True, blank=True)
    fat_grams = models.DecimalField(_("lipides (g)"), max_digits=6, decimal_places=2, null=True, blank=True)
    use_count = models.IntegerField(_("utilisations"), default=0, db_default=0)
    last_used_at = models.DateTimeField(_("dernière utilisation"), db_default=TransactionNow(), null=True, blank=True)
    tags = ArrayField(
        models.TextField(), verbose_name=_("étiquettes"), null=True, blank=True, default=list, db_default=[]
    )
    photo_url = models.TextField(_("adresse de la photo"), null=True, blank=True)  # noqa: DJ001 - nullable in the published schema
    legacy_id = models.CharField(_("ancien identifiant"), max_length=120, null=True, blank=True)  # noqa: DJ001 - not from a browser
    import_run_id = models.BigIntegerField(_("migration"), null=True, blank=True, editable=False)
    import_snapshot_id = models.BigIntegerField(_("instantané"), null=True, blank=True, editable=False)
    imported_at = models.DateTimeField(_("importé le"), null=True, blank=True, editable=False)
    created_at = models.DateTimeField(db_default=TransactionNow(), editable=False)
    updated_at = models.DateTimeField(db_default=TransactionNow(), editable=False)

    class Meta:
        db_table = "favorite_meals"
        verbose_name = _("favori")
        verbose_name_plural = _("favoris")
        permissions = [
            ("import_favoritemeal", "Importer des favoris"),
            ("export_favoritemeal", "Exporter des favoris"),
        ]
        constraints = [
            models.UniqueConstraint(
                "user",
                Lower("name"),
                name="favorite_meals_user_name_key",
                violation_error_message=_("Ce nom de favori existe déjà."),
            ),
            not_blank("name", "favorite_meals_name_check"),
            not_blank("description", "favorite_meals_description_check"),
            not_negative("protein_grams", "favorite_meals_protein_grams_check"),
            not_negative("calories", "favorite_meals_calories_check"),
            not_negative("carbs_grams", "favorite_meals_carbs_grams_check"),
            not_negative("fat_grams", "favorite_meals_fat_grams_check"),
            not_negative("use_count", "favorite_meals_use_count_check"),
        ]
        indexes = [
            # A person's favourites in the order of the app's list: most recent use first.
            Index("user", models.F("last_used_at").desc(nulls_last=True), name="idx_favorite_meals_user_id"),
            # Search by part of a name (admin, support) is served by idx_favorite_meals_name, made by nutrition.0002: GIN trigram
            # where the server has pg_trgm, else a plain index on lower(name).
        ]
        triggers: ClassVar[list[pgtrigger.Trigger]] = [touch_updated_at("favorite_meals"), remember_deleted("favorite")]

    def __str__(self) -> str:
        return self.name
