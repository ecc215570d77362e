"""Finding people, and rows by their person: exact first, then by the beginning."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from django.db.models import Case, IntegerField, Q, QuerySet, Value, When
from django.db.models.functions import Lower
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.admin.read_only import Pleasant, ReadOnly
from accounts.models import User

PEOPLE_SEARCHED = 200
"""How many people a search in another table may stand for; more asks for a narrower search."""

EXACT, BEGINNING, WITHIN = 0, 1, 2


def matching(queryset: QuerySet[Any], term: str) -> QuerySet[Any]:
    """Those of `queryset` whose e-mail, user name, legacy id or id is `term` (`rank` 0), whose e-mail or names begin with it (1), or contain it (2)."""
    term = term.strip()
    exact = Q(lower_email=term.lower()) | Q(username=term) | Q(legacy_id=term)
    if (identifier := _as_uuid(term)) is not None:
        exact |= Q(pk=identifier)
    beginning = (
        Q(lower_email__startswith=term.lower()) | Q(first_name__istartswith=term) | Q(last_name__istartswith=term)
    )
    within = Q(username__icontains=term) | Q(last_name__icontains=term)
    first, *rest = term.split(maxsplit=1) or [term]
    if rest:
        beginning |= Q(first_name__iexact=first, last_name__istartswith=rest[0])
        within |= Q(last_name__iexact=first, first_name__istartswith=rest[0])
    rank = Case(
        When(exact, then=Value(EXACT)),
        When(beginning, then=Value(BEGINNING)),
        default=Value(WITHIN),
        output_field=IntegerField(),
    )
    found: QuerySet[Any] = (
        queryset.alias(lower_email=Lower("email")).alias(rank=rank).filter(exact | beginning | within)
    )
    return found


def _as_uuid(term: str) -> UUID | None:
    try:
        return UUID(term)
    except ValueError:
        return None


class SearchByPerson(ReadOnly):
    """Search box of a table keyed by person: it finds people and shows their rows. With the person chosen in the filter, and a `text_field`,
    it looks for words in that person's rows: descriptions are never searched across everybody, which no index could serve."""

    search_fields = ("user__email",)
    search_help_text = _("Personne : e-mail, nom, ancien identifiant")
    person_path: ClassVar[str] = "user"
    text_field: ClassVar[str] = ""

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        if self.text_field and request.GET.get(f"{self.person_path}__id__exact"):
            return queryset.filter(**{f"{self.text_field}__icontains": term}), False
        people = matching(User.objects.all(), term).order_by("rank", "email").values("pk")[:PEOPLE_SEARCHED]
        return queryset.filter(**{f"{self.person_path}__in": people}), False


class SearchPeople(Pleasant):
    """Search box of the people themselves; exact matches come first."""

    search_fields = ("email",)
    search_help_text = _("E-mail, nom, identifiant ou ancien identifiant")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        return matching(queryset, term).order_by("rank", *(queryset.query.order_by or ("email",))), False
