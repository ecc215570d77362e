"""Moving browser data into the tables: transitions, plan, claim, batch transaction, load, verify.

`engine.migrate` is the one entry; commands, tasks and the admin call it. docs/engine.md tells the way of one meal.
"""
