"""Mending one item in an editor. What is stored is what was shown, or nothing."""

from __future__ import annotations

import json
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextareaWidget

from accounts.admin.deeds import CONFLICT, UNPROCESSABLE
from accounts.admin.display import NOTHING, admin_url, instant, mono, printable
from accounts.admin.tables import Column, Table
from accounts.looks import note_look
from audit.admin.outcome_cells import cell, plain
from audit.admin.reason_texts import reason_text
from audit.admin.words import outcome_badge
from audit.admin.workbench_deeds import (
    REPLAY,
    VERIFY,
    DecisionForm,
    actor_of,
    check_may_repair,
    facts_of,
    one,
    replayed_text,
    state_of_item,
    verify_at_once,
    verify_if_asked,
)
from audit.admin.workbench_words import (
    CONTENT,
    advice,
    busy,
    refusal_text,
    state_words,
    why_not_repairable,
)
from audit.local_storage.decode import Unreadable, decode_json
from audit.models import ItemRepair, MigrationOutcome, StorageSnapshot
from audit.runs.plan import Refused
from audit.runs.quarantine.causes import refused_field
from audit.runs.quarantine.repair import Preview, preview, raw_values, repair, source_of
from audit.runs.quarantine.replay import foresee, replay
from audit.runs.quarantine.selection import ALL

INSTANTS: Final = ("instant", "last_used", "created")
LONGEST_EDITED: Final = 500_000
"""Characters; what is longer (a photo in the text) is mended by the command."""


class ValueForm(forms.Form):
    """The whole item as the browser should have held it."""

    value = forms.CharField(
        label=_("L'élément entier, en JSON"),
        max_length=LONGEST_EDITED,
        strip=False,
        widget=UnfoldAdminTextareaWidget(
            attrs={"rows": 16, "class": "dp-editor", "spellcheck": "false", "autocomplete": "off", "wrap": "soft"}
        ),
        help_text=_("Corrigez ce qui a été refusé et laissez le reste tel quel."),
    )


def repair_view(request: HttpRequest, outcome: MigrationOutcome, context: dict[str, Any]) -> HttpResponse:
    """GET shows the value to mend; POST `preview` shows what it would become, POST `store` stores exactly that and replays the person."""
    check_may_repair(request)
    note_look(request, outcome.user_id, ("migration_outcomes",))
    page = _ItemPage(request, outcome, context)
    if refusal := busy(outcome.run) or why_not_repairable(outcome):
        return page.answer(refusal=refusal, status=CONFLICT)
    if request.method != "POST":
        text = page.text_to_mend()
        if len(text) > LONGEST_EDITED:
            return page.answer(
                refusal=gettext("Trop long pour cette page : utilisez la commande « quarantine repair ».")
            )
        return page.answer(form=ValueForm(initial={"value": text}))
    if request.POST.get("seen", "") != page.state:
        return page.answer(form=ValueForm(request.POST), refusal=page.what_changed(), status=CONFLICT)
    form = ValueForm(request.POST)
    if not form.is_valid():
        return page.answer(form=form, status=UNPROCESSABLE)
    return page.preview(form) if request.POST.get("step") != "store" else page.store(form)


class _ItemPage:
    def __init__(self, request: HttpRequest, outcome: MigrationOutcome, context: dict[str, Any]) -> None:
        self.request, self.outcome, self.context = request, outcome, context
        self.back = admin_url(MigrationOutcome, "change", outcome.pk)
        self._look()

    def _look(self) -> None:
        """How the item stands now."""
        outcome = self.outcome
        repairs = ItemRepair.objects.filter(snapshot_id=outcome.snapshot_id, path=outcome.path)
        self.latest = repairs.order_by("-id").first()
        self.latest_id = self.latest.pk if self.latest else 0
        self.state = f"{state_of_item(outcome)}|{self.latest_id}"

    def text_to_mend(self) -> str:
        """What stands for the item now: its latest repair, else what the bytes hold."""
        if self.latest is not None:
            return _pretty(decode_json(self.latest.value))
        return _pretty(self.held())

    def held(self) -> Any:
        """What the bytes hold; outcome rows keep very long values by their beginning only."""
        try:
            raw = raw_values(source_of(StorageSnapshot.objects.get(pk=self.outcome.snapshot_id)))
        except Unreadable:
            raw = {}
        return raw[self.outcome.path] if self.outcome.path in raw else json.loads(self.outcome.raw or "null")

    def what_changed(self) -> str:
        seen = self.request.POST.get("seen", "")
        if state_words(seen) != state_words(self.state):
            return gettext("Rien n'a été fait : entre-temps, l'état est passé de « %(old)s » à « %(new)s ».") % {
                "old": state_words(seen),
                "new": state_words(self.state),
            }
        return gettext("Rien n'a été fait : entre-temps, quelqu'un d'autre a réparé cet élément.")

    def preview(self, form: ValueForm) -> HttpResponse:
        text = form.cleaned_data["value"]
        shown = self._shown(text)
        if isinstance(shown, str):
            return self.answer(form=form, refused=shown, status=UNPROCESSABLE)
        return self.answer(form=form, shown=shown, reason_form=self._reason_form())

    def store(self, form: ValueForm) -> HttpResponse:
        text = form.cleaned_data["value"]
        if self.request.POST.get("previewed", "") != digest_of(text):
            return self._again(
                form, gettext("La valeur a changé depuis l'aperçu : voici le nouvel aperçu, rien n'est enregistré.")
            )
        reason_form = self._reason_form(bound=True)
        if not reason_form.is_valid():
            return self._again(form, "", reason_form, status=UNPROCESSABLE)
        data, actor = reason_form.cleaned_data, actor_of(self.request)
        try:
            repair(outcome=self.outcome, value_text=text, actor=actor, reason=data["reason"], seen=self.latest_id)
        except Refused as refusal:
            self.outcome.refresh_from_db()
            self._look()
            return self.answer(form=form, refusal=refusal_text(refusal), status=CONFLICT)
        messages.success(self.request, gettext("La réparation est enregistrée."))
        if self.request.user.has_perm(REPLAY):
            self._replay(actor, data)
        return HttpResponseRedirect(self.back)

    def _replay(self, actor: str, data: dict[str, Any]) -> None:
        try:
            done = replay(run=self.outcome.run, chosen=one(self.outcome), actor=actor, reason=data["reason"])
        except Refused as refusal:
            messages.warning(self.request, gettext("Pas encore rejouée. %(why)s") % {"why": refusal_text(refusal)})
            return
        messages.info(self.request, replayed_text(done))
        if done.items or done.others:
            verify_if_asked(self.request, self.outcome.run, data)

    def _again(
        self, form: ValueForm, refusal: str, reason_form: DecisionForm | None = None, status: int = CONFLICT
    ) -> HttpResponse:
        shown = self._shown(form.cleaned_data["value"])
        if isinstance(shown, str):
            return self.answer(form=form, refusal=refusal, refused=shown, status=status)
        return self.answer(
            form=form, shown=shown, reason_form=reason_form or self._reason_form(), refusal=refusal, status=status
        )

    def _shown(self, text: str) -> dict[str, Any] | str:
        """What the item would become, or why not."""
        try:
            found = preview(outcome=self.outcome, value_text=text)
        except Refused as refusal:
            return refusal_text(refusal)
        after = decode_json(text)
        try:
            fate = foresee(outcome=self.outcome, value_text=json.dumps(after))
        except Refused as refusal:
            fate, unforeseen = None, refusal_text(refusal)
        else:
            unforeseen = ""
        return {
            "fate": outcome_badge(fate.outcome) if fate is not None else "",
            "why": [reason_text(code).title for code in fate.reasons if code != "repaired"] if fate is not None else [],
            "unforeseen": unforeseen,
            "difference": _difference(self.held(), after),
            "content": _content(found),
            "previewed": digest_of(text),
        }

    def _reason_form(self, *, bound: bool = False) -> DecisionForm:
        left = ALL.of(self.outcome.run).order_by()[:2].count()
        return DecisionForm(
            self.request.POST if bound else None,
            may_verify=self.request.user.has_perm(VERIFY),
            suggested=verify_at_once(self.outcome.run, 1, left),
        )

    def answer(
        self,
        *,
        form: ValueForm | None = None,
        shown: dict[str, Any] | None = None,
        reason_form: DecisionForm | None = None,
        refusal: str = "",
        refused: str = "",
        status: int = 200,
    ) -> HttpResponse:
        code = self.outcome.reasons[0] if self.outcome.reasons else ""
        field = refused_field(self.outcome)
        self.context |= {
            "title": gettext("Réparer un élément"),
            "opts": MigrationOutcome._meta,
            "original": str(printable(self.outcome.path)),
            "back": self.back,
            "facts": [*facts_of(self.outcome), *([(_("Champ refusé"), mono(field))] if field else [])],
            "reason_text": reason_text(code) if code else None,
            "advice": advice(code),
            "mended_before": self.latest,
            "form": form,
            "shown": shown,
            "reason_form": reason_form,
            "refusal": refusal,
            "refused": refused,
            "seen": self.state,
            "may_replay": self.request.user.has_perm(REPLAY),
        }
        return TemplateResponse(self.request, "admin/audit/quarantine/repair_item.html", self.context, status=status)


def digest_of(text: str) -> str:
    """Stands for the value that was shown, whatever the browser does to the ends of its lines."""
    return sha256(text.replace("\r\n", "\n").encode(errors="surrogatepass")).hexdigest()


def _pretty(value: Any) -> str:
    """JSON to be edited: accents as they are, what no page can carry as escapes, nothing cut."""
    return printable(json.dumps(value, ensure_ascii=False, indent=2))


def _difference(before: Any, after: Any) -> Table:
    """Field by field, what the browser held and what would stand for it."""
    if isinstance(before, dict) and isinstance(after, dict):
        names = [name for name in dict.fromkeys((*before, *after)) if _json(before, name) != _json(after, name)]
        rows = [(mono(printable(name)), mono(_json(before, name)), mono(_json(after, name))) for name in names]
    else:
        rows = [(mono(gettext("tout l'élément")), mono(cell(before)), mono(cell(after)))]
    return Table(
        caption=_("Ce qui change dans l'élément"),
        columns=(Column(_("Champ"), heads_row=True), Column(_("Le navigateur avait")), Column(_("La réparation dit"))),
        rows=rows,
        empty=_("Rien : la valeur est celle du navigateur."),
        shows_caption=True,
    )


def _json(item: dict[str, Any], name: str) -> str:
    return cell(item[name]) if name in item else NOTHING


def _stored(name: str, value: Any) -> str:
    """A column of the table as people read it."""
    return instant(datetime.fromisoformat(value)) if name in INSTANTS and value else plain(value)


def _content(found: Preview) -> Table:
    """What would stand in the table, with what cleaning would note."""
    notes: dict[str, list[str]] = {}
    for note in found.notes:
        notes.setdefault(note["field"], []).append(reason_text(note["reason"]).title)
    rows = [(CONTENT.get(name, name), _stored(name, value)) for name, value in found.content.items()]
    rows += [
        (gettext("Note sur « %(field)s »") % {"field": field} if field else gettext("Note"), ", ".join(titles))
        for field, titles in notes.items()
    ]
    return Table(
        caption=_("Ce qui serait enregistré"),
        columns=(Column(_("Champ"), heads_row=True), Column(_("Valeur"))),
        rows=rows,
        shows_caption=True,
    )
