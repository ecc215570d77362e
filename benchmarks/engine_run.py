"""The child process of the harness: one whole migration as the command does it, its phases and its memory as JSON on standard output.

Usage: DATABASE_URL=... python -m benchmarks.engine_run --batch-size 100
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path

START = time.perf_counter()


def peak_memory() -> float:
    """The most memory this process ever had, in MB (0.0 where the kernel does not say)."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:")), 0.0)


def main() -> None:
    """Everything that waits, in one process."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--batch-size", type=int, default=100)
    arguments = parser.parse_args()

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dynprot.settings.development")
    import django

    django.setup()
    from audit.runs.engine import migrate
    from audit.runs.plan import Scope
    from audit.runs.report import Numbers

    class Watch:
        """Notes the peak when the moving ends and the verifying begins."""

        moving_peak = 0.0
        begun = 0.0

        def started(self, *, run: int | None, people: int, snapshots: int, resumed: bool) -> None:
            """The plan stands."""
            self.begun = time.perf_counter()

        def advanced(self, numbers: Numbers) -> None:
            """A batch is done."""
            self.moving_peak = peak_memory()

        def verifying(self, done: int, total: int) -> None:
            """Not of interest here."""

    watch = Watch()
    report = migrate(scope=Scope(), batch_size=arguments.batch_size, observer=watch)
    print(
        json.dumps(
            {
                "status": report["status"],
                "items": report["items"],
                "phases": report["phases"],
                "digest": report["digest"],
                "days": report["summaries"]["days"],
                "differences": len(report["verification"]["differences"]),
                "peak_moving_mb": round(watch.moving_peak, 1),
                "peak_mb": round(peak_memory(), 1),
                "process_seconds": round(time.perf_counter() - START, 3),
                "cpu_seconds": round(time.process_time(), 3),
            }
        )
    )


if __name__ == "__main__":
    main()
