"""What an analyzer made of a spoken, typed or photographed meal."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.functions import RandomUUID, TransactionNow
from django.db import models
from django.utils.translation import gettext_lazy as _

from dynprot.constraints import in_choices, not_negative
from dynprot.foreign_keys import DATABASE_CASCADE
from dynprot.identifiers import uuid7
from dynprot.indexes import Index


class InputType(models.TextChoices):
    VOICE = "voice", _("voix")
    TEXT = "text", _("texte")
    IMAGE = "image", _("image")


class ConfidenceLevel(models.TextChoices):
    HIGH = "high", _("élevée")
    MEDIUM = "medium", _("moyenne")
    LOW = "low", _("faible")


class MealAnalysis(models.Model):
    """One analysis; at most one belongs to a meal. Amounts in g and kcal, scores 0..1, `processing_time_ms` in milliseconds."""

    id = models.UUIDField(primary_key=True, default=uuid7, db_default=RandomUUID(), editable=False)
    meal_entry = models.OneToOneField(
        "nutrition.MealEntry", on_delete=DATABASE_CASCADE, null=True, blank=True, related_name="analysis"
    )
    user = models.ForeignKey("accounts.User", on_delete=DATABASE_CASCADE, related_name="analyses", db_index=False)
    input_text = models.TextField(null=True, blank=True)  # noqa: DJ001 - nullable in the published schema
    input_type = models.CharField(max_length=20, choices=InputType)
    detected_foods = ArrayField(models.TextField(), default=list, db_default=[])
    confidence_score = models.DecimalField(max_digits=3, decimal_places=2)
    confidence_level = models.CharField(max_length=20, choices=ConfidenceLevel)
    estimated_protein = models.DecimalField(max_digits=6, decimal_places=2, null=True, blank=True)
    estimated_calories = models.IntegerField(null=True, blank=True)
    estimated_completeness = models.DecimalField(max_digits=3, decimal_places=2, null=True, blank=True)
    suggestions = ArrayField(models.TextField(), null=True, blank=True, default=list, db_default=[])
    breakdown = models.JSONField(null=True, blank=True)
    processing_time_ms = models.IntegerField(null=True, blank=True)
    ai_model_version = models.CharField(max_length=50, null=True, blank=True)  # noqa: DJ001 - nullable in the published schema
    created_at = models.DateTimeField(db_default=TransactionNow(), editable=False)

    class Meta:
        db_table = "meal_analyses"
        verbose_name = _("analyse")
        verbose_name_plural = _("analyses")
        constraints = [
            in_choices("input_type", InputType, "meal_analyses_input_type_check"),
            in_choices("confidence_level", ConfidenceLevel, "meal_analyses_confidence_level_check"),
            models.CheckConstraint(
                condition=models.Q(confidence_score__range=(0, 1)), name="meal_analyses_confidence_score_check"
            ),
            models.CheckConstraint(
                condition=models.Q(estimated_completeness__range=(0, 1)),
                name="meal_analyses_estimated_completeness_check",
            ),
            not_negative("estimated_protein", "meal_analyses_estimated_protein_check"),
            not_negative("estimated_calories", "meal_analyses_estimated_calories_check"),
        ]
        indexes = [
            # A person's analyses, newest first; and the foreign key.
            Index("user", models.F("created_at").desc(), name="idx_meal_analyses_user_created"),
        ]

    def __str__(self) -> str:
        return f"{self.get_input_type_display()}, confiance {self.get_confidence_level_display()}"
