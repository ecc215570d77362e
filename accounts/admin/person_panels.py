"""This room's panels of the person's page: profile and preferences, and goals with their history."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from django.http import HttpRequest
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from accounts.admin.display import admin_url, day, instant, number, quantity, yes_no
from accounts.admin.person_page import Panel, PanelContent, register
from accounts.admin.tables import Column, Table
from accounts.models import GoalHistory, User, UserProfile

GOALS_SHOWN = 6
BEGINNING_OF_TIME = 2000
"""The year of the row that is in force for as long as anyone knows (importing.md section 6)."""

BODY: Final = (
    "weight_kg",
    "height_cm",
    "age",
    "gender",
    "body_fat_percentage",
    "activity_level",
    "fitness_goal",
    "training_days_per_week",
)
GOALS: Final = ("daily_protein_goal", "daily_calorie_goal")
CHOICES: Final = ("diet_preferences", "preferred_units", "timezone")
SWITCHES: Final = (
    "dark_mode",
    "notifications_enabled",
    "share_data",
    "allow_analytics",
    "reduced_motion",
    "high_contrast",
    "large_text",
)
_UNITS: Final = {
    "weight_kg": "kg",
    "height_cm": "cm",
    "body_fat_percentage": "%",
    "daily_protein_goal": "g",
    "daily_calorie_goal": "kcal",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """One field of the profile: its name, its value, and whether it is only what the browser starts with."""

    label: str
    value: str
    from_browser_default: bool


def answers(profile: UserProfile, names: tuple[str, ...]) -> list[Answer]:
    """The fields `names` of a profile as people read them."""
    return [
        Answer(
            label=capfirst(str(profile._meta.get_field(name).verbose_name).split(" (")[0]),  # type: ignore[union-attr]
            value=_shown(profile, name),
            from_browser_default=name in profile.imported_defaults,
        )
        for name in names
    ]


def _shown(profile: UserProfile, name: str) -> str:
    value: Any = getattr(profile, name)
    if isinstance(value, bool):
        return yes_no(value=value)
    if name in _UNITS:
        return quantity(value, _UNITS[name], 1)
    if isinstance(value, list):
        return ", ".join(value) or "–"
    if isinstance(value, int):
        return number(value)
    display = getattr(profile, f"get_{name}_display", None)
    return str((display() if display else value) or "–")


def read_profile(request: HttpRequest, person: User) -> PanelContent:
    """The person's answers; fields that only hold a browser's default are marked."""
    profile = person_profile(person)
    if profile is None:
        return PanelContent({"profile": None})
    groups = [
        (_("Corps et activité"), answers(profile, BODY)),
        (_("Objectifs du jour"), answers(profile, GOALS)),
        (_("Régimes, unités et fuseau"), answers(profile, CHOICES)),
        (_("Préférences"), answers(profile, SWITCHES)),
    ]
    return PanelContent(
        {
            "profile": profile,
            "groups": groups,
            "defaults": sum(answer.from_browser_default for _title, group in groups for answer in group),
            "imported_at": instant(profile.imported_at) if profile.imported_at else "",
            "updated_at": instant(profile.updated_at),
        }
    )


def person_profile(person: User) -> UserProfile | None:
    """The person's profile, if they have one; it came with the person."""
    return getattr(person, "profile", None)


def read_goals(request: HttpRequest, person: User) -> PanelContent:
    """The goals, newest first. A row from 2000 means: for as long as anyone knows."""
    goals = list(GoalHistory.objects.filter(user=person).order_by("-effective_from")[: GOALS_SHOWN + 1])
    table = Table(
        caption=_("Objectifs par jour, le plus récent d'abord"),
        columns=(
            Column(_("À partir du"), heads_row=True),
            Column(_("Protéines"), numeric=True),
            Column(_("Calories"), numeric=True),
            Column(_("Origine"), wide_only=True),
        ),
        rows=[
            (
                _("depuis toujours") if goal.effective_from.year <= BEGINNING_OF_TIME else day(goal.effective_from),
                quantity(goal.daily_protein_goal, "g"),
                quantity(goal.daily_calorie_goal, "kcal"),
                goal.get_source_display(),
            )
            for goal in goals[:GOALS_SHOWN]
        ],
        empty=_("Aucun objectif ; les résumés comptent avec 120 g et 2000 kcal."),
        more_url=f"{admin_url(GoalHistory, 'changelist')}?user__id__exact={person.pk}"
        if len(goals) > GOALS_SHOWN
        else "",
        more_label=_("Tous les objectifs"),
    )
    return PanelContent({"table": table})


register(
    Panel(
        key="profile",
        title=_("Profil et préférences"),
        template="admin/accounts/user/panel_profile.html",
        permission="accounts.view_userprofile",
        read=read_profile,
        order=20,
        place="side",
        icon="badge",
    )
)
register(
    Panel(
        key="goals",
        title=_("Objectifs"),
        template="admin/accounts/panel_table.html",
        permission="accounts.view_goalhistory",
        read=read_goals,
        order=10,
        place="side",
        icon="flag",
    )
)
