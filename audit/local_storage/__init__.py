"""Reading what browsers stored: keys, values, cleaning rules, merging. Pure Python: no Django, no input or output.

The normative description is docs/importing.md; every reason code is in `rules.RULES`.
"""
