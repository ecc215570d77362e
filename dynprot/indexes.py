"""Indexes with PostgreSQL's names: Django allows 30 characters for Oracle's sake, and the published names are longer."""

from __future__ import annotations

from django.contrib.postgres.indexes import GinIndex as DjangoGinIndex
from django.db import models


class Index(models.Index):
    """A B-tree index whose name may have 63 characters."""

    max_name_length = 63


class GinIndex(DjangoGinIndex):
    """A GIN index whose name may have 63 characters."""

    max_name_length = 63
