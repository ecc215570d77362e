"""Measurements, repeatable by one command: `python -m benchmarks` (see RESULTS.md). Figures, not tests: nothing here may fail a build."""
