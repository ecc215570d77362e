"""The tests' own database: each transactional test leaves it as the migrations made it."""

import pytest
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.db import connection

from tests.conftest import ManageCommand
from tests.template_database import template_hash


def rows_of_migrations() -> int:
    return ContentType.objects.count() * Permission.objects.count()


def left_groups() -> set[str]:
    """Groups that no migration made."""
    return set(Group.objects.values_list("name", flat=True)) - {"operators", "support", "auditors"}


def table_exists(name: str) -> bool:
    return name in connection.introspection.table_names()


@pytest.mark.parametrize("time", ["first", "again"])
@pytest.mark.django_db(transaction=True)
def test_what_a_transactional_test_destroys_is_there_for_the_next(time: str) -> None:
    assert rows_of_migrations() > 0
    assert not left_groups()
    assert not table_exists("left_behind")
    Permission.objects.all().delete()
    ContentType.objects.all().delete()
    Group.objects.create(name=f"left {time}")
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE left_behind ()")
    assert rows_of_migrations() == 0
    assert table_exists("left_behind")


def test_other_processes_work_on_the_same_database(manage: ManageCommand) -> None:
    Group.objects.create(name="from here")
    code = "from django.contrib.auth.models import Group; print(Group.objects.get(name='from here').name); Group.objects.all().delete()"
    answer = manage("shell", "--no-imports", "-c", code)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout == "from here\n"
    assert not left_groups()


def test_the_hash_is_stable_and_knows_the_server() -> None:
    assert template_hash(180004) == template_hash(180004)
    assert template_hash(180004) != template_hash(150020)
