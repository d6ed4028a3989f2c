"""The core inside applications of hosts: their users, their database, one transaction for both."""

import sqlite3
from contextlib import closing
from typing import Any

import psycopg
import pytest

from stellary.core import Core
from tests.journeys.test_examples import EXAMPLES
from tests.server.processes import run_script

TOLD = {
    "flask": ["{'card': 'DEL-1'}", "['Deliver order 7']", "404"],
    "fastapi": ["{'card': 'BUG-1'}", "title must not be blank", "['It burns']", "404", "1"],
}


@pytest.mark.parametrize("host", TOLD)
def test_a_host_shares_its_users_and_its_transaction(host: str, database_url: str):
    _, output, errors = run_script(EXAMPLES / f"embedding_{host}.py", database_url)
    assert output.splitlines() == TOLD[host], errors


def test_effects_wait_for_the_commit_of_the_host(database_url: str):
    """Nothing is committed, rolled back or closed on a borrowed connection."""
    core = Core(database_url)
    effects: list[str] = []
    core.env.signals.listen(effects.append)
    actor = core.user(external_id="1", email="ann@example.com")
    due = []
    with closing(open_transaction(database_url)) as driver:
        with core.borrowed(driver, due.append) as connection, core.begin(actor, connection=connection) as uow:
            uow.after_commit.append(lambda: effects.append("done"))
        assert effects == []
        # Still open, and still in its transaction.
        driver.execute("UPDATE stellary_users SET name = 'Undone'")
        driver.rollback()
    for effect in due:
        effect()
    assert effects == ["done"]
    assert core.user(external_id="1", email="ann@example.com") == actor
    core.close()


def open_transaction(database_url: str) -> Any:
    """Return a connection of the driver, in a transaction."""
    if database_url.startswith("sqlite"):
        driver = sqlite3.connect(database_url.removeprefix("sqlite:///"), isolation_level=None)
        driver.execute("PRAGMA foreign_keys=ON")
        driver.execute("BEGIN IMMEDIATE")
        return driver
    return psycopg.connect(database_url.replace("+psycopg", ""))


def test_connection_outside_of_a_transaction_cannot_be_borrowed(database_url: str):
    core = Core(database_url)
    with closing(open_transaction(database_url)) as driver:
        driver.rollback()
        if not database_url.startswith("sqlite"):
            driver.autocommit = True
        with pytest.raises(RuntimeError, match="not in a transaction"), core.borrowed(driver, print):
            pass
    with pytest.raises(RuntimeError, match="the connection is None"), core.borrowed(None, print):
        pass
    core.close()
