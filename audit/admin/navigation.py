"""The sidebar: what people look for, in groups; a link is shown to those who may follow it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _

from accounts import two_factor


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """Groups of links (unfold's SIDEBAR.navigation)."""
    return [
        {"items": [{"title": _("Vue d'ensemble"), "icon": "dashboard", "link": reverse_lazy("admin:index")}]},
        {
            "title": _("Personnes"),
            "separator": True,
            "items": [
                _link(_("Personnes"), "group", "accounts", "user"),
                _link(_("Profils"), "badge", "accounts", "userprofile"),
                _link(_("Objectifs"), "flag", "accounts", "goalhistory"),
                _link(_("Activité"), "history", "audit", "activitylog"),
                _link(_("Exports"), "download", "exports", "dataexport"),
            ],
        },
        {
            "title": _("Nutrition"),
            "separator": True,
            "items": [
                _link(_("Repas"), "restaurant", "nutrition", "mealentry"),
                _link(_("Favoris"), "star", "nutrition", "favoritemeal"),
                _link(_("Résumés du jour"), "monitoring", "nutrition", "dailysummary"),
                _link(_("Analyses"), "neurology", "nutrition", "mealanalysis"),
                _link(_("Éléments supprimés"), "delete", "nutrition", "deletedentry"),
            ],
        },
        {
            "title": _("Migration"),
            "separator": True,
            "items": [
                _link(_("Migrations"), "move_up", "audit", "migrationrun"),
                {
                    **_link(_("Aperçus"), "science", "audit", "migrationpreview"),
                    "permission": _may_view("audit", "migrationrun"),
                },
                _link(_("Instantanés"), "photo_camera", "audit", "storagesnapshot"),
                {
                    "title": _("Quarantaine"),
                    "icon": "front_hand",
                    "link": reverse_lazy("admin:audit_migrationoutcome_quarantine"),
                    "permission": _may_view("audit", "migrationoutcome"),
                    "active": in_quarantine,
                },
                {
                    **_link(_("Sorts des éléments"), "rule", "audit", "migrationoutcome"),
                    "active": lambda request: (
                        not in_quarantine(request)
                        and request.path.startswith(str(reverse_lazy("admin:audit_migrationoutcome_changelist")))
                    ),
                },
                _link(_("Lots"), "stacks", "audit", "migrationbatch"),
                _link(_("Décomptes"), "calculate", "audit", "migrationtally"),
                _link(_("Réparations"), "healing", "audit", "itemrepair"),
                _link(_("Images d'avant"), "undo", "audit", "migrationpreimage"),
                _link(_("Plans"), "list_alt", "audit", "migrationrunsnapshot"),
                _link(_("Événements"), "event_note", "audit", "migrationevent"),
            ],
        },
        {
            "title": _("Référence"),
            "separator": True,
            "items": [
                _link(_("Régimes"), "eco", "nutrition", "dietarypreference"),
                _link(_("Groupes"), "groups", "auth", "group"),
                _link(_("Réinitialisations"), "lock_reset", "accounts", "passwordresettoken"),
                {
                    "title": _("Mon second facteur"),
                    "icon": "phonelink_lock",
                    "link": reverse_lazy("two_factor:mine"),
                    "permission": lambda request: two_factor.required(),
                },
            ],
        },
    ]


def in_quarantine(request: HttpRequest) -> bool:
    """Whether the page is the workbench or one of its own."""
    return request.path.startswith(str(reverse_lazy("admin:audit_migrationoutcome_quarantine")))


def _link(title: Any, icon: str, app: str, model: str) -> dict[str, Any]:
    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(f"admin:{app}_{model}_changelist"),
        "permission": _may_view(app, model),
    }


def _may_view(app: str, model: str) -> Callable[[HttpRequest], bool]:
    def allowed(request: HttpRequest) -> bool:
        return any(request.user.has_perm(f"{app}.{deed}_{model}") for deed in ("view", "change"))

    return allowed
