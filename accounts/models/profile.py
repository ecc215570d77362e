"""What a person told the app about themselves, and how they like it to look."""

from __future__ import annotations

from typing import Any, ClassVar

import pgtrigger
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.functions import RandomUUID, TransactionNow
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.triggers import NOT_BULK, touch_updated_at, when
from dynprot.constraints import in_choices
from dynprot.foreign_keys import DATABASE_CASCADE
from dynprot.identifiers import uuid7


class Gender(models.TextChoices):
    MALE = "male", _("homme")
    FEMALE = "female", _("femme")
    OTHER = "other", _("autre")
    PREFER_NOT_TO_SAY = "prefer_not_to_say", _("ne souhaite pas répondre")


class ActivityLevel(models.TextChoices):
    SEDENTARY = "sedentary", _("sédentaire")
    LIGHT = "light", _("légère")
    MODERATE = "moderate", _("modérée")
    VERY_ACTIVE = "very_active", _("très active")
    EXTREMELY_ACTIVE = "extremely_active", _("extrêmement active")


class FitnessGoal(models.TextChoices):
    LOSE_WEIGHT = "lose_weight", _("perdre du poids")
    MAINTAIN = "maintain", _("se maintenir")
    GAIN_MUSCLE = "gain_muscle", _("prendre du muscle")
    BULK = "bulk", _("prise de masse")
    CUT = "cut", _("sèche")


class PreferredUnits(models.TextChoices):
    METRIC = "metric", _("métriques")
    IMPERIAL = "imperial", _("impériales")


def default_time_zone() -> str:
    """The zone of people whose browser did not say (setting `DYNPROT_DEFAULT_TIME_ZONE`)."""
    return str(settings.DYNPROT_DEFAULT_TIME_ZONE)


# Every change of the goals becomes the goal in force from the person's local today on; earlier days keep theirs.
TODAY = [("today", "date := (now() AT TIME ZONE NEW.timezone)::date")]
RECORD_GOALS = """
    INSERT INTO goal_history (user_id, effective_from, daily_protein_goal, daily_calorie_goal, source)
    VALUES (NEW.user_id, today, NEW.daily_protein_goal, NEW.daily_calorie_goal, 'server')
    ON CONFLICT (user_id, effective_from) DO UPDATE
       SET daily_protein_goal = EXCLUDED.daily_protein_goal,
           daily_calorie_goal = EXCLUDED.daily_calorie_goal,
           source = EXCLUDED.source;
    RETURN NULL;
"""
# The earliest goal counts for all days before it, so a first goal that is changed on its first day is kept for the days
# before today. A day that lies ahead (goals set in a zone further east, then a journey) must not bring old goals back.
KEEP_FORMER_GOALS = """
    INSERT INTO goal_history (user_id, effective_from, daily_protein_goal, daily_calorie_goal, source)
    SELECT NEW.user_id, today - 1, OLD.daily_protein_goal, OLD.daily_calorie_goal, 'server'
    WHERE NOT EXISTS (SELECT FROM goal_history WHERE user_id = NEW.user_id AND effective_from < today);
    DELETE FROM goal_history WHERE user_id = NEW.user_id AND effective_from > today;
"""


class UserProfile(models.Model):
    """Body data (kg, cm, years, %), goals (g and kcal a day) and preferences of one person."""

    id = models.UUIDField(primary_key=True, default=uuid7, db_default=RandomUUID(), editable=False)
    user = models.OneToOneField("accounts.User", on_delete=DATABASE_CASCADE, related_name="profile")
    weight_kg = models.DecimalField(_("poids (kg)"), max_digits=5, decimal_places=2, null=True, blank=True)
    height_cm = models.IntegerField(_("taille (cm)"), null=True, blank=True)
    age = models.IntegerField(_("âge"), null=True, blank=True)
    gender = models.CharField(_("genre"), max_length=20, choices=Gender, null=True, blank=True)  # noqa: DJ001 - unknown is NULL
    body_fat_percentage = models.DecimalField(
        _("masse grasse (%)"), max_digits=4, decimal_places=1, null=True, blank=True
    )
    daily_protein_goal = models.IntegerField(_("objectif protéines (g)"), default=120, db_default=120)
    daily_calorie_goal = models.IntegerField(
        _("objectif calories (kcal)"), default=2000, db_default=2000, null=True, blank=True
    )
    activity_level = models.CharField(
        _("activité"),
        max_length=20,
        choices=ActivityLevel,
        default=ActivityLevel.MODERATE,
        db_default=ActivityLevel.MODERATE,
    )
    fitness_goal = models.CharField(  # noqa: DJ001 - nullable in the published schema
        _("but"),
        max_length=50,
        choices=FitnessGoal,
        default=FitnessGoal.MAINTAIN,
        db_default=FitnessGoal.MAINTAIN,
        null=True,
        blank=True,
    )
    training_days_per_week = models.IntegerField(
        _("jours d'entraînement"), default=3, db_default=3, null=True, blank=True
    )
    preferred_units = models.CharField(  # noqa: DJ001 - nullable in the published schema
        _("unités"),
        max_length=10,
        choices=PreferredUnits,
        default=PreferredUnits.METRIC,
        db_default=PreferredUnits.METRIC,
        null=True,
        blank=True,
    )
    diet_preferences = ArrayField(
        models.TextField(), verbose_name=_("régimes"), null=True, blank=True, default=list, db_default=[]
    )
    dark_mode = models.BooleanField(_("thème sombre"), default=False, db_default=False)
    notifications_enabled = models.BooleanField(_("notifications"), default=True, db_default=True)
    share_data = models.BooleanField(_("partage des données"), default=False, db_default=False)
    allow_analytics = models.BooleanField(_("mesure d'audience"), default=True, db_default=True)
    reduced_motion = models.BooleanField(_("animations réduites"), default=False, db_default=False)
    high_contrast = models.BooleanField(_("contraste élevé"), default=False, db_default=False)
    large_text = models.BooleanField(_("grands caractères"), default=False, db_default=False)
    timezone = models.CharField(
        _("fuseau horaire"), max_length=64, default=default_time_zone, db_default="Europe/Paris"
    )
    imported_defaults = ArrayField(
        models.TextField(),
        verbose_name=_("valeurs par défaut importées"),
        default=list,
        db_default=[],
        blank=True,
        help_text=_("Champs qui viennent d'un réglage d'usine du navigateur, pas d'une réponse de la personne."),
    )
    import_run_id = models.BigIntegerField(_("migration"), null=True, blank=True, editable=False)
    import_snapshot_id = models.BigIntegerField(_("instantané"), null=True, blank=True, editable=False)
    imported_at = models.DateTimeField(_("importé le"), null=True, blank=True, editable=False)
    created_at = models.DateTimeField(db_default=TransactionNow(), editable=False)
    updated_at = models.DateTimeField(db_default=TransactionNow(), editable=False)

    class Meta:
        db_table = "user_profiles"
        verbose_name = _("profil")
        verbose_name_plural = _("profils")
        constraints = [
            in_choices("gender", Gender, "user_profiles_gender_check"),
            in_choices("activity_level", ActivityLevel, "user_profiles_activity_level_check"),
            in_choices("fitness_goal", FitnessGoal, "user_profiles_fitness_goal_check"),
            in_choices("preferred_units", PreferredUnits, "user_profiles_preferred_units_check"),
            models.CheckConstraint(
                condition=models.Q(training_days_per_week__range=(0, 7)),
                name="user_profiles_training_days_check",
                violation_error_message=_("Entre 0 et 7 jours d'entraînement par semaine."),
            ),
        ]
        triggers: ClassVar[list[pgtrigger.Trigger]] = [
            touch_updated_at("user_profiles"),
            pgtrigger.Trigger(
                name="goals_on_insert",
                operation=pgtrigger.Insert,
                when=pgtrigger.After,
                condition=when(NOT_BULK),
                declare=TODAY,
                func=RECORD_GOALS,
            ),
            pgtrigger.Trigger(
                name="goals_on_update",
                operation=pgtrigger.Update,
                when=pgtrigger.After,
                condition=when(
                    "(OLD.daily_protein_goal, OLD.daily_calorie_goal) IS DISTINCT FROM (NEW.daily_protein_goal, NEW.daily_calorie_goal)"
                    f" AND {NOT_BULK}"
                ),
                declare=TODAY,
                func=KEEP_FORMER_GOALS + RECORD_GOALS,
            ),
        ]

    def __str__(self) -> str:
        return f"Profil de {self.user_id}"

    def clean(self) -> None:
        """The database refuses unknown zones too (`user_profiles_timezone_check`)."""
        from zoneinfo import available_timezones

        from django.core.exceptions import ValidationError

        if self.timezone not in available_timezones():
            raise ValidationError({"timezone": _("Fuseau horaire inconnu ; par exemple Europe/Paris.")})

    @classmethod
    def defaults(cls) -> dict[str, Any]:
        """Column → value of a profile in which nothing was answered; a value equal to it on the server may be filled by an import."""
        return {field.name: field.get_default() for field in cls._meta.fields if field.name not in {"id", "user"}}
