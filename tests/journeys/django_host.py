"""Units in Django's transactions. ``test_embedding`` runs this as a separate program, since Django has one set of settings.

``python -m tests.journeys.django_host DATABASE_URL`` prints which effects of units came, and when.
"""

from __future__ import annotations

import sys
from contextlib import suppress

from django.db import connection, transaction

from docs.examples import embedding_django as example
from stellary.core import Core
from stellary.core.kernel.unit import NOBODY

effects: list[str] = []


class Undo(Exception):
    """An exception that rolls back a block of Django."""


def join(core: Core, name: str) -> None:
    """Let a unit with an effect join Django's transaction."""
    with core.borrowed(connection.connection, transaction.on_commit) as borrowed:
        core.run(NOBODY, lambda uow: uow.after_commit.append(lambda: effects.append(name)), borrowed)


def main(database_url: str) -> list[str]:
    example.configure(database_url)
    core = example.core
    with transaction.atomic():
        join(core, "before")
        with suppress(Undo), transaction.atomic():
            join(core, "undone")
            raise Undo
        with transaction.atomic():
            join(core, "kept")
        waiting = list(effects)
    lines = [f"in the transaction: {waiting}", f"after it: {effects}"]
    with suppress(Undo), transaction.atomic():
        join(core, "undone with the transaction")
        raise Undo
    try:
        connection.ensure_connection()
        join(core, "not in a transaction")
    except RuntimeError as error:
        lines.append(str(error).partition(",")[0])
    connection.close()
    try:
        join(core, "not connected")
    except RuntimeError as error:
        lines.append(str(error).partition(":")[0])
    lines.append(f"at the end: {effects}")
    core.close()
    return lines


if __name__ == "__main__":
    sys.stdout.write("\n".join(main(sys.argv[1])) + "\n")
