"""`python -m benchmarks`: the only harness so far is the migration's."""

from __future__ import annotations

import sys

from benchmarks.migration import main

if __name__ == "__main__":
    sys.exit(main())
