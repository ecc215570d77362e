"""Finding people, and rows by their person: exact first, then by the beginning."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from django.db.models import Case, F, IntegerField, Q, QuerySet, Value, When
from django.db.models.functions import Lower
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from accounts.admin.read_only import Pleasant, ReadOnly, refuse_doubtful
from accounts.looks import note_look
from accounts.models import User

PEOPLE_SEARCHED = 200
"""How many people a search in another table may stand for; more asks for a narrower search."""

EXACT, NAMED, BEGINNING, WITHIN = 0, 1, 2, 3


def matching(queryset: QuerySet[Any], term: str) -> QuerySet[Any]:
    """Those of `queryset` whose e-mail, user name, legacy id or id is `term` (`rank` EXACT), who are called so (NAMED), whose e-mail or names
    begin with it (BEGINNING), or contain it (WITHIN)."""
    term = term.strip()
    exact = Q(lower_email=term.lower()) | Q(username=term) | Q(legacy_id=term)
    if (identifier := _as_uuid(term)) is not None:
        exact |= Q(pk=identifier)
    beginning = (
        Q(lower_email__startswith=term.lower()) | Q(first_name__istartswith=term) | Q(last_name__istartswith=term)
    )
    within = Q(username__icontains=term) | Q(last_name__icontains=term)
    named = Q()
    words = term.split()
    for cut in range(1, len(words)):
        start, end = " ".join(words[:cut]), " ".join(words[cut:])
        named |= Q(first_name__iexact=start, last_name__iexact=end) | Q(first_name__iexact=end, last_name__iexact=start)
    first, *rest = term.split(maxsplit=1) or [term]
    if rest:
        beginning |= Q(first_name__iexact=first, last_name__istartswith=rest[0])
        within |= Q(last_name__iexact=first, first_name__istartswith=rest[0])
    rank = Case(
        When(exact, then=Value(EXACT)),
        *([When(named, then=Value(NAMED))] if named else []),
        When(beginning, then=Value(BEGINNING)),
        default=Value(WITHIN),
        output_field=IntegerField(),
    )
    found: QuerySet[Any] = (
        queryset.alias(lower_email=Lower("email")).alias(rank=rank).filter(exact | named | beginning | within)
    )
    return found


def only_exact_match(queryset: QuerySet[Any], term: str) -> Any | None:
    """The one row that `term` names exactly, by its identifiers or else by its whole name; None when there is none or more than one."""
    if not term.strip():
        return None
    best = list(matching(queryset, term).annotate(rank=F("rank")).filter(rank__lte=NAMED).order_by("rank", "pk")[:2])
    if not best or (len(best) > 1 and best[0].rank == best[1].rank):
        return None
    return best[0]


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
    shows_health_data: ClassVar[bool] = False
    """Whether looking at these rows is written down."""

    def lookups_offered(self, request: HttpRequest) -> set[str]:
        return super().lookups_offered(request) | {f"{self.person_path}__id__exact"}

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """A look at one person's rows where the list is filtered by them, else at many people's."""
        refuse_doubtful(request)
        if self.shows_health_data and self.has_view_or_change_permission(request):
            person = _as_uuid(request.GET.get(f"{self.person_path}__id__exact", ""))
            known = person is not None and User.objects.filter(pk=person).exists()
            note_look(request, person if known else None, (str(self.opts.model_name),))
        return super().changelist_view(request, extra_context)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """A look at this row's person."""
        if self.shows_health_data and (row := kwargs.get("obj")) is not None:
            note_look(request, getattr(row, f"{self.person_path}_id"), (str(self.opts.model_name),))
        return super().render_change_form(request, context, *args, **kwargs)

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
