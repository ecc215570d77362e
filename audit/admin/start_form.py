"""What an operator chooses before a migration: where from, whom, how fast, how much may go wrong."""

from __future__ import annotations

from typing import Any, Final
from uuid import uuid4

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db.models.functions import Lower
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminTextareaWidget,
    UnfoldBooleanWidget,
)

from accounts.models import User
from audit.runs.plan import Scope
from audit.runs.previewing import StartOptions

WAITING, UPLOAD = "waiting", "upload"
EVERYBODY, COHORT, PEOPLE = "everybody", "cohort", "people"
PEOPLE_AT_MOST: Final = 200
SHOWN_UNKNOWN: Final = 5


class StartForm(forms.Form):
    """Everything has a sensible beginning: pressing the button alone previews all that waits."""

    request_key = forms.UUIDField(widget=forms.HiddenInput, initial=uuid4)
    source = forms.ChoiceField(
        label=_("Source"),
        choices=[
            (WAITING, _("Les instantanés qui attendent")),
            (UPLOAD, _("Un fichier NDJSON, lu d'abord")),
        ],
        initial=WAITING,
        widget=forms.RadioSelect,
    )
    file = forms.FileField(
        label=_("Fichier"),
        required=False,
        help_text=_(
            "NDJSON, simple ou gzip, un navigateur par ligne. Les lignes illisibles sont nommées, le reste est gardé. "
            "Ses instantanés restent en base, même si vous ne lancez rien ; aucun repas n'est écrit."
        ),
    )
    create_users = forms.BooleanField(
        label=_("Créer un compte aux personnes qui n'en ont pas"),
        required=False,
        widget=UnfoldBooleanWidget,
        help_text=_(
            "Le compte est actif, sans mot de passe tant que la personne n'en choisit pas un. Il reste, même si vous ne lancez rien."
        ),
    )
    reason = forms.CharField(
        label=_("Raison"),
        required=False,
        max_length=500,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        help_text=_("Pourquoi ce fichier est lu. Elle reste dans le journal, avec votre nom."),
    )
    who = forms.ChoiceField(
        label=_("Portée"),
        choices=[
            (EVERYBODY, _("Toutes les personnes qui attendent")),
            (COHORT, _("Une partie d'abord, puis une pause")),
            (PEOPLE, _("Des personnes choisies")),
        ],
        initial=EVERYBODY,
        widget=forms.RadioSelect,
    )
    cohort_percent = forms.FloatField(
        label=_("Part des personnes (%)"),
        required=False,
        min_value=0.01,
        max_value=99.99,
        initial=5,
        widget=UnfoldAdminDecimalFieldWidget(attrs={"step": "any", "inputmode": "decimal"}),
        help_text=_("Cette part est migrée et vérifiée ; le reste attend que vous le demandiez."),
    )
    emails = forms.CharField(
        label=_("Adresses e-mail"),
        required=False,
        max_length=60_000,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 4, "autocomplete": "off", "spellcheck": "false"}),
        help_text=_("Une par ligne, ou séparées par des virgules."),
    )
    batch_size = forms.IntegerField(
        label=_("Personnes par lot, au plus"),
        min_value=1,
        max_value=10_000,
        initial=100,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text=_("Un lot est une seule transaction."),
    )
    sizing = forms.ChoiceField(
        label=_("Taille des lots"),
        choices=[
            ("adaptive", _("Adaptée : des lots d'environ deux secondes")),
            ("fixed", _("Fixe : toujours ce nombre")),
        ],
        initial="adaptive",
        widget=forms.RadioSelect,
    )
    workers = forms.IntegerField(
        label=_("Ouvriers"),
        min_value=1,
        max_value=64,
        initial=1,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text=_("Processus qui travaillent en même temps."),
    )
    governor = forms.BooleanField(
        label=_("Ralentir quand l'application souffre"),
        required=False,
        initial=True,
        widget=UnfoldBooleanWidget,
        help_text=_("Le temps de réponse est mesuré pendant la migration."),
    )
    max_failures = forms.IntegerField(
        label=_("Échecs tolérés"),
        min_value=0,
        max_value=1_000_000,
        initial=10,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text=_("Au-delà, la migration se met en pause et dit pourquoi."),
    )
    max_quarantine_percent = forms.FloatField(
        label=_("Quarantaine tolérée (%)"),
        min_value=0,
        max_value=100,
        initial=50,
        widget=UnfoldAdminDecimalFieldWidget(attrs={"step": "any", "inputmode": "decimal"}),
        help_text=_("Part des éléments ; au-delà, elle se met en pause."),
    )

    def __init__(self, *args: Any, makes_accounts: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not makes_accounts:
            del self.fields["create_users"]

    def clean_emails(self) -> list[str]:
        """Each address once, in lower case, in the order given."""
        text = self.cleaned_data["emails"].replace(",", " ").replace(";", " ")
        return list(dict.fromkeys(address.lower() for address in text.split()))

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if data.get("source") == UPLOAD and not data.get("file") and "file" not in self.errors:
            self.add_error("file", _("Choisissez le fichier à lire."))
        if data.get("source") == UPLOAD and not data.get("reason") and "reason" not in self.errors:
            self.add_error("reason", _("Dites pourquoi vous lisez ce fichier."))
        if data.get("who") == COHORT and data.get("cohort_percent") is None and "cohort_percent" not in self.errors:
            self.add_error("cohort_percent", _("Dites quelle part des personnes."))
        if data.get("who") == PEOPLE and "emails" not in self.errors:
            self._check_people(data)
        return data

    def _check_people(self, data: dict[str, Any]) -> None:
        emails: list[str] = data.get("emails") or []
        if not emails:
            self.add_error("emails", _("Nommez au moins une personne."))
            return
        if len(emails) > PEOPLE_AT_MOST:
            message = gettext("Au plus %(most)s adresses ; pour plus de monde, prenez une partie.")
            self.add_error("emails", message % {"most": PEOPLE_AT_MOST})
            return
        malformed = [address for address in emails if not _is_email(address)]
        makes_accounts = data.get("source") == UPLOAD and data.get("create_users")
        unknown = malformed or ([] if makes_accounts else _unknown(emails))
        if unknown:
            named = ", ".join(unknown[:SHOWN_UNKNOWN]) + (", …" if len(unknown) > SHOWN_UNKNOWN else "")
            message = ngettext(
                "Personne n'a cette adresse : %(named)s", "Personne n'a ces adresses : %(named)s", len(unknown)
            )
            self.add_error("emails", message % {"named": named})

    def scope(self) -> Scope:
        """Of valid data."""
        data = self.cleaned_data
        return Scope(emails=tuple(data["emails"]) if data["who"] == PEOPLE else ())

    def options(self) -> StartOptions:
        """Of valid data."""
        data = self.cleaned_data
        return StartOptions(
            batch_size=data["batch_size"],
            fixed_size=data["sizing"] == "fixed",
            workers=data["workers"],
            cohort_percent=data["cohort_percent"] if data["who"] == COHORT else 100.0,
            max_failures=data["max_failures"],
            max_quarantine_percent=data["max_quarantine_percent"],
            governor=data["governor"],
        )


def _is_email(address: str) -> bool:
    try:
        validate_email(address)
    except ValidationError:
        return False
    return True


def _unknown(emails: list[str]) -> list[str]:
    people = User.objects.annotate(lower_email=Lower("email")).filter(lower_email__in=emails)
    known = set(people.values_list("lower_email", flat=True))
    return [address for address in emails if address not in known]
