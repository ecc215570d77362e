"""The tests, in the same rooms as the code: tests/accounts, tests/nutrition, tests/exports, tests/audit, tests/dynprot."""
