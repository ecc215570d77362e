"""How fast a run goes, and what it does about trouble: pure decisions, which the worker loop carries out.

`errors` sorts what went wrong, `batch_size` finds the size that takes the wished time, `governor` gives way to the application, `budget` says
when enough went wrong. Only `governor.probe` reads anything; nothing here writes.
"""
