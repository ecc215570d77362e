"""Sample browser snapshots: realistic French data in every form in which the old app left it.

For the demo, the tests and the benchmarks. Pure Python: no Django, no database, no clock, no network.

    census = Census()
    for line in generate(users=300, meals_per_user=300, seed=1, dirty=8, census=census): ...
    census.forms["meal.protein_text_comma"]
"""

from audit.samples.generate import ANCHOR, FORMS, Census, generate

__all__ = ["ANCHOR", "FORMS", "Census", "generate"]
