"""Quarantine: what people decide about items that could not be read. Repair, replay, waive; see docs/quarantine.md.

Three promises: the bytes of a snapshot never change; the equation of `migration_tallies` holds after every statement (outcome and tally move
in one); and only the verifier says that a run is complete (`verdict`).
"""
