"""Cursors describe their columns as the driver's own do."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from stellary.core.db.psycopg_cursor import Cursor


@pytest.fixture
def cursor(postgres_url: str) -> Iterator[Cursor]:
    url = postgres_url.replace("postgresql+psycopg", "postgresql")
    with psycopg.connect(url, cursor_factory=Cursor) as connection, connection.cursor() as cursor:
        yield cursor


def test_the_description_is_that_of_the_driver(cursor):
    cursor.execute("SELECT 1 AS one, 'two' AS two")
    theirs = psycopg.Cursor.description.fget(cursor)
    assert [tuple(column) for column in cursor.description] == [tuple(column) for column in theirs]


def test_a_column_is_found_by_its_place(cursor):
    cursor.execute("SELECT 1 AS one, 'two' AS two")
    assert cursor.description[1].name == "two"
    assert [column.name for column in cursor.description[:1]] == ["one"]


def test_statement_without_columns_has_no_description(cursor):
    assert cursor.description is None
    cursor.execute("SET LOCAL work_mem = '4MB'")
    assert cursor.description is None
