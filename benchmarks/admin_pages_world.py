"""The world that `benchmarks.admin_pages` looks at: people, meals and three migrations with all that they leave, made by set-based SQL.

Nothing here is random: the same options make the same rows. Everybody has the same number of meals, but for the first person (`Heavy.`), who
has `heavy`; most kinds of values are common, and some are rare on purpose: a filter by a rare value is where a list would read a whole table.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from django.db import connection, transaction

PEOPLE_IN_A_BATCH: Final = 100
OPERATOR: Final = "operatrice@exemple.fr"
RUNS: Final = 3
NEWEST: Final = RUNS


class Size(NamedTuple):
    """How big."""

    people: int
    meals: int
    """Of each person."""
    heavy: int
    """Of the first person."""

    @property
    def of_people(self) -> float:
        """Against ten thousand people."""
        return self.people / 10_000


# People's ids as `uuid7` makes them: time first, one person a minute. Rows begin like their person's id, as those of `RowIds` do.
_FUNCTIONS = """
CREATE FUNCTION pg_temp.person_id(number int) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT (substr(moment, 1, 8) || '-' || substr(moment, 9, 4) || '-7' || substr(hash, 1, 3) || '-a' || substr(hash, 4, 3) || '-' || substr(hash, 7, 12))::uuid
    FROM (SELECT lpad(to_hex(1700000000000 + number * 60000::bigint), 12, '0') AS moment, md5('person' || number) AS hash) AS parts
$$;
CREATE FUNCTION pg_temp.row_id(person uuid, kind text, number int) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT (substr(person::text, 1, 14) || '8' || substr(person::text, 16, 4) || 'a' || substr(md5(person::text || kind || number), 18))::uuid
$$;
"""

_PEOPLE = """
CREATE TEMPORARY TABLE people ON COMMIT DROP AS
SELECT number, pg_temp.person_id(number) AS id,
       CASE WHEN number = 1 THEN %(heavy)s ELSE %(meals)s END AS meals
FROM generate_series(1, %(people)s) AS number;
ANALYZE people;

INSERT INTO users (id, email, username, password_hash, first_name, last_name, email_verified, is_active, is_staff, created_at, legacy_id,
                   last_login_at)
SELECT id, 'personne' || number || '@exemple.fr', 'personne' || number, '!',
       (ARRAY['Camille', 'Louise', 'Hugo', 'Inès', 'Jules', 'Manon', 'Adam', 'Zoé'])[1 + number %% 8],
       (ARRAY['Martin', 'Bernard', 'Dubois', 'Thomas', 'Petit', 'Robert', 'Moreau'])[1 + number %% 7] || CASE WHEN number %% 3 = 0 THEN '-' || number ELSE '' END,
       number %% 10 > 0, number %% 200 > 0, number %% 2000 = 3, now() - number * interval '1 hour', 'clx' || lpad(number::text, 22, '0'),
       CASE WHEN number %% 3 > 0 THEN now() - number * interval '7 minutes' END
FROM people;

INSERT INTO user_profiles (id, user_id, weight_kg, height_cm, age, gender, daily_protein_goal, daily_calorie_goal, activity_level, fitness_goal,
                           share_data, timezone, import_run_id, imported_at)
SELECT pg_temp.row_id(id, 'profile', 0), id, 50 + number %% 50, 150 + number %% 50, 18 + number %% 60,
       (ARRAY['male', 'female', 'other', NULL])[1 + number %% 4], 90 + number %% 80, 1800 + number %% 900,
       (ARRAY['sedentary', 'light', 'moderate', 'very_active'])[1 + number %% 4], (ARRAY['lose_weight', 'maintain', 'gain_muscle'])[1 + number %% 3],
       number %% 50 = 0, (ARRAY['Europe/Paris', 'America/Montreal', 'Indian/Reunion'])[1 + number %% 3], %(newest)s, now()
FROM people;

INSERT INTO goal_history (id, user_id, effective_from, daily_protein_goal, daily_calorie_goal, source, import_run_id)
SELECT pg_temp.row_id(id, 'goals', step), id, current_date - 400 + step * 100, 90 + number %% 80 + step, 1800 + number %% 900,
       CASE WHEN step = 3 THEN 'server' ELSE 'import' END, CASE WHEN step < 3 THEN %(newest)s END
FROM people, generate_series(0, 3) AS step;

INSERT INTO password_reset_tokens (id, user_id, token_id, hashed_token, expires_at)
SELECT pg_temp.row_id(id, 'token', 0), id, md5(number::text), md5('hash' || number), now() - number * interval '1 minute' FROM people WHERE number %% 5 = 0;

INSERT INTO data_exports (id, user_id, export_format, date_range_start, date_range_end, export_status, total_records, file_size_bytes, created_at)
SELECT pg_temp.row_id(id, 'export', step), id, (ARRAY['csv', 'pdf', 'json'])[1 + step], current_date - 60, current_date - 30,
       CASE WHEN number %% 500 = 0 THEN 'failed' ELSE 'completed' END, 100, 12345, now() - number * interval '1 minute'
FROM people, generate_series(0, 2) AS step;
"""

# Three meals a day, back from yesterday. A third is the server's own, the others came with the second and the third run.
_MEALS = """
INSERT INTO meal_entries (id, user_id, description, meal_timestamp, local_date, protein_grams, calories, carbs_grams, fat_grams, fiber_grams,
                          source_type, ai_estimated, tags, meal_type, meal_time_category, legacy_id, import_run_id, import_snapshot_id,
                          imported_at, created_at, updated_at)
SELECT pg_temp.row_id(id, 'meal', meal), id,
       (ARRAY['Poulet rôti, riz complet et brocolis vapeur', 'Yaourt grec aux noix', 'Omelette de trois œufs', 'Lentilles corail au curry'])[1 + meal %% 4],
       current_date - (1 + meal / 3) + interval '7 hours' + (meal %% 3) * interval '6 hours', current_date - (1 + meal / 3),
       10 + meal %% 40, 200 + meal %% 600, 20 + meal %% 60, 5 + meal %% 30, meal %% 12,
       CASE WHEN meal %% 100 = 7 THEN 'ai_scan' WHEN meal %% 3 = 0 THEN 'favorite' WHEN number %% 5000 = 2 AND meal = 3 THEN 'voice' ELSE 'manual' END,
       number %% 1000 = 5 AND meal %% 50 = 7, CASE WHEN meal %% 10 = 0 THEN ARRAY['sport'] ELSE ARRAY[]::text[] END,
       (ARRAY['breakfast', 'lunch', 'dinner'])[1 + meal %% 3], (ARRAY['morning', 'afternoon', 'evening'])[1 + meal %% 3],
       CASE WHEN meal %% 3 > 0 THEN 'meal-' || meal END, CASE WHEN meal %% 3 > 0 THEN 1 + meal %% 3 END, NULL,
       CASE WHEN meal %% 3 > 0 THEN now() END, now(), now()
FROM people, generate_series(0, people.meals - 1) AS meal
"""

_ROWS_OF_PEOPLE = """
INSERT INTO favorite_meals (id, user_id, name, description, protein_grams, calories, use_count, last_used_at, import_run_id)
SELECT pg_temp.row_id(id, 'favorite', step), id, 'Favori ' || step, 'Skyr, flocons et fruits rouges', 20, 300, step, now() - step * interval '1 day', %(newest)s
FROM people, generate_series(1, 10) AS step;

INSERT INTO deleted_entries (row_id, user_id, kind, deleted_at)
SELECT pg_temp.row_id(id, 'deleted', step), id, CASE WHEN step = 1 THEN 'favorite' ELSE 'meal' END, now() - step * interval '1 day'
FROM people, generate_series(1, 5) AS step;

INSERT INTO meal_analyses (id, user_id, meal_entry_id, input_text, input_type, confidence_score, confidence_level, created_at)
SELECT pg_temp.row_id(id, 'analysis', step), id, CASE WHEN step < meals THEN pg_temp.row_id(id, 'meal', step) END, 'deux œufs et du pain',
       (ARRAY['voice', 'text', 'image'])[1 + step %% 3], 0.8, (ARRAY['high', 'medium'])[1 + step %% 2], now() - step * interval '1 hour'
FROM people, generate_series(0, 2) AS step;

INSERT INTO activity_logs (user_id, action_type, table_name, record_id, new_values, user_agent, created_at, id)
SELECT id, (ARRAY['sign_in', 'staff_look', 'meal_created', 'profile_updated'])[1 + step %% 4], 'users', id, '{"parts": ["meals"]}',
       'Mozilla/5.0 (Windows NT 10.0) Firefox/140.0', now() - step * interval '1 hour' - number * interval '1 second', pg_temp.row_id(id, 'log', step)
FROM people, generate_series(1, CASE WHEN number = 1 THEN 2000 ELSE 20 END) AS step;
"""

# A snapshot of each person for each run; a few more wait, with and without an account.
_MIGRATIONS = """
INSERT INTO migration_runs (id, status, scope, batch_size, options, workers, users_planned, snapshots_planned, created_at, started_at, finished_at,
                            digest_before, digest_after, verdict, report, rollback, flow, plan_digest)
SELECT run, CASE WHEN run = 1 THEN 'rolled_back' ELSE 'completed_with_quarantine' END, 'all', 100, '{"governor": true}', 2, %(people)s, %(people)s,
       now() - (4 - run) * interval '1 day', now() - (4 - run) * interval '1 day', now() - (4 - run) * interval '1 day' + interval '95 seconds',
       repeat('a', 64), repeat('b', 64), 'passed', %(report)s::jsonb, CASE WHEN run = 1 THEN %(receipt)s::jsonb ELSE '{}' END,
       '{"concurrency": 2, "reason": "", "probe_ms": 7.5, "baseline": {"probe_ms": 6.9}, "at": "2026-11-01T10:00:00+00:00"}', repeat('c', 64)
FROM generate_series(1, %(newest)s) AS run;
SELECT setval(pg_get_serial_sequence('migration_runs', 'id'), %(newest)s);

INSERT INTO migration_batches (run_id, number, status, users, snapshots, items, quarantined, days, attempt, started_at, finished_at, error)
SELECT run, number, CASE WHEN run = 1 THEN 'reverted' ELSE 'committed' END,
       LEAST(%(in_a_batch)s, %(people)s - (number - 1) * %(in_a_batch)s), LEAST(%(in_a_batch)s, %(people)s - (number - 1) * %(in_a_batch)s), 13000, 1000, 10000,
       1 + (number %% 20) / 19, now() - (4 - run) * interval '1 day' + number * interval '0.8 s', now() - (4 - run) * interval '1 day' + number * interval '0.9 s',
       CASE WHEN number %% 20 = 19 THEN 'deadlock detected' ELSE '' END
FROM generate_series(1, %(newest)s) AS run, generate_series(1, (%(people)s + %(in_a_batch)s - 1) / %(in_a_batch)s) AS number
ORDER BY 1, 2;
-- One batch that was split, with its two parts.
INSERT INTO migration_batches (run_id, number, status, users, snapshots, attempt, error)
SELECT run, 1000001, 'split', 0, 0, 2, 'poison' FROM generate_series(1, %(newest)s) AS run;
INSERT INTO migration_batches (run_id, number, status, users, snapshots, attempt, parent_id, started_at, finished_at)
SELECT run_id, 1000001 + part, 'committed', 0, 0, 1, id, now(), now() FROM migration_batches, generate_series(1, 2) AS part WHERE number = 1000001;

INSERT INTO storage_snapshots (sha256, payload, size_bytes, user_id, status, claimed_email, claimed_legacy_id, captured_at, timezone, origin, user_agent,
                               last_run_id)
SELECT sha256(payload), payload, length(payload), id, CASE WHEN run IS NULL THEN 'waiting' ELSE 'migrated' END, 'personne' || number || '@exemple.fr',
       'clx' || lpad(number::text, 22, '0'), now() - (5 - COALESCE(run, 4)) * interval '1 day' - number * interval '1 second', 'Europe/Paris', 'https://dynprot.exemple.fr',
       'Mozilla/5.0 (Windows NT 10.0) Firefox/140.0', run
FROM (
    SELECT people.number, id, run, convert_to(jsonb_build_object('local_storage', jsonb_build_object(
        'dynprot-meals-clx' || lpad(people.number::text, 22, '0'), '[{"id":"m1","description":"Yaourt","protein":20,"timestamp":"' || COALESCE(run, 0) || '"}]',
        'theme', 'dark'))::text, 'UTF8') AS payload
    FROM people, unnest(ARRAY[1, 2, 3, NULL]) AS run
    WHERE run IS NOT NULL OR people.number %% 20 = 0
    ORDER BY run, number
) AS made;
INSERT INTO storage_snapshots (sha256, payload, size_bytes, status, claimed_email, captured_at, timezone)
SELECT sha256(payload), payload, length(payload), 'unclaimed', 'inconnu' || number || '@exemple.fr', now(), 'Europe/Paris'
FROM (SELECT number, convert_to('{"local_storage":{},"n":' || number || '}', 'UTF8') AS payload FROM people WHERE number %% 50 = 0) AS made;

INSERT INTO migration_run_snapshots (run_id, snapshot_id, user_id, batch_id, read_report, reverted_at)
SELECT batch.run_id, snapshot.id, people.id, batch.id, '{"items": {"dynprot-meals": {"store": "meals", "characters": 1200}}, "known": {"theme": "setting"}}',
       CASE WHEN batch.run_id = 1 THEN now() END
FROM people
JOIN storage_snapshots AS snapshot ON snapshot.user_id = people.id
JOIN migration_batches AS batch ON batch.run_id = snapshot.last_run_id AND batch.number = 1 + (people.number - 1) / %(in_a_batch)s
ORDER BY batch.run_id, people.number;
"""

# Ten items in quarantine of everybody in the newest run (most of the heavy person's are theirs), twenty others over all runs.
_OUTCOMES = """
INSERT INTO migration_outcomes (run_id, snapshot_id, user_id, kind, path, outcome, reasons, raw, changes, row_id, before)
SELECT plan.run_id, plan.snapshot_id, people.id, CASE WHEN item %% 25 = 24 THEN 'favorite' ELSE 'meal' END,
       'dynprot-meals-clx' || lpad(people.number::text, 22, '0') || '[' || item || ']', what,
       ARRAY[(CASE what
                  WHEN 'quarantined' THEN ARRAY['unreadable_timestamp', 'not_a_number', 'negative_number', 'missing_protein', 'timestamp_in_future', 'above_bound', 'not_an_object']
                  WHEN 'waived' THEN ARRAY['unreadable_timestamp', 'not_a_number']
                  WHEN 'duplicate' THEN ARRAY['copy', 'already_on_server']
                  WHEN 'superseded' THEN ARRAY['older_copy', 'copies_disagree']
                  ELSE ARRAY['rounded', 'description_tidied', 'local_time_assumed'] END)[1 + item %% CASE what WHEN 'quarantined' THEN 7 WHEN 'updated' THEN 3 ELSE 2 END]],
       CASE WHEN what IN ('quarantined', 'waived') THEN '{"id":"m' || item || '","description":"Poulet r\\u00f4ti","protein":"beaucoup","timestamp":"hier","calories":420}' ELSE '' END,
       CASE WHEN what IN ('quarantined', 'waived') THEN '[{"field": "timestamp", "reason": "unreadable_timestamp", "raw": "hier", "value": null}]'::jsonb
            WHEN what = 'updated' THEN '[{"field": "protein", "reason": "rounded", "raw": 20.005, "value": "20.01"}]'::jsonb ELSE '[]'::jsonb END,
       CASE WHEN what IN ('quarantined', 'waived') THEN NULL ELSE pg_temp.row_id(people.id, 'meal', item) END,
       CASE WHEN what = 'updated' THEN '{"description": "Poulet", "protein_grams": "19.00"}'::jsonb END
FROM people
JOIN migration_run_snapshots AS plan ON plan.user_id = people.id
CROSS JOIN LATERAL (
    SELECT item, (ARRAY['updated', 'duplicate', 'superseded', 'duplicate', 'updated', 'waived', 'duplicate'])[1 + item %% 7] AS what FROM generate_series(0, 6) AS item
    UNION ALL
    SELECT item, 'quarantined' FROM generate_series(100, 99 + CASE WHEN people.number = 1 THEN %(heavy)s / 5 ELSE 10 END) AS item WHERE plan.run_id = %(newest)s
) AS items
ORDER BY plan.run_id, people.number, item;

INSERT INTO migration_tallies (run_id, snapshot_id, kind, found, created, updated, unchanged, duplicate, superseded, quarantined, waived)
SELECT plan.run_id, plan.snapshot_id, kind, base.created + COALESCE(counted.items, 0), base.created, COALESCE(updated, 0), 0, COALESCE(duplicate, 0),
       COALESCE(superseded, 0), COALESCE(quarantined, 0), COALESCE(waived, 0)
FROM migration_run_snapshots AS plan
CROSS JOIN (VALUES ('meal', %(meals)s / 3), ('favorite', 10), ('profile', 1), ('preferences', 1)) AS base(kind, created)
LEFT JOIN (
    SELECT run_id, snapshot_id, kind, count(*) AS items, count(*) FILTER (WHERE outcome = 'updated') AS updated,
           count(*) FILTER (WHERE outcome = 'duplicate') AS duplicate, count(*) FILTER (WHERE outcome = 'superseded') AS superseded,
           count(*) FILTER (WHERE outcome = 'quarantined') AS quarantined, count(*) FILTER (WHERE outcome = 'waived') AS waived
    FROM migration_outcomes GROUP BY run_id, snapshot_id, kind
) AS counted USING (run_id, snapshot_id, kind)
ORDER BY plan.run_id, plan.snapshot_id, kind;

INSERT INTO item_repairs (snapshot_id, path, value, actor, reason)
SELECT snapshot_id, path, '{"protein": 20}', 'support@exemple.fr', 'Date relue sur la photo' FROM migration_outcomes
WHERE outcome = 'quarantined' AND id %% 50 = 0;

INSERT INTO migration_events (run_id, batch_id, at, actor, action, old_status, new_status, reason, data)
SELECT batch.run_id, NULL, batch.finished_at, CASE WHEN step = 0 THEN %(operator)s ELSE '' END, (ARRAY['retune', 'batch_committed', 'throttle'])[1 + step],
       'running', 'running', 'parce que', jsonb_build_object('batch', batch.number, 'workers', ARRAY[1, 2])
FROM migration_batches AS batch, generate_series(0, 2) AS step WHERE batch.finished_at IS NOT NULL
ORDER BY batch.run_id, batch.number, step;

INSERT INTO migration_previews (request_key, status, scope, options, staging, people_total, people_done, plan_digest, report, made_by_id, run_id, started_at, finished_at)
SELECT gen_random_uuid(), 'done', '{}', '{"batch_size": 100}', '{}', %(people)s, %(people)s, repeat('d', 64), %(report)s::jsonb, (SELECT id FROM people WHERE number = 1),
       CASE WHEN preview <= %(newest)s THEN preview END, now(), now()
FROM generate_series(1, 30) AS preview;
INSERT INTO migration_preview_samples (preview_id, user_id, snapshot_id, kind, path, outcome, reasons, raw, changes, before)
SELECT preview.id, item.user_id, item.snapshot_id, item.kind, item.path, item.outcome, to_jsonb(item.reasons), item.raw, item.changes, item.before
FROM migration_previews AS preview, (SELECT * FROM migration_outcomes ORDER BY id DESC LIMIT 40) AS item;
"""

# After the summaries: a rollback looks at rows as they are.
_PREIMAGES = """
INSERT INTO migration_preimages (run_id, user_id, table_name, row_id, before)
SELECT %(newest)s, meal.user_id, 'meal_entries', meal.id, to_jsonb(meal) || jsonb_build_object('written_at', meal.updated_at, 'import_run_id', NULL, 'description', 'avant')
FROM people CROSS JOIN LATERAL (
    SELECT * FROM meal_entries WHERE user_id = people.id AND import_run_id = %(newest)s ORDER BY meal_timestamp DESC LIMIT 5
) AS meal
ORDER BY people.number
"""

_RUNNING = """
UPDATE migration_runs SET status = 'running', verdict = '', finished_at = NULL, started_at = now() - interval '95 seconds' WHERE id = %(newest)s;
UPDATE migration_batches SET status = 'leased', lease_owner = 'ouvrier', lease_expires_at = now() + interval '1 hour', finished_at = NULL
WHERE run_id = %(newest)s AND id = (SELECT max(id) FROM migration_batches WHERE run_id = %(newest)s)
"""

_SETTINGS: Final = """
    SET LOCAL dynprot.bulk = 'on'; SET LOCAL work_mem = '128MB'; SET LOCAL maintenance_work_mem = '256MB'; SET LOCAL synchronous_commit = off;
    SET LOCAL jit = off; SET CONSTRAINTS ALL IMMEDIATE
"""
_BIG: Final = ("meal_entries", "daily_summaries", "migration_outcomes", "activity_logs")
"""Tables that are filled before their indexes and foreign keys are made."""
_LATER = """
    SELECT 'DROP INDEX ' || indexrelid::regclass, pg_get_indexdef(indexrelid), indrelid::regclass::text FROM pg_index
    WHERE indrelid = ANY (%(tables)s::regclass[]) AND NOT indisunique
    UNION ALL
    SELECT format('ALTER TABLE %%s DROP CONSTRAINT %%I', conrelid::regclass, conname),
           format('ALTER TABLE %%s ADD CONSTRAINT %%I %%s', conrelid::regclass, conname, pg_get_constraintdef(oid)), conrelid::regclass::text
    FROM pg_constraint WHERE conrelid = ANY (%(tables)s::regclass[]) AND contype = 'f'
"""


def build(size: Size) -> None:
    """Makes everything in one transaction, and has it vacuumed and analyzed as autovacuum would have done by then."""
    values: dict[str, Any] = {**size._asdict(), "newest": NEWEST, "in_a_batch": PEOPLE_IN_A_BATCH, "operator": OPERATOR}
    values |= {"report": json.dumps(_report(size)), "receipt": json.dumps(_receipt(size))}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_SETTINGS)
        cursor.execute(_LATER, {"tables": list(_BIG)})
        later = cursor.fetchall()
        for drop, _create, _table in later:
            cursor.execute(drop)
        for statements in (_FUNCTIONS, _PEOPLE, _MEALS, _ROWS_OF_PEOPLE):
            _execute(statements, values)
        for _drop, create, table in later:
            if table == "meal_entries":  # the summaries are made from them
                cursor.execute(create)
        _summarize()
        for statements in (_MIGRATIONS, _OUTCOMES, _PREIMAGES):
            _execute(statements, values)
        for _drop, create, table in later:
            if table != "meal_entries":
                cursor.execute(create)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE)")
        cursor.execute("CHECKPOINT")


@contextmanager
def as_if_running() -> Iterator[None]:
    """The newest run goes on again for a while: its page, and the first page, show more while it does."""
    with transaction.atomic():
        _execute(_RUNNING, {"newest": NEWEST})
        yield
        transaction.set_rollback(True)


def _execute(statements: str, values: dict[str, Any]) -> None:
    """One by one, since a statement with parameters goes alone."""
    single = statements.startswith("\nCREATE FUNCTION")
    with connection.cursor() as cursor:
        for statement in [statements] if single else statements.split(";\n"):
            if statement.strip():
                cursor.execute(statement, None if single else values)


def _summarize() -> None:
    """Every day's summary, as after a bulk import."""
    from accounts.models import User
    from nutrition.summaries import recompute

    ids = list(User.objects.order_by("pk").values_list("pk", flat=True))
    for start in range(0, len(ids), 1000):
        recompute(user_ids=ids[start : start + 1000])


def _report(size: Size) -> dict[str, object]:
    """Of a run and of a preview: both are shown from the same form."""
    counts = {"found": size.meals, "created": size.meals} | dict.fromkeys(
        ("updated", "unchanged", "duplicate", "superseded", "quarantined", "waived"), 0
    )
    difference = {
        "problem": "value", "kind": "meal", "field": "protein", "snapshot": 1, "path": "dynprot-meals[1]", "expected": "20", "actual": "21",
    }  # fmt: skip
    return {
        "users": size.people,
        "items": {kind: dict(counts) for kind in ("meal", "favorite", "profile", "preferences")},
        "snapshots": {"read": size.people, "unreadable": 0, "waiting": 0},
        "summaries": {"days": size.people * size.meals // 3},
        "reasons": {"unreadable_timestamp": 3000, "not_a_number": 1200, "rounded": 900, "copy": 400},
        "meals_per_second": 31000.0,
        "seconds": 95.0,
        "verification": {
            "verdict": "passed",
            "compared": size.people * size.meals,
            "differences": [difference] * 100,
            "differences_found": 100,
        },
        "made": datetime.now(UTC).isoformat(),
    }


def _receipt(size: Size) -> dict[str, object]:
    """Of a rollback that kept a row of every tenth person."""
    kept = [
        {"table": "meal_entries", "row_id": f"{number:032x}", "user_id": f"{number:032x}", "reason": "changed_since"}
        for number in range(size.people // 10)
    ]
    return {
        "run": 1, "scope": {}, "dry_run": False, "digest_before": "a" * 64, "digest_after": "b" * 64, "equal": False, "people": size.people,
        "deleted": {"meal_entries": size.people * size.meals // 3}, "restored": {}, "kept": kept, "photos": 0, "days": size.people * size.meals // 9,
    }  # fmt: skip
