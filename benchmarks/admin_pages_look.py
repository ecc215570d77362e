"""The child process of `benchmarks.admin_pages`: makes the world, opens every page as somebody with all rights, tells what each asked of the database.

Pages come from the admin's own addresses, so that none is forgotten: each with a usual and with a big row, each list with every value of every
filter, with searches, its second and its last page; and the links from a page to itself (tabs, parts of a list). What it found out goes to
standard output as JSON.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

import msgspec
from django.conf import settings
from django.contrib import admin
from django.db import connection
from django.db.models import BooleanField, Field, Model
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from accounts.admin.person_search import SearchByPerson
from accounts.models import User
from audit.admin.workbench_words import DATE_EXAMPLES
from audit.models import MigrationBatch, MigrationOutcome, MigrationPreview, MigrationRun, StorageSnapshot
from benchmarks.admin_pages_results import MOST_MS, MOST_QUERIES, Looked, Looks
from benchmarks.admin_pages_world import NEWEST, OPERATOR, Size, as_if_running, build

if TYPE_CHECKING:
    from django.http import HttpResponse

ROUNDS: Final = 3
PAGE_TIMEOUT: Final = "60s"
ELSEWHERE: Final = {"login", "logout", "jsi18n", "view_on_site", "autocomplete", "app_list"}
POSTED: Final = ("_process_import",)
SEARCHES: Final = ("personne77@exemple.fr", "Martin", "Camille Martin", "zzz")
"""One person, many people, a whole name, nobody."""


class Watch:
    """Counts and times what goes to the database (`connection.execute_wrapper`)."""

    def __init__(self) -> None:
        self.queries = 0
        self.ms = 0.0
        self.slowest = (0.0, "")

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:  # noqa: FBT001 - Django's
        begin = time.perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            ms = (time.perf_counter() - begin) * 1000
            self.queries += 1
            self.ms += ms
            self.slowest = max(self.slowest, (ms, " ".join(str(sql).split())))


class Page(msgspec.Struct, frozen=True):
    """An address; `data` for those that are asked for with POST."""

    name: str
    address: str
    data: dict[str, str] | None = None
    apart: bool = False
    """Whether it works for a bounded time on purpose."""


def look(client: Client, page: Page) -> Looked:
    """The best of up to three visits; what is far below the limits at once is not asked again."""
    best: Looked | None = None
    for _round in range(1 if page.apart else ROUNDS):
        seen = _visit(client, page)
        best = seen if best is None or seen.ms < best.ms else best
        if best.ms < MOST_MS / 10 and best.queries <= MOST_QUERIES:
            break
    assert best is not None
    return best


def _visit(client: Client, page: Page) -> Looked:
    watch = Watch()
    begin, cpu = time.perf_counter(), _server_cpu()
    with connection.execute_wrapper(watch):
        answer: HttpResponse = (
            client.get(page.address) if page.data is None else client.post(page.address, page.data)  # type: ignore[assignment]
        )
        size = len(b"".join(answer)) if answer.streaming else len(answer.content)
    return Looked(
        name=page.name,
        address=page.address,
        status=answer.status_code,
        queries=watch.queries,
        ms=watch.ms,
        cpu_ms=_server_cpu() - cpu,
        whole_ms=(time.perf_counter() - begin) * 1000,
        bytes=size,
        slowest_ms=watch.slowest[0],
        slowest=watch.slowest[1][:4000],
        apart=page.apart,
    )


def _server_cpu() -> float:
    """Milliseconds that our server process has been on a processor: what other work on the machine cannot stretch. 0.0 where it is out of sight."""
    assert connection.connection is not None
    told = Path(f"/proc/{connection.connection.info.backend_pid}/schedstat")
    try:
        return int(told.read_text().split()[0]) / 1e6
    except (OSError, ValueError):
        return 0.0


# --- Which pages ----------------------------------------------------------------------------------------------------------


class Rows:
    """A usual row and a big one of each model."""

    def __init__(self) -> None:
        people = User.objects.filter(legacy_id__isnull=False).order_by("pk")
        self.heavy = people[0]
        self.usual = people[people.count() // 2]
        self.run = MigrationRun.objects.get(pk=NEWEST)

    def of(self, model: type[Model]) -> dict[str, Any]:
        """By the word that stands for it in the name of a page."""
        if model is User:
            return {"usual": self.usual, "heavy": self.heavy}
        if model is MigrationRun:
            return {"newest": self.run, "undone": MigrationRun.objects.get(pk=1)}
        rows = model._default_manager.order_by()
        if model is MigrationBatch:
            return {"usual": rows.filter(run=self.run).order_by("number")[0]}
        if model is MigrationOutcome:
            return {
                word: rows.filter(run=self.run, outcome="quarantined", user=person).first()
                for word, person in (("usual", self.usual), ("heavy", self.heavy))
            }
        if model is MigrationPreview:
            return {"usual": rows.order_by("-pk").first(), "launched": rows.filter(run__isnull=False).first()}
        owned = {field.name for field in model._meta.fields}
        if "user" in owned:
            chosen = {word: rows.filter(user=person) for word, person in (("usual", self.usual), ("heavy", self.heavy))}
            if model is StorageSnapshot:
                chosen = {word: found.filter(last_run=self.run) for word, found in chosen.items()}
            return {word: row for word, found in chosen.items() if (row := found.first()) is not None}
        return {"usual": row} if (row := rows.first()) is not None else {}


def pages(rows: Rows) -> Iterator[Page]:
    """Every address of the admin, with its variants."""
    for pattern in _patterns(get_resolver("dynprot.urls").url_patterns):
        name = pattern.name or ""
        if not name or name in ELSEWHERE or name.endswith(POSTED):
            continue
        parts = tuple(pattern.pattern.regex.groupindex)
        yield from _of_address(rows, name, parts)
    for model, model_admin in admin.site._registry.items():
        yield from _lists(rows, model, model_admin)
        yield from _autocompletes(model, model_admin)
    yield from _of_runs(rows)


def _patterns(patterns: Sequence[Any], *, within: bool = False) -> Iterator[URLPattern]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from _patterns(pattern.url_patterns, within=within or pattern.app_name == "admin")
        elif within:
            yield pattern


def _model_of(name: str) -> type[Model] | None:
    models = {f"{model._meta.app_label}_{model._meta.model_name}": model for model in admin.site._registry}
    models["auth_user"] = User  # Django's name of the page for passwords
    owners = [own for own in models if name.startswith(f"{own}_")]
    return models[max(owners, key=len)] if owners else None


def _of_address(rows: Rows, name: str, parts: tuple[str, ...]) -> Iterator[Page]:
    own: dict[str, Any] = {"run_id": NEWEST, "app_label": "audit"}
    model = _model_of(name)
    if not {"object_id", "id", "snapshot_id", "preview_id", "key"} & set(parts):
        yield Page(name, reverse(f"admin:{name}", kwargs={part: own[part] for part in parts}))
        return
    assert model is not None, name
    if name.endswith("_quarantine_do"):
        yield from _of_groups(name)
        return
    keys = [deed.key for deed in admin.site._registry[model].deeds()] if "key" in parts else [""]  # type: ignore[attr-defined]
    for word, row in rows.of(model).items():
        own |= dict.fromkeys(("object_id", "id", "snapshot_id", "preview_id"), row.pk)
        for key in keys:
            values = {**own, "key": key}
            label = " ".join(filter(None, (name, key, word)))
            address = reverse(f"admin:{name}", kwargs={part: values[part] for part in parts})
            yield Page(label, address, apart=model is User and key == "roll-back")


def _of_groups(name: str) -> Iterator[Page]:
    from audit.admin.workbench_group import GROUP_DEEDS

    for key in (*GROUP_DEEDS, "repair"):
        address = reverse(f"admin:{name}", args=[NEWEST, key])
        for query in ("reason=unreadable_timestamp&kind=meal", "reason=unreadable_timestamp", ""):
            if key != "repair" or "kind" in query:
                yield Page(f"{name} {key} {query}", f"{address}?{query}")


def _lists(rows: Rows, model: type[Model], model_admin: Any) -> Iterator[Page]:
    opts = model._meta
    name = f"{opts.app_label}_{opts.model_name} list"
    address = reverse(f"admin:{opts.app_label}_{opts.model_name}_changelist")
    queries: list[dict[str, Any]] = [{"p": 2}, {"p": 200}]
    if model_admin.search_fields:
        queries += [{"q": term} for term in SEARCHES]
        queries += [{"q": SEARCHES[0], "all": ""}] if model is User else []
    filters = [list(_values(rows, model, one)) for one in model_admin.list_filter]
    within = getattr(model_admin, "filters_within_person", ())
    alone = [one for one in model_admin.list_filter if not isinstance(one, tuple) or one[0] not in within]
    queries += [query for one in alone for query in _values(rows, model, one)]
    # Two filters together: the first value of one (a run, a person) with each of another.
    queries += [{**values[0], **other} for values in filters[:1] for more in filters[1:] for other in more]
    if model_admin.date_hierarchy:
        queries += [{f"{model_admin.date_hierarchy}__year": 2026}, {f"{model_admin.date_hierarchy}__year": 1999}]
    if model_admin.sortable_by is None:
        queries += [
            {"o": sign + str(column)} for column in range(1, len(model_admin.list_display) + 1) for sign in ("", "-")
        ]
    if isinstance(model_admin, SearchByPerson) and model_admin.text_field:
        queries.append({"user__id__exact": rows.heavy.pk, "q": "curry"})
    for query in queries:
        text = urlencode(query)
        shown = text.replace(str(rows.heavy.pk), "heavy").replace(str(rows.usual.pk), "usual")
        yield Page(f"{name} {shown}", f"{address}?{text}")


def _values(rows: Rows, model: type[Model], one: Any) -> Iterator[dict[str, Any]]:
    """Queries for each value of a filter; of people and runs a big one and a usual one."""
    if not isinstance(one, (tuple, list)):
        yield from ({one.parameter_name: value} for value in ("unreadable_timestamp", "rounded", "poison_snapshot"))
        return
    field: Field[Any, Any] = model._meta.get_field(one[0])  # type: ignore[assignment]
    if field.is_relation:
        people = field.related_model is User
        yield from (
            {f"{one[0]}__id__exact": value} for value in ((rows.heavy.pk, rows.usual.pk) if people else (NEWEST, 1))
        )
    elif isinstance(field, BooleanField):
        yield from ({f"{one[0]}__exact": value} for value in (0, 1))
    else:
        yield from ({f"{one[0]}__exact": value} for value, _label in field.choices or ())


def _autocompletes(model: type[Model], model_admin: Any) -> Iterator[Page]:
    opts = model._meta
    fields = {one[0] for one in model_admin.list_filter if isinstance(one, tuple)} | set(
        model_admin.autocomplete_fields
    )
    for name in sorted(fields):
        field = opts.get_field(name)
        if field.is_relation and field.related_model is not None:
            for term in ("", "mar", "personne77@exemple.fr"):
                query = {"app_label": opts.app_label, "model_name": opts.model_name, "field_name": name, "term": term}
                yield Page(
                    f"autocomplete {opts.model_name}.{name} {term}",
                    f"{reverse('admin:autocomplete')}?{urlencode(query)}",
                )


def _of_runs(rows: Rows) -> Iterator[Page]:
    """Questions that are asked with POST, and change nothing: what a rollback would do, what a rule would mend."""
    run = reverse("admin:audit_migrationrun_deed", args=[NEWEST, "rollback"])
    yield Page("rollback of the run, tried", run, {"scope": "whole"}, apart=True)
    yield Page("rollback of a batch, tried", run, {"scope": "batch", "batch": "2"}, apart=True)
    yield Page("rollback of a person, tried", run, {"scope": "person", "email": rows.usual.email}, apart=True)
    yield Page("rollback of the heavy person, tried", run, {"scope": "person", "email": rows.heavy.email}, apart=True)
    runs = reverse("admin:audit_migrationrun_changelist")
    for action in admin.site._registry[MigrationRun].actions or ():
        key = action if isinstance(action, str) else action.__name__
        data = {"action": key, "_selected_action": str(NEWEST)}
        yield Page(f"action {key} on the run", runs, data, apart=key == "roll_back")
    group = reverse("admin:audit_migrationoutcome_quarantine_do", args=[NEWEST, "repair"])
    rule = {"step": "preview", "first": next(iter(DATE_EXAMPLES))}
    yield Page("repair of a group, previewed", f"{group}?reason=unreadable_timestamp&kind=meal&rule=date", rule)


# --- All of them ----------------------------------------------------------------------------------------------------------


class Tour:
    """Visits pages, each address once in each state of the world."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.looks: list[Looked] = []
        self.seen: set[str] = set()

    def go(self, these: Sequence[Page], *, state: str = "") -> None:
        """One after the other."""
        for page in these:
            key = f"{state}{page.address}{page.data or ''}"
            if key not in self.seen:
                self.seen.add(key)
                seen = look(self.client, page)
                self.looks.append(msgspec.structs.replace(seen, name=f"{state}{page.name}"))
                print(f"{seen.ms:8.1f} ms {seen.queries:4} {seen.status} {page.name}", file=sys.stderr, flush=True)


def tabs(rows: Rows) -> list[Page]:
    """Pages that have parts of their own: the run's tabs, the parts of the person's page, the workbench."""
    run = reverse("admin:audit_migrationrun_change", args=[NEWEST])
    tab_queries = (
        *(f"tab={tab}" for tab in ("overview", "batches", "quarantine", "verification", "rollback", "events", "settings")),
        "tab=batches&page=2", "tab=batches&status=failed", "tab=batches&error=deadlock", "tab=batches&attempts=2", "tab=batches&seconds=5",
        "tab=rollback&scope=person&email=personne77@exemple.fr",
    )  # fmt: skip
    found = [Page(f"run newest {query}", f"{run}?{query}") for query in tab_queries]
    person_queries = (
        "items=quarantined", "items=quarantined&items_page=20", "items=duplicate", f"items_run={NEWEST - 1}", "meals_page=20", "meals_q=curry", "meals_q=nothing",
    )  # fmt: skip
    for word, person in (("usual", rows.usual), ("heavy", rows.heavy)):
        address = reverse("admin:accounts_user_change", args=[person.pk])
        found += [Page(f"person {word} {query}", f"{address}?{query}") for query in person_queries]
    workbench = reverse("admin:audit_migrationoutcome_quarantine")
    queries = (
        "standing=waived", "kind=meal", "kind=profile", f"user={rows.heavy.email}", f"user={rows.usual.email}", "run=2", "run=2&standing=waived",
    )  # fmt: skip
    return [*found, *(Page(f"workbench {query}", f"{workbench}?{query}") for query in queries)]


def live(rows: Rows) -> list[Page]:
    """What is looked at while a run goes on."""
    wanted = ("index", "audit_dashboard_live", "audit_migrationrun_change newest", "audit_migrationrun_live")
    found = [
        page
        for page in pages(rows)
        if page.name in wanted or page.name.startswith(("audit_migrationrun_deed", "audit_migrationpreview_add"))
    ]
    others = [page for page in pages(rows) if page.name.startswith("accounts_user_change ")]
    return [*found, *others, *(page for page in tabs(rows) if page.name.startswith(("run ", "workbench ")))]


def look_at_all(people: int, meals: int, only: str) -> Looks:
    """Makes the world and looks at every page that has `only` in its name. Django is set up already."""
    settings.DEBUG = False  # the debug cursor keeps every statement
    logging.getLogger("django.request").setLevel(logging.CRITICAL)
    begin = time.perf_counter()
    if not MigrationRun.objects.exists():
        build(Size(people, meals, min(10_000, people * meals)))
    built = time.perf_counter() - begin
    print(f"the world was made in {built:.0f} s", file=sys.stderr, flush=True)
    operator = User.objects.filter(email=OPERATOR).first() or User.objects.create_superuser(OPERATOR, None)
    client = Client(SERVER_NAME="localhost", raise_request_exception=False)
    client.force_login(operator)
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = %s", [PAGE_TIMEOUT])
    rows = Rows()
    tour = Tour(client)
    client.get(reverse("admin:index"))
    tour.go([page for page in (*pages(rows), *tabs(rows)) if only in page.name])
    with as_if_running():
        tour.go([page for page in live(rows) if only in page.name], state="while it runs: ")
    return Looks(built, tour.looks)
