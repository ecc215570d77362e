"""Law 5, verification decides: what should be there is derived from the raw snapshots a second time and compared with the tables.

Written from docs/importing.md and the tables alone; it shares no code with the importer (`audit.local_storage`, the rest of `audit.runs`), and
import-linter keeps it so. A person's bytes are decoded and cleaned here by other means (the standard library's JSON; an array of meals just as
the app writes it by a pattern that is all of its grammar), rows are compared by their whole content as COPY would print it, and day summaries
are aggregated again in DuckDB. It only reads.
"""

from audit.runs.verification.run import verify_run
from audit.runs.verification.verdict import Difference, Verdict

__all__ = ["Difference", "Verdict", "verify_run"]
