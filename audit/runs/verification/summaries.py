"""Day summaries, aggregated again in another engine from the meals and goals that stand in the tables.

DuckDB, set-wise, over the very text that COPY sent: PostgreSQL's functions and our triggers have no part in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import duckdb

from audit.runs.verification.rows import MEAL_FILE
from audit.runs.verification.verdict import Findings

MEMORY = "512MB"
THREADS = 2

_TEXT = "delim = '\t', quote = '', escape = '', nullstr = '\\N', header = false, auto_detect = false, comment = ''"

TOTALS = ("total_protein", "total_calories", "total_carbs", "total_fat", "total_fiber")
COUNTS = ("total_meals", "morning_meals", "afternoon_meals", "evening_meals", "night_meals", "ai_assisted_meals")
GOALS = (
    "protein_goal",
    "calorie_goal",
    "protein_goal_met",
    "calorie_goal_met",
    "protein_goal_percentage",
    "calorie_goal_percentage",
)
COLUMNS = (*TOTALS, *COUNTS, *GOALS)
_FLAGS = ("protein_goal_met", "calorie_goal_met")
_WHOLE = ("total_calories", *COUNTS, "protein_goal", "calorie_goal")

SELECT_SUMMARIES = f"SELECT user_id, summary_date, {', '.join(COLUMNS)} FROM daily_summaries WHERE user_id = ANY (%s)"


def _column_type(name: str) -> str:
    if name in _FLAGS:
        return "BOOLEAN"
    return "BIGINT" if name in _WHOLE else "DECIMAL(18, 2)"


def _table(path: str, columns: dict[str, str]) -> str:
    typed = ", ".join(f"'{name}': '{kind}'" for name, kind in columns.items())
    return f"read_csv('{path}', {_TEXT}, columns = {{{typed}}})"


# The meals' file is the one that the rows were compared from; what is not summed is left as text.
_TYPES = {
    "local_date": "DATE",
    "protein_grams": "DECIMAL(18, 2)",
    "calories": "BIGINT",
    "carbs_grams": "DECIMAL(18, 2)",
    "fat_grams": "DECIMAL(18, 2)",
    "fiber_grams": "DECIMAL(18, 2)",
    "ai_estimated": "BOOLEAN",
}
_MEALS = {name: _TYPES.get(name, "VARCHAR") for name in MEAL_FILE}
_GOALS = {
    "user_id": "VARCHAR",
    "since": "DATE",
    "protein_goal": "BIGINT",
    "calorie_goal": "BIGINT",
    "source": "VARCHAR",
    "run": "BIGINT",
}
_SUMMARIES = {"user_id": "VARCHAR", "day": "DATE", **{name: _column_type(name) for name in COLUMNS}}

# Half up without a division of decimals, which DuckDB does in doubles: cents * 100 and the goal are whole numbers.
_PERCENTAGE = (
    "(CASE WHEN {goal} > 0 THEN least((({hundredfold}) * 200 // {goal} + 1) // 2, 9999999) ELSE 0 END::DECIMAL(18, 2)"
    " * 0.01::DECIMAL(3, 2))::DECIMAL(18, 2)"
)

_EXPECTED = """
WITH days AS (
    SELECT user_id, local_date AS day, sum(protein_grams) AS total_protein,
           least(coalesce(sum(calories), 0), 2147483647) AS total_calories, coalesce(sum(carbs_grams), 0) AS total_carbs,
           coalesce(sum(fat_grams), 0) AS total_fat, coalesce(sum(fiber_grams), 0) AS total_fiber, count(*) AS total_meals,
           count(*) FILTER (meal_time_category = 'morning') AS morning_meals,
           count(*) FILTER (meal_time_category = 'afternoon') AS afternoon_meals,
           count(*) FILTER (meal_time_category = 'evening') AS evening_meals,
           count(*) FILTER (meal_time_category = 'night') AS night_meals,
           count(*) FILTER (ai_estimated) AS ai_assisted_meals
    FROM {meals} GROUP BY user_id, local_date
), history AS (
    SELECT user_id, since, protein_goal, coalesce(calorie_goal, 2000) AS calorie_goal FROM {goals}
), earliest AS (
    SELECT user_id, arg_min(protein_goal, since) AS protein_goal, arg_min(calorie_goal, since) AS calorie_goal FROM history GROUP BY user_id
)
SELECT days.*, coalesce(history.protein_goal, earliest.protein_goal, 120) AS protein_goal,
       coalesce(history.calorie_goal, earliest.calorie_goal, 2000) AS calorie_goal
FROM days
ASOF LEFT JOIN history ON days.user_id = history.user_id AND days.day >= history.since
LEFT JOIN earliest ON days.user_id = earliest.user_id
"""


@dataclass(frozen=True, slots=True)
class SummaryFaults:
    """How many days were compared, and the days on which the two sides are not the same."""

    days: int
    rows: list[tuple[Any, ...]]

    def report(self, findings: Findings) -> None:
        findings.compared += self.days
        for row in self.rows:
            _report(findings, row)


class SummaryCheck:
    """One DuckDB in memory for a whole verification; the chunks' files are in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.database = duckdb.connect(
            config={"threads": THREADS, "memory_limit": MEMORY, "temp_directory": str(folder)}
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.database.close()

    def check(self, meals: list[bytes], goals: bytes, summaries: bytes) -> SummaryFaults:
        """Compares each column of each day of a chunk's people; a day on one side only is a fault too. `meals`: the lines of each person."""
        paths = {}
        for name, texts in (
            ("meals", [text + b"\n" for text in meals]),
            ("goals", [goals]),
            ("summaries", [summaries]),
        ):
            paths[name] = self.folder / f"{name}.tsv"
            with paths[name].open("wb") as file:
                file.writelines(texts)
        expected = self._with_percentages(
            _EXPECTED.format(meals=_table(str(paths["meals"]), _MEALS), goals=_table(str(paths["goals"]), _GOALS))
        )
        actual = f"SELECT * FROM {_table(str(paths['summaries']), _SUMMARIES)}"
        self.database.execute(f"CREATE OR REPLACE TEMP TABLE expected AS {expected}")
        self.database.execute(f"CREATE OR REPLACE TEMP TABLE actual AS {actual}")
        for path in paths.values():
            path.unlink()
        days = self.database.execute("SELECT count(*) FROM expected").fetchall()[0][0]
        tuples = ", ".join(f"{{side}}.{name}" for name in COLUMNS)
        rows = self.database.execute(
            "SELECT coalesce(expected.user_id, actual.user_id), coalesce(expected.day, actual.day), expected.user_id IS NULL,"
            f" actual.user_id IS NULL, {tuples.format(side='expected')}, {tuples.format(side='actual')}"
            " FROM expected FULL JOIN actual ON expected.user_id = actual.user_id AND expected.day = actual.day"
            " WHERE expected.user_id IS NULL OR actual.user_id IS NULL"
            f" OR ({tuples.format(side='expected')}) IS DISTINCT FROM ({tuples.format(side='actual')})"
            " ORDER BY 1, 2"
        ).fetchall()
        return SummaryFaults(days, rows)

    def _with_percentages(self, expected: str) -> str:
        protein = _PERCENTAGE.format(goal="protein_goal", hundredfold="(total_protein * 100)::HUGEINT")
        calories = _PERCENTAGE.format(goal="calorie_goal", hundredfold="total_calories::HUGEINT * 100")
        return (
            "SELECT *, total_protein >= protein_goal AS protein_goal_met, total_calories >= calorie_goal AS calorie_goal_met,"
            f" {protein} AS protein_goal_percentage, {calories} AS calorie_goal_percentage FROM ({expected})"
        )


def _report(findings: Findings, found: tuple[Any, ...]) -> None:
    user, day, no_meals, no_summary, *values = found
    place = {"user": user, "path": str(day)}
    if no_meals:
        findings.differ("summary", "a summary of a day without meals", field="summary_date", actual=str(day), **place)
    elif no_summary:
        findings.differ("summary", "a day with meals has no summary", field="summary_date", expected=str(day), **place)
    else:
        expected, actual = values[: len(COLUMNS)], values[len(COLUMNS) :]
        for name, wanted, is_there in zip(COLUMNS, expected, actual, strict=True):
            if wanted != is_there:
                findings.differ(
                    "summary",
                    "the sum of the meals is another",
                    field=name,
                    expected=str(wanted),
                    actual=str(is_there),
                    **place,
                )
