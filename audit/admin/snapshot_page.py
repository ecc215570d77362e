"""What the page of a snapshot shows: its keys, how big they are and what they mean. Never a value: some are tokens."""

from __future__ import annotations

import json
from typing import Any, Final, NamedTuple

from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.admin.display import (
    Badge,
    admin_url,
    browser,
    instant,
    mono,
    number,
    object_link,
    printable,
    readable_json,
    size,
)
from accounts.admin.tables import Column, Table
from accounts.models import User
from audit import selectors
from audit.admin.equation import equation
from audit.admin.words import snapshot_badge
from audit.local_storage.keys import Keys, sort_keys
from audit.models import MigrationBatch, MigrationOutcome, MigrationRun, StorageSnapshot

READ_UP_TO: Final = 16 * 1024 * 1024
"""Bytes; a bigger snapshot is not read for a page: its keys are in the report of the run that read it."""
KEYS_SHOWN: Final = 200

STORES: Final[dict[str, str | Promise]] = {
    "app-state": _("état de l'application : repas, favoris, profil, préférences"),
    "user-profile": _("profil"),
    "meals": _("repas"),
    "preferences": _("préférences"),
    "pending-goals": _("objectifs en attente"),
    "dark-mode": _("préférence : thème sombre"),
    "accessibility": _("préférences d'accessibilité"),
}


class Key(NamedTuple):
    """One key of the localStorage: its name, what it is, whose, and how big."""

    name: str
    meaning: str
    size: int | None = None
    owner: str = ""
    secret: bool = False


def snapshot_page(request: HttpRequest, snapshot: StorageSnapshot, *, may_download: bool) -> dict[str, Any]:
    """The context of the snapshot's template. Four statements, and the bytes when they are few enough."""
    plan = selectors.plan_of_snapshot(snapshot)
    too_big = snapshot.size_bytes > READ_UP_TO
    if too_big:
        keys = reported_keys(plan.read_report) if plan and plan.read_report else None
    else:
        keys = read_keys(bytes(snapshot.payload))
    tally = equation(selectors.equation_of_snapshot(plan.run_id, snapshot)) if plan else None
    return {
        "snapshot": snapshot,
        "badge": snapshot_badge(snapshot),
        "waiting_reason": snapshot.waiting_reason,
        "facts": _facts(snapshot),
        "claims": _claims(snapshot),
        "keys": _table(keys) if keys is not None else None,
        "too_big": too_big,
        "plan": plan,
        "plan_facts": _plan_facts(plan) if plan else [],
        "equation": tally,
        "read_report": readable_json(plan.read_report) if plan and plan.read_report else "",
        "outcomes_url": f"{admin_url(MigrationOutcome, 'changelist')}?snapshot__id__exact={snapshot.pk}"
        if plan
        else "",
        "payload_url": admin_url(StorageSnapshot, "payload", snapshot.pk) if may_download else "",
    }


def _facts(snapshot: StorageSnapshot) -> list[tuple[str, Any]]:
    source = printable(snapshot.source) + (
        gettext(", ligne %(line)s") % {"line": number(snapshot.source_line)} if snapshot.source_line else ""
    )
    return [
        (
            gettext("Personne"),
            object_link(User, snapshot.user_id, snapshot.user.email) if snapshot.user else gettext("aucun compte"),
        ),
        (gettext("Capturé"), instant(snapshot.captured_at, snapshot.timezone)),
        (gettext("Fuseau"), printable(snapshot.timezone)),
        (gettext("Reçu"), instant(snapshot.loaded_at)),
        (gettext("Taille"), size(snapshot.size_bytes)),
        (gettext("Navigateur"), browser(snapshot.user_agent)),
        (gettext("Site"), printable(snapshot.origin) or "–"),
        (gettext("Fichier"), source or "–"),
        ("SHA-256", mono(bytes(snapshot.sha256).hex())),
    ]


def _claims(snapshot: StorageSnapshot) -> list[tuple[str, str]]:
    rows = (
        (gettext("E-mail"), snapshot.claimed_email),
        (gettext("Nom d'utilisateur"), snapshot.claimed_username),
        (gettext("Nom complet"), snapshot.claimed_name),
        (gettext("Ancien identifiant"), snapshot.claimed_legacy_id),
    )
    return [(label, printable(value)) for label, value in rows if value]


def _plan_facts(plan: Any) -> list[tuple[str, Any]]:
    batch = plan.batch
    return [
        (
            gettext("Migration"),
            object_link(MigrationRun, plan.run_id, gettext("Migration %(id)s") % {"id": plan.run_id}),
        ),
        (
            gettext("Lot"),
            object_link(MigrationBatch, batch.pk, gettext("Lot %(number)s") % {"number": number(batch.number)})
            if batch
            else "–",
        ),
    ]


def read_keys(payload: bytes) -> list[Key] | None:
    """The keys of the capture's localStorage with the size of their values, biggest first; None when it is not a readable capture."""
    try:
        capture = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    storage = capture.get("local_storage") if isinstance(capture, dict) else None
    if not isinstance(storage, dict):
        return None
    sizes = {key: _size(value) for key, value in storage.items()}
    return sorted(_named(sort_keys(storage), sizes), key=lambda key: -(key.size or 0))


def reported_keys(report: dict[str, Any]) -> list[Key]:
    """The keys as the run that read the snapshot listed them; only those with items have a size there, in characters."""
    items: dict[str, dict[str, Any]] = report.get("items") or {}
    keys = [
        Key(name, str(STORES.get(told.get("store", ""), "")), told.get("characters")) for name, told in items.items()
    ]
    keys += [Key(name, gettext("connexion : jamais montrée"), secret=True) for name in report.get("sign_in") or []]
    keys += [
        Key(name, gettext("connu, sans élément"), secret=told == "token")
        for name, told in (report.get("known") or {}).items()
    ]
    return keys + [Key(name, gettext("inconnu : ignoré, mais listé")) for name in report.get("unknown") or []]


def _named(keys: Keys, sizes: dict[str, int]) -> list[Key]:
    named = [
        Key(entry.key, str(STORES[entry.store]), sizes[entry.key], owner=entry.suffix or "") for entry in keys.stored
    ]
    named += [Key(key, gettext("connexion : jamais montrée"), sizes[key], secret=True) for key in keys.auth]
    for key, meaning in keys.known.items():
        secret = meaning == "token"
        named.append(
            Key(
                key,
                gettext("jeton : jamais montré") if secret else gettext("connu, sans élément"),
                sizes[key],
                secret=secret,
            )
        )
    return named + [Key(key, gettext("inconnu : ignoré, mais listé"), sizes[key]) for key in keys.unknown]


def _size(value: Any) -> int:
    text = value if isinstance(value, str) else json.dumps(value)
    return len(text.encode("utf-8", "surrogatepass"))


def _table(keys: list[Key]) -> Table:
    return Table(
        caption=_("Clés du localStorage, la plus grosse d'abord"),
        columns=(
            Column(_("Clé"), heads_row=True),
            Column(_("Ce que c'est")),
            Column(_("Suffixe"), wide_only=True),
            Column(_("Taille"), numeric=True),
        ),
        rows=[
            (
                mono(printable(key.name[:120])),
                Badge(key.meaning, "neutral", "lock") if key.secret else key.meaning,
                mono(printable(key.owner[:60])) if key.owner else "",
                size(key.size),
            )
            for key in keys[:KEYS_SHOWN]
        ],
        footer=(
            gettext("%(count)s clés") % {"count": number(len(keys))},
            "",
            "",
            size(sum(key.size or 0 for key in keys)),
        ),
        empty=_("Ce navigateur n'avait rien."),
    )
