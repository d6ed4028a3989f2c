"""The number of statements of each operation, in ``statement_counts.tsv``: for a good request that was sent before."""

from pathlib import Path

from sqlalchemy import delete, update

from tests.security.each_row import each_row
from tests.security.good_requests import make_path_params, send
from tests.security.permission_world import PermissionWorld
from tests.security.sampling import UNRESTRICTED
from tests.security.table import GUESTS, PEOPLE, SERVED, Row
from tests.support.core_parts import CountLimit
from tests.support.tables import project_members, users, workspaces

TABLE = Path(__file__).with_name("statement_counts.tsv")
COUNTS = {
    operation: {"sqlite": int(on_sqlite), "postgresql": int(on_postgresql)}
    for operation, on_sqlite, on_postgresql in (
        line.split("\t") for line in TABLE.read_text().splitlines()[1:]
    )
}


@each_row(SERVED)
def test_number_of_statements_is_that_of_the_table(permission_world: PermissionWorld, row: Row, monkeypatch):
    """The first requests compile statements, and remember cards and files, so that the third is the usual one."""
    sandbox = permission_world.sandbox
    # One new row of a hundred, by its random id, has a statement more.
    monkeypatch.setattr(CountLimit, "apply", lambda *_: None)
    personas = [name for name in (UNRESTRICTED, "WM", *PEOPLE) if row.expected_status(name) == 2]
    guest_ids = [permission_world.people[name].id for name in GUESTS]
    persona = (personas or [UNRESTRICTED])[0]
    for _ in range(3):
        with sandbox.discard_changes():
            # Where there are guests, the recipients of notifications take a statement more.
            sandbox.connection.execute(update(workspaces).values(has_guests=False))
            sandbox.connection.execute(
                delete(project_members).where(project_members.c.user_id.in_(guest_ids))
            )
            if row.operation == "auth.send_confirmation":
                # Only accounts without a password get a link.
                sandbox.connection.execute(update(users).values(password_hash=None))
            before = sandbox.statements
            answer = send(permission_world, row, persona, make_path_params(permission_world, row, persona))
            statements = sandbox.statements - before
    assert answer.status < 300 or not personas, answer.body
    assert statements == COUNTS[row.operation][sandbox.engine.dialect.name]


def test_table_lists_each_operation():
    assert COUNTS.keys() == {row.operation for row in SERVED}
