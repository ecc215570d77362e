"""Named CHECK constraints that every app writes alike."""

from __future__ import annotations

from django.db import models

MORE_THAN_WHITE_SPACE = r"[^\u0009-\u000d\u001c-\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]"
"""A character that is not white space in the sense of Python's `str.isspace`: PostgreSQL's `trim` knows the blank
alone, its `\\s` differs from one locale to the next."""


def in_choices(field: str, choices: type[models.TextChoices], name: str) -> models.CheckConstraint:
    """`field` holds one of the values of `choices` (NULL passes, as CHECKs do)."""
    return models.CheckConstraint(
        condition=models.Q(**{f"{field}__in": choices.values}),
        name=name,
        violation_error_message=f"{field} : valeur hors de la liste ({', '.join(choices.values)}).",
    )


def not_negative(field: str, name: str) -> models.CheckConstraint:
    """`field` is NULL or at least zero."""
    return models.CheckConstraint(
        condition=models.Q(**{f"{field}__gte": 0}),
        name=name,
        violation_error_message=f"{field} ne peut pas être négatif.",
    )


def not_blank(field: str, name: str) -> models.CheckConstraint:
    """`field` holds more than white space."""
    return models.CheckConstraint(
        condition=models.Q(**{f"{field}__regex": MORE_THAN_WHITE_SPACE}),
        name=name,
        violation_error_message=f"{field} ne peut pas être vide.",
    )
