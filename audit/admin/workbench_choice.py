"""Which part of a quarantine a page is about: a run, and perhaps a reason, a kind, a person, read from the address."""

from __future__ import annotations

from hashlib import sha256
from typing import Any, NamedTuple
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet
from django.http import Http404, HttpRequest
from django.urls import reverse
from django.utils.translation import gettext

from accounts.admin.display import admin_url, number
from accounts.models import User
from audit.admin.reason_texts import reason_text
from audit.admin.workbench_words import items_of
from audit.models import ItemKind, ItemRepair, MigrationOutcome, MigrationRun, Outcome, RunStatus
from audit.runs.quarantine.selection import Selection

BIGGEST_ID = 2**63 - 1


class Choice(NamedTuple):
    """Items of a run that have `standing`; `mended`: only those that have a repair; `after`: only later ones."""

    run: MigrationRun
    standing: Outcome = Outcome.QUARANTINED
    reason: str = ""
    kind: str = ""
    user: User | None = None
    mended: bool = False
    after: int = 0

    @property
    def selection(self) -> Selection:
        """For the services. (They know nothing of `mended`: give them the ids.)"""
        return Selection(reason_code=self.reason, kind=self.kind, user=self.user, after=self.after)

    def items(self) -> QuerySet[MigrationOutcome]:
        """In the order in which they were found."""
        chosen = self.selection.of(self.run, self.standing)
        if self.mended:
            repairs = ItemRepair.objects.filter(snapshot_id=OuterRef("snapshot_id"), path=OuterRef("path"))
            chosen = chosen.filter(Exists(repairs))
        return chosen

    def query(self, **more: object) -> str:
        """As it stands in an address, without what is not chosen."""
        parts: dict[str, object] = {
            "reason": self.reason,
            "kind": self.kind,
            "user": self.user.pk if self.user else "",
            "mended": "1" if self.mended else "",
            "after": self.after or "",
            **more,
        }
        return urlencode({name: value for name, value in parts.items() if value})

    def list_url(self) -> str:
        """The items one by one, in the list of outcomes."""
        parts = {
            "run__id__exact": self.run.pk,
            "outcome__exact": self.standing.value,
            "reason": self.reason,
            "kind__exact": self.kind,
            "user__id__exact": self.user.pk if self.user else "",
        }
        return f"{admin_url(MigrationOutcome, 'changelist')}?{urlencode({k: v for k, v in parts.items() if v})}"

    def page_url(self) -> str:
        """The workbench with this run and person."""
        parts = {
            "run": self.run.pk,
            "user": self.user.pk if self.user else "",
            "standing": self.standing.value if self.standing != Outcome.QUARANTINED else "",
        }
        return f"{quarantine_url()}?{urlencode({k: v for k, v in parts.items() if v})}"

    def deed_url(self, key: str, **more: object) -> str:
        """The confirmation page of a deed on these items."""
        return f"{reverse('admin:audit_migrationoutcome_quarantine_do', args=[self.run.pk, key])}?{self.query(**more)}"

    def words(self) -> str:
        """The choice in words."""
        parts = [reason_text(self.reason).title if self.reason else gettext("toutes les raisons")]
        if self.kind:
            parts.append(items_of(self.kind))
        if self.user:
            parts.append(self.user.email)
        if self.mended:
            parts.append(gettext("seulement les réparés"))
        return " · ".join(parts)


def quarantine_url() -> str:
    """The workbench's address."""
    return reverse("admin:audit_migrationoutcome_quarantine")


def read_choice(request: HttpRequest, run_id: int, standing: Outcome) -> Choice:
    """What the address asks for; `Http404` for what cannot be."""
    if run_id > BIGGEST_ID or (run := MigrationRun.objects.filter(pk=run_id).first()) is None:
        raise Http404
    kind, after = request.GET.get("kind", ""), request.GET.get("after", "")
    user = find_person(request.GET.get("user", ""))
    if (kind and kind not in ItemKind.values) or (request.GET.get("user") and user is None):
        raise Http404
    if after and not (after.isascii() and after.isdecimal() and int(after) <= BIGGEST_ID):
        raise Http404
    reason = request.GET.get("reason", "")
    if "\0" in reason or len(reason) > 40:
        raise Http404
    return Choice(run, standing, reason, kind, user, bool(request.GET.get("mended")), int(after or 0))


def find_person(asked: str) -> User | None:
    """By id or e-mail address, exactly."""
    asked = asked.strip()
    if not asked or "\0" in asked:
        return None
    try:
        return User.objects.filter(pk=UUID(asked)).first()
    except ValueError:
        return User.objects.with_email(asked).first()


class Part(NamedTuple):
    """The items that one request is about. `token` stands for exactly these in exactly this state of the run."""

    choice: Choice
    ids: tuple[int, ...]
    people: int
    beyond: int
    token: str

    @property
    def selection(self) -> Selection:
        """Exactly these items."""
        return Selection(outcome_ids=self.ids)

    @property
    def last(self) -> int:
        """Where to go on."""
        return self.ids[-1] if self.ids else self.choice.after


def part_of(choice: Choice, at_most: int) -> Part:
    """The first items of a choice. People for whom the run was taken back are left out, as the services do."""
    reverted = choice.run.plan.filter(reverted_at__isnull=False).values("user_id")
    items = choice.items().exclude(user_id__in=reverted)
    rows: list[tuple[int, Any]] = list(items.values_list("id", "user_id")[:at_most])
    ids = tuple(pk for pk, _user in rows)
    beyond = items.filter(pk__gt=ids[-1]).order_by().count() if ids and len(ids) == at_most else 0
    digest = sha256(",".join(map(str, ids)).encode()).hexdigest()[:24]
    return Part(
        choice, ids, len({user for _pk, user in rows}), beyond, f"{choice.run.status}|{len(ids) + beyond}|{digest}"
    )


def what_changed(seen: str, now: str) -> str:
    """Why a page is stale: the run's state, the number of items, or which they are."""
    (old_status, old_count), (new_status, new_count) = _read_token(seen), _read_token(now)
    if old_status in RunStatus.values and new_status in RunStatus.values and old_status != new_status:
        return gettext("Rien n'a été fait : entre-temps, l'état est passé de « %(old)s » à « %(new)s ».") % {
            "old": RunStatus(old_status).label,
            "new": RunStatus(new_status).label,
        }
    if old_count.isdecimal() and new_count.isdecimal() and old_count != new_count:
        return gettext("Rien n'a été fait : le groupe avait %(old)s éléments, il en a %(new)s maintenant.") % {
            "old": number(int(old_count[:12])),
            "new": number(int(new_count)),
        }
    return gettext("Rien n'a été fait : entre-temps, les éléments du groupe ont changé.")


def _read_token(token: str) -> tuple[str, str]:
    status, _bar, rest = token.partition("|")
    return status, rest.partition("|")[0]
