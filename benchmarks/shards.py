"""``python -m benchmarks.shards``: what many organizations and cards take on servers of PostgreSQL, computed from measured rows.

It creates a sample of cards through the API, measures the bytes that a further card adds to each table, and those of an empty schema
in the catalogue, and multiplies them. It is a calculation: no such number of cards is stored.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from contextlib import closing

import attrs
from sqlalchemy import text

from benchmarks.databases import Databases
from benchmarks.project import SECRET
from stellary.core import Core
from tests.support.boards import Board
from tests.support.search_prefixes import index_entries
from tests.support.world import World

SAMPLE = 400
"""The number of cards before the measured ones, and of the measured ones, so that half-filled pages count little."""
SCHEMAS = 4
DESCRIPTION = "Move the order desk to the new supplier, and tell the customers by letter. " * 6
DATABASE_MS: Mapping[str, float] = {"reads": 0.2, "changes": 1.0}
"""The processor time of PostgreSQL per request, as the guide for tenants has it."""

_TABLES = text(
    "SELECT relname AS name, pg_table_size(oid) AS bytes, pg_indexes_size(oid) AS index_bytes"
    " FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
)
_CATALOGUE = text(
    "SELECT sum(pg_total_relation_size(oid)) AS bytes, (SELECT count(*) FROM pg_class) AS relations FROM pg_class"
    " WHERE relkind = 'r' AND relnamespace = 'pg_catalog'::regnamespace"
)


@attrs.frozen
class Sample:
    """The bytes that a card and a schema add.

    Attributes:
        per_card: By table, the rows, the bytes of rows and the bytes of indexes that a card adds.
        catalogue_bytes: The bytes that a schema adds to the catalogue.
        relations: Its tables and indexes.
        empty_bytes: The bytes of its empty tables and indexes.
    """

    per_card: Mapping[str, tuple[float, float, float]]
    catalogue_bytes: float
    relations: int
    empty_bytes: float


def measure(databases: Databases, cards: int = SAMPLE) -> Sample:
    """Create cards and empty schemas, and measure what they add.

    Args:
        databases: The source of databases.
        cards: The number of cards before the measured ones, and of those.
    """
    with closing(Core(databases.new("postgresql").url, jwt_secret=SECRET, bcrypt_rounds=4)) as core:
        core.migrate()
        board = Board(World(core), World(core).person("ann"))
        label_id = board.label()["id"]
        _create_cards(core, board, label_id, cards)
        before = _read_tables(core)
        _create_cards(core, board, label_id, cards)
        after = _read_tables(core)
        per_card = {
            name: tuple((new - old) / cards for new, old in zip(row, before[name], strict=True))
            for name, row in after.items()
            if row != before[name]
        }
        with core.database.reading() as connection:
            catalogue = connection.execute(_CATALOGUE).one()
            size: int = connection.execute(text("SELECT pg_database_size(current_database())")).scalar_one()
        for number in range(SCHEMAS):
            with core.database.writing() as connection:
                connection.execute(text(f"CREATE SCHEMA shard_{number}"))
            core.in_schema(f"shard_{number}").migrate()
        with core.database.reading() as connection:
            grown = connection.execute(_CATALOGUE).one()
            total: int = connection.execute(text("SELECT pg_database_size(current_database())")).scalar_one()
    catalogue_bytes = float(grown.bytes - catalogue.bytes) / SCHEMAS
    return Sample(
        {name: (row[0], row[1], row[2]) for name, row in per_card.items()},
        catalogue_bytes,
        (grown.relations - catalogue.relations) // SCHEMAS,
        (total - size) / SCHEMAS - catalogue_bytes,
    )


def _create_cards(core: Core, board: Board, label_id: str, count: int) -> None:
    """Create cards, each with a description, a label, a comment, a change and a move, and index them."""
    for number in range(count):
        card = board.card(f"Card {number}", description=DESCRIPTION, labelIds=[label_id])
        board.comment(card, "Done as far as we can; the rest waits for the supplier.")
        board.world.ask(board.owner, "PATCH", board.of(card), {"priority": "high", "dueDate": "2030-01-31"})
        column = board.columns[number % len(board.columns)]["id"]
        board.world.ask(board.owner, "PATCH", board.of(card), {"columnId": column})
    index_entries(core)
    with core.database.open_dedicated("AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM"))


def _read_tables(core: Core) -> dict[str, tuple[int, int, int]]:
    with core.database.reading() as connection:
        return {
            row.name: (
                connection.execute(text(f"SELECT count(*) FROM {row.name}")).scalar_one(),
                row.bytes,
                row.index_bytes,
            )
            for row in connection.execute(_TABLES).all()
        }


def describe(sample: Sample, organizations: int, cards: int, shards: int) -> list[str]:
    """Return the lines of the calculation.

    Args:
        sample: What was measured.
        organizations: The number of organizations.
        cards: The number of all cards.
        shards: The number of servers that share them.
    """
    here, gigabyte = cards / shards, 2**30
    lines = [f"{organizations:,} organizations, {cards:,} cards, {shards} servers; of each server:"]
    lines += [f"{'table':<34}{'rows per card':>14}{'bytes':>8}{'index':>8}{'million rows':>14}{'GB':>8}"]
    ordered = sorted(sample.per_card.items(), key=lambda item: -sum(item[1][1:]))
    for name, (rows, of_rows, of_indexes) in ordered:
        total = (of_rows + of_indexes) * here / gigabyte
        lines.append(
            f"{name:<34}{rows:>14.2f}{of_rows:>8.0f}{of_indexes:>8.0f}{rows * here / 1e6:>14.1f}{total:>8.1f}"
        )
    rows, of_rows, of_indexes = (sum(column) for column in zip(*sample.per_card.values(), strict=True))
    lines.append(
        f"{'all':<34}{rows:>14.2f}{of_rows:>8.0f}{of_indexes:>8.0f}{rows * here / 1e6:>14.1f}"
        f"{(of_rows + of_indexes) * here / gigabyte:>8.1f}"
    )
    for name, schemas in (("one schema", 1), ("a schema for each organization", organizations // shards)):
        lines.append(
            f"{name}: {schemas * sample.relations:,} tables and indexes, catalogue"
            f" {schemas * sample.catalogue_bytes / gigabyte:.3f} GB, empty pages {schemas * sample.empty_bytes / gigabyte:.3f} GB"
        )
    requests = ", ".join(f"{1000 / ms:,.0f} {name}" for name, ms in DATABASE_MS.items())
    return [*lines, f"a processor of PostgreSQL serves {requests} a second"]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.shards", description=__doc__)
    parser.add_argument("--organizations", type=int, default=10_000)
    parser.add_argument("--cards", type=int, default=100_000_000)
    parser.add_argument("--shards", type=int, default=10)
    parser.add_argument("--sample", type=int, default=SAMPLE, help="the number of measured cards")
    chosen = parser.parse_args()
    with Databases() as databases:
        result = measure(databases, chosen.sample)
    print(*describe(result, chosen.organizations, chosen.cards, chosen.shards), sep="\n")
