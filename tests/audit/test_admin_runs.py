"""The page of a run as control room: what is legal is offered, does what it said, leaves its trace, and nothing else happens."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.translation import override

from accounts.models import User
from audit.admin.run_deeds import RUN_DEEDS, run_state
from audit.admin.run_page import TABS
from audit.admin.run_words import NEXT, next_steps, refusal_text
from audit.models import MigrationBatch, MigrationEvent, MigrationRun, RunStatus
from audit.runs.refusals import IllegalTransition
from audit.runs.rollback import RollbackFailed
from audit.runs.rollback.scope import Overtaken
from audit.runs.transitions import TRANSITIONS, record
from tests.audit.admin_client import get, page_of, staff
from tests.audit.admin_rows import HOSTILE, finished_run, migrate_people
from tests.database import rows
from tests.factories import NOON, make_run

pytestmark = pytest.mark.django_db

ALL = tuple(
    f"audit.{name}_migrationrun"
    for name in ("view", "start", "pause", "cancel", "retry", "verify", "retune", "rollback")
)
REASON = "parce que c'est l'heure"
MOST_STATEMENTS = 30


@pytest.fixture(autouse=True)
def called(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int | None]]:
    """Calls of workers: none comes in a test, each call is noted."""
    calls: list[tuple[int, int | None]] = []

    def call(run: MigrationRun, *, number: int | None = None) -> None:
        calls.append((run.pk, number))

    for module in ("run_deeds", "run_rollback", "batches"):
        monkeypatch.setattr(f"audit.admin.{module}.call_workers", call)
    return calls


@pytest.fixture
def operator(client: Client) -> Client:
    """Somebody who may do everything to runs."""
    return staff(client, *ALL, "audit.view_migrationbatch", "audit.rollback_person")


def run_in(status: str, **fields: Any) -> MigrationRun:
    """A run in a status, with two batches in the tables and, where something can fail, one that failed."""
    run = make_run(
        status=status,
        verdict="passed" if status.startswith("completed") else "",
        users_planned=30,
        snapshots_planned=30,
        started_at=NOON,
        **fields,
    )
    for number in (1, 2):
        MigrationBatch.objects.create(run=run, number=number, status="committed", users=10, snapshots=10, items=50)
    if status in ("paused", "failed"):
        MigrationBatch.objects.create(
            run=run, number=3, status="exhausted", users=10, snapshots=10, attempt=6, error="deadlock detected"
        )
    return run


def offered(client: Client, run: MigrationRun) -> set[str]:
    """The keys of the buttons on a run's page."""
    answer = client.get(page_of(run))
    assert answer.status_code == 200
    return {button["deed"].key for button in answer.context["buttons"]}


def deed(run: MigrationRun, key: str) -> str:
    return reverse("admin:audit_migrationrun_deed", args=[run.pk, key])


def do(client: Client, run: MigrationRun, key: str, **data: Any) -> Any:
    """Confirms a deed with what its page has seen."""
    return client.post(deed(run, key), {"reason": REASON, "seen": run_state(run), **data})


# --- What is offered -----------------------------------------------------------------------------------------------------


EXPECTED = {
    "pending": {"call", "cancel", "retune"},
    "running": {"call", "pause", "cancel", "retune"},
    "pausing": {"call", "resume", "cancel", "retune"},
    "paused": {"resume", "cancel", "retry", "rollback", "retune"},
    "verifying": {"call"},
    "completed": {"verify", "rollback"},
    "completed_with_quarantine": {"verify", "rollback"},
    "failed": {"retry", "rollback"},
    "cancelling": {"call"},
    "cancelled": {"rollback"},
    "rolling_back": {"call"},
    "rolled_back": set(),
    "rollback_failed": {"rollback"},
}
"""Nobody is at work in these tests: so every run that ought to move can have workers called."""


@pytest.mark.parametrize("status", RunStatus.values)
def test_only_legal_buttons_are_there(operator: Client, status: str) -> None:
    run = run_in(status)
    assert offered(operator, run) == EXPECTED[status]
    legal = {line.action for line in TRANSITIONS if line.source == status}
    names = {"rollback": "roll_back"}
    for key in EXPECTED[status] - {"call", "retune"}:
        assert names.get(key, key) in legal, key
    for one in RUN_DEEDS:
        answer = operator.get(deed(run, one.key))
        assert answer.status_code == (200 if one.key in EXPECTED[status] else 409), one.key


def test_a_failed_run_with_everything_written_is_verified_again(operator: Client) -> None:
    run = run_in("failed")
    MigrationBatch.objects.filter(status="exhausted").delete()
    assert offered(operator, run) == {"verify", "rollback"}


def test_a_button_needs_its_permission(client: Client) -> None:
    run = run_in("running")
    assert offered(staff(client, "audit.view_migrationrun"), run) == set()
    assert client.get(deed(run, "pause")).status_code == 403
    assert client.post(deed(run, "pause"), {"reason": REASON, "seen": "running"}).status_code == 403
    pausing = staff(Client(), "audit.view_migrationrun", "audit.pause_migrationrun")
    assert offered(pausing, run) == {"pause", "call"}
    run.refresh_from_db()
    assert (run.status, MigrationEvent.objects.count()) == ("running", 0)


def test_every_transition_is_told_in_words() -> None:
    assert set(NEXT) == {(line.source, line.action, line.target) for line in TRANSITIONS}
    for status in RunStatus.values:
        assert all(next_steps(MigrationRun(status=status)))


def test_looking_changes_nothing(operator: Client) -> None:
    for status in RunStatus.values:
        run_in(status)
    before = rows("SELECT to_jsonb(r) FROM migration_runs r ORDER BY id") + rows(
        "SELECT to_jsonb(b) FROM migration_batches b ORDER BY id"
    )
    for run in MigrationRun.objects.all():
        for key, _label, _icon in TABS:
            get(operator, f"{page_of(run)}?tab={key}")
        get(operator, reverse("admin:audit_migrationrun_live", args=[run.pk]))
        for one in RUN_DEEDS:
            operator.get(deed(run, one.key))
        operator.get(deed(run, "rollback"))
    after = rows("SELECT to_jsonb(r) FROM migration_runs r ORDER BY id") + rows(
        "SELECT to_jsonb(b) FROM migration_batches b ORDER BY id"
    )
    assert after == before
    assert MigrationEvent.objects.count() == 0


# --- What is done --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "key", "action", "becomes", "calls"),
    [
        ("running", "pause", "pause", "paused", False),
        ("paused", "resume", "resume", "running", True),
        ("pending", "cancel", "cancel", "cancelled", False),
        ("paused", "cancel", "cancel", "cancelled", False),
        ("paused", "retry", "retry", "running", True),
        ("failed", "retry", "retry", "running", True),
        ("completed_with_quarantine", "verify", "verify", "verifying", True),
        ("running", "call", "call", "running", True),
        ("pausing", "call", "call", "paused", False),
        ("completed", "verify", "verify", "verifying", True),
    ],
)
def test_a_deed_moves_the_run_and_says_who_and_why(
    operator: Client, called: list[Any], status: str, key: str, action: str, becomes: str, calls: bool
) -> None:
    run = run_in(status)
    answer = do(operator, run, key)
    assert (answer.status_code, answer["Location"]) == (302, page_of(run))
    run.refresh_from_db()
    assert run.status == becomes
    event = MigrationEvent.objects.get(action=action)
    staff_member = User.objects.get(pk=operator.session["_auth_user_id"])
    assert (event.actor, event.reason) == (staff_member.email, REASON)
    assert bool(called) == calls


def test_retrying_plans_the_failed_batches_again(operator: Client) -> None:
    run = run_in("failed")
    page = get(operator, deed(run, "retry"))
    assert "1\xa0lot" in page or "1 lot" in page
    do(operator, run, "retry")
    assert list(run.batches.order_by("number").values_list("status", "attempt"))[2] == ("planned", 0)


def test_a_reason_is_asked_for(operator: Client) -> None:
    run = run_in("running")
    answer = do(operator, run, "pause", reason="")
    assert answer.status_code == 422
    run.refresh_from_db()
    assert run.status == "running"


def test_a_stale_page_says_what_changed(operator: Client, called: list[Any]) -> None:
    run = run_in("paused")
    seen = run_state(run)
    MigrationRun.objects.filter(pk=run.pk).update(status="running")
    answer = operator.post(deed(run, "cancel"), {"reason": REASON, "seen": seen})
    assert answer.status_code == 409
    page = answer.content.decode()
    assert "en pause" in page
    assert "en cours" in page
    run.refresh_from_db()
    assert (run.status, called) == ("running", [])
    MigrationRun.objects.filter(pk=run.pk).update(status="paused")
    MigrationBatch.objects.filter(run=run, number=2).update(status="exhausted")
    answer = operator.post(deed(run, "retry"), {"reason": REASON, "seen": seen})
    assert (answer.status_code, "lots échoués : 2" in answer.content.decode()) == (409, True)


def test_another_active_run_is_told(operator: Client) -> None:
    make_run(scope="all", status="running")
    run = run_in("failed", scope="all")
    answer = do(operator, run, "retry")
    assert answer.status_code == 409
    assert "Une autre migration est active" in answer.content.decode()
    run.refresh_from_db()
    assert run.status == "failed"


def test_a_cohort_that_is_done_waits_for_the_rest(operator: Client, called: list[Any]) -> None:
    run = run_in("paused", cohort_percent=10.0)
    MigrationBatch.objects.filter(status="exhausted").delete()
    assert offered(operator, run) == {"continue", "cancel", "rollback", "retune"}
    assert "à vous de décider" in get(operator, page_of(run))
    assert do(operator, run, "continue", percent="5").status_code == 409
    assert do(operator, run, "continue", percent="100").status_code == 302
    run.refresh_from_db()
    assert (run.status, run.cohort_percent, called) == ("running", 100.0, [(run.pk, None)])


def test_only_what_was_changed_is_retuned(operator: Client) -> None:
    run = run_in("paused")
    page = operator.get(deed(run, "retune"))
    form = page.context["form"]
    fields = {name: form[name].value() for name in form.fields if name != "reason"}
    data = {name: str(value) for name, value in fields.items() if value is not False}
    hidden = {f"initial-{name}": str(value) for name, value in fields.items()}
    MigrationRun.objects.filter(pk=run.pk).update(batch_size=77)  # the engine adapts it meanwhile
    answer = do(operator, run, "retune", **{**data, **hidden, "workers": "4"})
    assert answer.status_code == 302
    run.refresh_from_db()
    assert (run.workers, run.batch_size) == (4, 77)
    assert MigrationEvent.objects.get(action="retune").data == {"workers": [1, 4]}
    again = {**data, **hidden}
    assert do(operator, run, "retune", **again).status_code == 422
    assert do(operator, run, "retune", **{**again, "workers": "65"}).status_code == 422


# --- What is shown -------------------------------------------------------------------------------------------------------


def test_the_state_its_reason_and_what_comes_next(operator: Client) -> None:
    run = run_in("paused")
    record(run=run, action="pause", actor="engine", reason=f"The error budget is used up {HOSTILE}")
    page = get(operator, page_of(run))
    assert "The error budget is used up" in page
    assert HOSTILE not in page
    assert "Rien ne bouge tant que personne ne la reprend." in page


def test_a_stalled_run_says_so(operator: Client) -> None:
    run = run_in("running")
    assert "Personne n'y travaille" in operator.get(page_of(run)).context["head"].stalled
    assert operator.get(page_of(run_in("paused"))).context["head"].stalled == ""


def test_who_was_called_just_now_gets_the_time_to_come(operator: Client) -> None:
    run = run_in("running")
    assert "call" in offered(operator, run)
    record(run=run, action="resume", actor="anne")
    assert "call" not in offered(operator, run)
    assert operator.get(page_of(run)).context["head"].stalled == ""


def test_the_governor_gives_its_reason(operator: Client) -> None:
    flow = {"concurrency": 2, "pause": 0.5, "reason": "2 of 4 workers: listing a person's meals takes 90 ms."}
    run = run_in("running", workers=4, flow=flow, options={"governor": True})
    page = get(operator, page_of(run))
    assert "Ralentie" in page
    assert "takes 90 ms" in page
    assert "Sans régulateur" in get(operator, page_of(run_in("running")))


@pytest.mark.parametrize("tab", [key for key, _label, _icon in TABS])
def test_every_tab_takes_few_statements(operator: Client, tab: str) -> None:
    run, _people = migrate_people(2)
    path = f"{page_of(run)}?tab={tab}"
    get(operator, path)
    counts = []
    for more in (0, 20):
        migrate_people(more, run, first=100)
        with CaptureQueriesContext(connection) as queries:
            get(operator, path)
        counts.append(len(queries))
    assert counts[0] == counts[1]
    assert counts[0] <= MOST_STATEMENTS


def test_batches_are_filtered(operator: Client) -> None:
    run = run_in("failed")

    def found(query: str) -> int:
        answer = operator.get(f"{page_of(run)}?tab=batches&{query}")
        assert answer.status_code == 200
        return len(answer.context["batches"].rows)

    assert found("") == 3
    assert found("status=exhausted") == 1
    assert found("attempts=2") == 1
    assert found("error=DEADLOCK") == 1
    assert found("error=timeout") == 0
    assert found("seconds=1") == 0
    assert found("status=nonsense") == 3
    assert found("page=99") == 3
    assert "deadlock detected" in get(operator, f"{page_of(run)}?tab=batches")


def test_the_quarantine_leads_to_where_it_is_worked_on(operator: Client) -> None:
    run, _people = migrate_people(2)
    page = get(operator, f"{page_of(run)}?tab=quarantine")
    assert "reason=unreadable_timestamp" in page
    assert f"run={run.pk}" in page or f"run__id__exact={run.pk}" in page


# --- Live ----------------------------------------------------------------------------------------------------------------


def live(client: Client, run: MigrationRun) -> dict[str, Any]:
    answer = client.get(reverse("admin:audit_migrationrun_live", args=[run.pk]))
    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]
    found: dict[str, Any] = answer.json()
    return found


def test_the_live_json_tells_what_the_page_shows(operator: Client) -> None:
    run = run_in("running")
    answer = operator.get(page_of(run))
    told = live(operator, run)
    assert (told["status"], told["watched"], told["percent"]) == ("running", True, 66.67)
    assert told["signature"] == answer.context["signature"]
    assert told["texts"]["progress"] in answer.content.decode()
    MigrationBatch.objects.create(run=run, number=3, status="leased", users=5, lease_expires_at=NOON, lease_owner="a/1")
    again = live(operator, run)
    assert again["signature"] == told["signature"]
    MigrationRun.objects.filter(pk=run.pk).update(status="pausing")
    assert live(operator, run)["signature"] != told["signature"]


def test_live_numbers_of_the_equation_are_those_of_the_table(operator: Client) -> None:
    run, _people = migrate_people(3)
    told = live(operator, run)
    table = operator.get(page_of(run)).context["equation"].table
    assert told["equation"]["rows"] == [[str(cell) for cell in row[:-1]] for row in [*table.rows, table.footer]]
    assert told["equation"]["slices"]["created"] == 60.0
    assert told["watched"] is False


def test_live_takes_few_statements_and_its_permission(operator: Client) -> None:
    run = run_in("running")
    live(operator, run)
    with CaptureQueriesContext(connection) as queries:
        live(operator, run)
    assert len(queries) <= 14
    path = reverse("admin:audit_migrationrun_live", args=[run.pk])
    assert staff(Client()).get(path).status_code == 403
    assert operator.get(reverse("admin:audit_migrationrun_live", args=[10**9])).status_code == 404


# --- The list and its actions --------------------------------------------------------------------------------------------


@pytest.fixture
def runs() -> list[MigrationRun]:
    """One that failed, one that is complete, one that is cancelled."""
    return [run_in("failed"), run_in("completed"), run_in("cancelled")]


def act(client: Client, action: str, chosen: list[MigrationRun], **data: Any) -> Any:
    path = reverse("admin:audit_migrationrun_changelist")
    return client.post(path, {"action": action, "index": 0, "_selected_action": [run.pk for run in chosen], **data})


def test_the_list_shows_progress_and_its_actions(operator: Client, runs: list[MigrationRun]) -> None:
    page = get(operator, reverse("admin:audit_migrationrun_changelist"))
    assert "66\xa0%" in page
    assert "100\xa0%" in page
    assert 'value="retry_failed"' in page
    assert 'value="roll_back"' in page
    assert "delete_selected" not in page
    looking = get(staff(Client(), "audit.view_migrationrun"), reverse("admin:audit_migrationrun_changelist"))
    assert "retry_failed" not in looking


def test_retry_from_the_list(operator: Client, runs: list[MigrationRun], called: list[Any]) -> None:
    asked = act(operator, "retry_failed", runs)
    page = asked.content.decode()
    assert asked.status_code == 200
    assert "Impossible dans cet état : terminée." in page
    assert "échoués ou abandonnés sont prévus de nouveau" in page
    assert MigrationEvent.objects.count() == 0
    seen = asked.context["seen"]
    assert act(operator, "retry_failed", runs, seen=seen).status_code == 422
    done = act(operator, "retry_failed", runs, seen=seen, reason=REASON)
    assert done.status_code == 302
    assert [run.status for run in MigrationRun.objects.order_by("pk")] == ["running", "completed", "cancelled"]
    assert called == [(runs[0].pk, None)]
    assert MigrationEvent.objects.get().reason == REASON


def test_a_stale_list_does_nothing(operator: Client, runs: list[MigrationRun], called: list[Any]) -> None:
    seen = act(operator, "retry_failed", runs).context["seen"]
    MigrationRun.objects.filter(pk=runs[0].pk).update(status="cancelled")
    answer = act(operator, "retry_failed", runs, seen=seen, reason=REASON)
    assert answer.status_code == 409
    assert "échouée" in answer.content.decode()
    assert (MigrationEvent.objects.count(), called) == (0, [])


def test_roll_back_from_the_list_takes_the_newest_first(
    operator: Client, runs: list[MigrationRun], called: list[Any]
) -> None:
    asked = act(operator, "roll_back", runs)
    page = asked.content.decode()
    assert f"c&#x27;est la migration {runs[2].pk}" in page
    done = act(operator, "roll_back", runs, seen=asked.context["seen"], reason=REASON)
    assert done.status_code == 302
    assert [run.status for run in MigrationRun.objects.order_by("pk")] == ["failed", "completed", "rolling_back"]
    assert called == [(runs[2].pk, 1)]


def test_actions_of_the_list_need_their_permission(client: Client, runs: list[MigrationRun]) -> None:
    retrying = staff(client, "audit.view_migrationrun", "audit.retry_migrationrun")
    act(retrying, "roll_back", runs, seen="{}", reason=REASON)
    assert MigrationEvent.objects.count() == 0
    assert act(retrying, "retry_failed", runs).status_code == 200


def test_refusals_are_told_in_the_readers_language() -> None:
    refused = IllegalTransition("run {run} is {status}: it cannot be resumed", run=3, status="cancelled")
    assert str(refused) == "run 3 is cancelled: it cannot be resumed"
    assert refusal_text(refused) == "La migration 3 est « annulée » : elle ne peut pas reprendre."
    with override("en"):
        assert refusal_text(refused) == "Run 3 is cancelled: it cannot be resumed."
    told = refusal_text(
        Overtaken(
            "later runs have moved people of run {run} again: {later}; roll these back first, the latest before the others (for one person: that person in them)",
            run=3,
            later="run 7 (2 people, active)",
        )
    )
    assert "run 7 (2 people, active)" in told
    assert "something new" in refusal_text(RollbackFailed("something new"))


def test_the_report_of_a_finished_run_is_still_there(operator: Client) -> None:
    run = finished_run()
    assert reverse("admin:audit_migrationrun_report", args=[run.pk]) in get(operator, page_of(run))
