"""Mending a whole group by a rule. What is stored is what was shown, or nothing."""

from __future__ import annotations

from datetime import datetime
from time import monotonic
from typing import Any, Final

from django import forms
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.html import format_html_join
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from accounts.admin.deeds import CONFLICT, UNPROCESSABLE, Text
from accounts.admin.display import NOTHING, instant, mono, number
from accounts.admin.tables import Column, Table
from accounts.looks import note_look
from audit.admin.outcome_cells import cell, item_link, plain
from audit.admin.reason_texts import reason_text
from audit.admin.workbench_choice import BIGGEST_ID, Choice, read_choice
from audit.admin.workbench_deeds import (
    REPLAY,
    VERIFY,
    DecisionForm,
    actor_of,
    check_may_repair,
    replayed_text,
    verify_at_once,
    verify_if_asked,
)
from audit.admin.workbench_words import (
    DATE_EXAMPLES,
    RESULTS,
    RULE_PROBLEMS,
    RULES,
    advice,
    busy,
    items_of,
    refusal_text,
    still_refused,
)
from audit.models import MigrationOutcome, Outcome
from audit.runs.plan import Refused
from audit.runs.quarantine.causes import refused_field, refused_fields
from audit.runs.quarantine.group_repair import (
    AT_ONCE,
    Changed,
    GroupPreview,
    GroupRepaired,
    Tried,
    preview_group,
    repair_group,
)
from audit.runs.quarantine.replay import replay
from audit.runs.quarantine.rules import LONGEST_TYPED, RULES_FOR, UNTOUCHED, BadRule, Rule
from audit.runs.quarantine.selection import ALL, Selection

SAMPLES: Final = 5
SECONDS: Final = 5.0
"""So long may one request store repairs and read people again; whoever is left comes with the next one."""


class RuleForm(forms.Form):
    """What the chosen kind of rule needs, and no more."""

    def __init__(self, *args: Any, kind: str, fields: list[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        words: Any = RULES[kind]
        if len(fields) > 1:
            self.fields["field"] = forms.ChoiceField(
                label=_("Champ refusé"),
                required=False,
                choices=[("", gettext("n'importe lequel")), *((name, name) for name in fields)],
                widget=UnfoldAdminSelectWidget,
                help_text=_("La règle ne touche que le champ qui a été refusé."),
            )
        if kind == "date":
            self.fields["first"] = forms.ChoiceField(
                label=words.first, choices=list(DATE_EXAMPLES.items()), widget=UnfoldAdminSelectWidget
            )
        elif words.first:
            self.fields["first"] = _typed(words.first, required=kind != "inside", help_text=words.first_help)
        if words.second:
            self.fields["second"] = _typed(words.second, required=kind == "replace", help_text="")

    def rule(self, kind: str) -> Rule:
        data = self.cleaned_data
        return Rule(kind, data.get("field", ""), data.get("first", ""), data.get("second", ""))


def _typed(label: Any, *, required: bool, help_text: Any) -> forms.CharField:
    return forms.CharField(
        label=label,
        required=required,
        max_length=LONGEST_TYPED,
        strip=False,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
        help_text=help_text,
    )


def repair_group_view(request: HttpRequest, run_id: int, context: dict[str, Any]) -> HttpResponse:
    """GET offers rules; POST `preview` tries one on the first items; POST `store` stores what was shown and replays these people."""
    check_may_repair(request)
    choice = read_choice(request, run_id, Outcome.QUARANTINED)
    if choice.reason not in RULES_FOR:
        raise Http404
    page = _GroupPage(request, choice, context)
    if refusal := busy(choice.run):
        return page.answer(refusal=refusal, status=CONFLICT)
    note_look(request, choice.user.pk if choice.user else None, ("migration_outcomes",))
    if not page.kind:
        return page.answer()
    if request.method != "POST":
        return page.answer(form=page.form())
    form = page.form(request.POST)
    if not form.is_valid():
        return page.answer(form=form, status=UNPROCESSABLE)
    rule = form.rule(page.kind)
    try:
        return page.store(form, rule) if request.POST.get("step") == "store" else page.show(form, page.try_out(rule))
    except BadRule as bad:
        form.add_error(
            bad.parameter if bad.parameter in form.fields else None, str(RULE_PROBLEMS.get(bad.problem, bad.problem))
        )
        return page.answer(form=form, status=UNPROCESSABLE)


class _GroupPage:
    def __init__(self, request: HttpRequest, choice: Choice, context: dict[str, Any]) -> None:
        self.request, self.choice, self.context = request, choice, context
        self.begun = monotonic()
        asked = request.GET.get("rule", "")
        self.kind = asked if asked in RULES_FOR[choice.reason] else ""
        if asked and not self.kind:
            raise Http404

    def form(self, data: Any = None) -> RuleForm:
        some = list(self.choice.items().defer("raw", "before")[:AT_ONCE])
        return RuleForm(data, kind=self.kind, fields=refused_fields(some))

    def try_out(self, rule: Rule, last: int = 0) -> GroupPreview:
        return preview_group(run=self.choice.run, chosen=self.choice.selection, rule=rule, last=last)

    def show(self, form: RuleForm, found: GroupPreview, refusal: str = "", status: int = 200) -> HttpResponse:
        return self.answer(form=form, found=found, reason_form=self._reason_form(found), refusal=refusal, status=status)

    def store(self, form: RuleForm, rule: Rule) -> HttpResponse:
        """The rule is tried once, under the lock of the run; what was shown is known by its digest and its last item."""
        previewed, last = self.request.POST.get("previewed", ""), _id(self.request.POST.get("last", ""))
        reason_form = DecisionForm(self.request.POST, may_verify=self.request.user.has_perm(VERIFY))
        if not last:
            return self._changed(form, rule)
        if not reason_form.is_valid():
            found = self.try_out(rule, last)
            if found.digest != previewed:
                return self._changed(form, rule)
            return self.answer(form=form, found=found, reason_form=reason_form, status=UNPROCESSABLE)
        data = reason_form.cleaned_data
        try:
            stored = repair_group(
                run=self.choice.run,
                chosen=self.choice.selection,
                rule=rule,
                expected=previewed,
                last=last,
                actor=actor_of(self.request),
                reason=data["reason"],
            )
        except Changed:
            return self._changed(form, rule)
        except Refused as refusal:
            return self.answer(form=form, refusal=refusal_text(refusal), status=CONFLICT)
        return self._done(form, stored, data)

    def _changed(self, form: RuleForm, rule: Rule) -> HttpResponse:
        refusal = gettext(
            "Rien n'a été fait : le groupe, ou ce que la règle en fait, a changé depuis l'aperçu. Voici le nouvel aperçu."
        )
        return self.show(form, self.try_out(rule), refusal, CONFLICT)

    def _done(self, form: RuleForm, stored: GroupRepaired, data: dict[str, Any]) -> HttpResponse:
        found = stored.preview
        count = stored.items.total()
        said = [
            ngettext(
                "%(count)s réparation enregistrée.",
                "%(count)s réparations enregistrées.",
                count,
            )
            % {"count": number(count)}
        ]
        unread = False
        if self.request.user.has_perm(REPLAY):
            sentence, unread = self._replay(found, data)
            said.append(sentence)
        else:
            said.append(gettext("Quelqu'un qui en a le droit doit encore les rejouer."))
        more = self.choice._replace(after=found.last)
        return self.answer(
            form=form,
            done={
                "said": said,
                "beyond": number(found.beyond) if found.beyond else "",
                "more_url": more.deed_url("repair", rule=self.kind),
                "hidden": [(name, form.cleaned_data.get(name, "")) for name in form.fields],
                "replay_url": self.choice._replace(after=0, mended=True).deed_url("replay") if unread else "",
            },
        )

    def _replay(self, found: GroupPreview, data: dict[str, Any]) -> tuple[str, bool]:
        """What was done, and whether somebody is left to be read."""
        ids = tuple(tried.outcome.pk for tried in found.of("repaired"))
        try:
            done = replay(
                run=self.choice.run,
                chosen=Selection(outcome_ids=ids),
                actor=actor_of(self.request),
                reason=data["reason"],
                within_seconds=max(SECONDS - (monotonic() - self.begun), 0.0),
            )
        except Refused as refusal:
            return gettext("Pas encore rejouées. %(why)s") % {"why": refusal_text(refusal)}, True
        if not found.beyond and not done.next_item:
            verify_if_asked(self.request, self.choice.run, data)
        return replayed_text(done), bool(done.next_item)

    def _reason_form(self, found: GroupPreview) -> DecisionForm:
        mended = found.counts["repaired"]
        left = ALL.of(self.choice.run).order_by()[: mended + 1].count()
        return DecisionForm(
            may_verify=self.request.user.has_perm(VERIFY),
            suggested=not found.beyond and verify_at_once(self.choice.run, mended, left),
        )

    def answer(
        self,
        *,
        form: RuleForm | None = None,
        found: GroupPreview | None = None,
        reason_form: DecisionForm | None = None,
        done: dict[str, Any] | None = None,
        refusal: str = "",
        status: int = 200,
    ) -> HttpResponse:
        choice = self.choice
        self.context |= {
            "title": gettext("Réparer un groupe"),
            "opts": MigrationOutcome._meta,
            "original": gettext("Quarantaine de la migration %(id)s") % {"id": choice.run.pk},
            "back": choice._replace(after=0, mended=False).page_url(),
            "reason": reason_text(choice.reason),
            "kind_words": items_of(choice.kind),
            "person": choice.user,
            "advice": advice(choice.reason),
            "after": choice.after,
            "offered": [
                {
                    "label": RULES[kind].label,
                    "help": RULES[kind].help,
                    "url": choice.deed_url("repair", rule=kind),
                    "current": kind == self.kind,
                }
                for kind in RULES_FOR[choice.reason]
            ],
            "chosen": RULES[self.kind] if self.kind else None,
            "form": form,
            "found": _shown_group(found) if found is not None else None,
            "reason_form": reason_form,
            "may_replay": self.request.user.has_perm(REPLAY),
            "done": done,
            "refusal": refusal,
        }
        return TemplateResponse(self.request, "admin/audit/quarantine/repair_group.html", self.context, status=status)


def _id(text: str) -> int:
    """An id that a page sent along; 0 when it is none."""
    return int(text) if text.isascii() and text.isdecimal() and int(text[:20]) <= BIGGEST_ID else 0


def _shown_group(found: GroupPreview) -> dict[str, Any]:
    """A group's preview for the page: counts, why some would still be refused, and samples of each."""
    counts = found.counts
    return {
        "looked_at": number(len(found.tried)),
        "beyond": number(found.beyond) if found.beyond else "",
        "mended": counts["repaired"],
        "counts": [
            {"number": number(counts[result]), "label": words, "variant": variant, "icon": icon}
            for result, (words, variant, icon) in RESULTS.items()
            if counts[result] or result == "repaired"
        ],
        "problems": [
            (still_refused(code, field), number(count)) for (code, field), count in found.problems.most_common(SAMPLES)
        ],
        "tables": [
            table
            for table in (
                _samples(found.of("repaired"), _("Avant et après, sur quelques exemples")),
                _samples(found.of("refused"), _("Encore refusés, par exemple")),
                _samples(found.of("untouched"), _("Pas touchés, par exemple")),
            )
            if table.rows
        ],
        "digest": found.digest,
        "last": found.last,
    }


def _samples(tried: list[Tried], caption: Text) -> Table:
    return Table(
        caption=caption,
        columns=(
            Column(_("Élément"), heads_row=True, wide_only=True),
            Column(_("Le navigateur avait")),
            Column(_("La règle en fait")),
            Column(_("Deviendrait")),
        ),
        rows=[
            (item_link(sample.outcome), mono(_part(sample, "before")), mono(_part(sample, "after")), _becomes(sample))
            for sample in tried[:SAMPLES]
        ],
        shows_caption=True,
    )


def _part(sample: Tried, side: str) -> str:
    """The refused field on one side of the repair, else the whole item."""
    if side == "after" and sample.result == "untouched":
        return NOTHING
    value, field = getattr(sample, side), refused_field(sample.outcome)
    if value is UNTOUCHED:
        return NOTHING
    if field and isinstance(value, dict):
        return f"{field}: {cell(value[field])}" if field in value else gettext("%(field)s : rien") % {"field": field}
    return cell(value)


def _becomes(sample: Tried) -> str:
    if sample.result == "refused":
        return still_refused(sample.code, sample.field)
    if sample.shown is None:
        return NOTHING
    content = sample.shown.content
    moment = instant(datetime.fromisoformat(content["instant"])) if content.get("instant") else ""
    amounts = [
        f"{plain(content[name])} {unit}"
        for name, unit in (("protein", "g"), ("calories", "kcal"))
        if content.get(name) is not None
    ]
    words = [content.get("name") or content.get("description"), moment, *amounts]
    return format_html_join(" · ", "{}", ((word,) for word in words if word)) or NOTHING
