#!/usr/bin/env python
"""Run an administrative command, in the development settings unless DJANGO_SETTINGS_MODULE says otherwise."""

import os
import sys

from dynprot.embedded_home import EmbeddedError


def main() -> None:
    """Hand over to Django; what is badly set up is answered with its sentence, not a traceback."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dynprot.settings.development")
    try:
        from django.core.management import execute_from_command_line
    except ImportError as error:
        sys.exit(
            f"Django is not installed for {sys.executable} ({error}): run `make install`, then use .venv/bin/python."
        )

    from django.core.exceptions import ImproperlyConfigured
    from django.db import OperationalError

    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(str(error))
    except OperationalError as error:
        if isinstance(error.__cause__, EmbeddedError):
            sys.exit(f"The private PostgreSQL cannot be used.\n{error.__cause__}")
        raise


if __name__ == "__main__":
    main()
