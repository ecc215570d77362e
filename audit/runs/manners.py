"""Moving data may take longer; people who use the application meanwhile should not notice. So workers stand back from the processor."""

from __future__ import annotations

import os
from contextlib import suppress

from django.conf import settings


def give_way() -> None:
    """Lowers this process's priority to MIGRATION_NICENESS (0 leaves it): on a busy machine the application and the database come first, on a
    quiet one nothing is lost. Never raises a priority."""
    with suppress(OSError, AttributeError):  # no such thing on this system
        more = settings.MIGRATION_NICENESS - os.nice(0)
        if more > 0:
            os.nice(more)
