"""Which of a person's snapshots cannot be migrated: found by dry runs, one snapshot more at a time, so that nobody loses more than is bad."""

from __future__ import annotations

from audit.runs.batch import commit_batch
from audit.runs.flow.errors import classify
from audit.runs.plan import PlannedPerson
from audit.runs.prepare import prepare


def find_poison(person: PlannedPerson, digest: str) -> PlannedPerson:
    """The person with exactly those snapshots set aside without which the others go through; `digest` is the first error's traceback.

    Begins with all of them set aside and frees one after the other. None is set aside where all go through now: the trouble was somebody
    else's writing at that moment. Raises what is not a snapshot's fault (a lost connection, an error nobody foresaw).
    """
    aside = dict.fromkeys(person.snapshot_ids, digest)
    for snapshot in person.snapshot_ids:
        trial = person._replace(poisoned={other: text for other, text in aside.items() if other != snapshot})
        if _goes_through(trial):
            aside = dict(trial.poisoned)
    return person._replace(poisoned=aside)


def _goes_through(person: PlannedPerson) -> bool:
    try:
        commit_batch(list(prepare([person])), run_id=None, claim=None, planned=[person])
    except Exception as error:
        if classify(error, preparing=True).kind != "definitive":
            raise
        return False
    return True
