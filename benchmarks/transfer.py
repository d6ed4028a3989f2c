"""A project of 10,000 cards that is exported, imported and copied; an export of 100,000 cards; and cards that are created in bulk."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from typing import Any

import orjson

from benchmarks.databases import Databases, Kind
from benchmarks.http import reference_server
from benchmarks.pages import Board, make_board
from benchmarks.project import SECRET, seed_database
from stellary import Stellary
from stellary.contract.port import RawRequest
from stellary.core import Core
from stellary.core.api.copies import copy_database
from stellary.core.db.database import Database
from tests.support.world import World

LARGE = 10_000
_COLUMNS = 8
_BULK = 500
_BULK_ROUNDS = 5
Json = dict[str, Any]


def run(databases: Databases, kind: Kind, cards: int = LARGE) -> Iterator[tuple[str, float]]:
    """Measure an export and an import of a large project, and the memory that they take in the server.

    Args:
        databases: The source of databases.
        kind: The kind of database.
        cards: The number of cards of the project.

    Yields:
        The seconds of each and of both, the processor time of client and server, and the megabytes by which the server grows at most.
    """
    database = databases.new(kind)
    site = seed_database(database)
    path = databases.directory / "large.json"
    path.write_bytes(orjson.dumps(build_file(cards)))
    with (
        reference_server(databases, database) as server,
        Stellary(f"http://127.0.0.1:{server.port}", token=site.token) as client,
    ):
        _, _, organization, _, workspace = site.workspace.split("/")
        handle = client.workspace(organization, workspace)
        warm_up = handle.projects.import_file(build_file(20))
        handle.project(warm_up).export()
        before = server.memory_bytes()
        first = handle.projects.import_file(path)
        path.unlink()
        cpu_before, began = server.cpu_seconds() + time.process_time(), time.perf_counter()
        handle.project(first).export_to(path)
        exported = time.perf_counter()
        handle.projects.import_file(path)
        imported = time.perf_counter()
        cpu = server.cpu_seconds() + time.process_time() - cpu_before
        grown = server.peak_memory_bytes() - before
    yield f"{kind}.transfer.export_seconds", exported - began
    yield f"{kind}.transfer.import_seconds", imported - exported
    yield f"{kind}.transfer.seconds", imported - began
    yield f"{kind}.transfer.cpu_seconds", cpu
    yield f"{kind}.transfer.memory_mb", grown / 1e6


def run_export(databases: Databases, kind: Kind, cards: int) -> Iterator[tuple[str, float]]:
    """Measure an export of a very large project over HTTP, without what the client does with it.

    Args:
        databases: The source of databases.
        kind: The kind of database.
        cards: The number of cards of the project.

    Yields:
        The seconds, and the megabytes by which the server grows at most.
    """
    database = databases.new(kind)
    with closing(Core(database.url, jwt_secret=SECRET, bcrypt_rounds=4)) as core:
        core.migrate()
        world = World(core)
        people = world.people("ann bob cyn dan eve")
        workspace = world.home(people[0])
        small, large = (make_board(world, people, workspace, size) for size in (100, cards))
        token = world.bearer(people[0])
    with reference_server(databases, database) as server:

        def download(board: Board) -> None:
            connection = HTTPConnection("127.0.0.1", server.port)
            with closing(connection):
                connection.request(
                    "GET", f"{board.path}/export", headers={"authorization": f"Bearer {token}"}
                )
                response = connection.getresponse()
                while response.read(1 << 16):
                    pass

        download(small)
        before = server.memory_bytes()
        began = time.perf_counter()
        download(large)
        yield f"{kind}.transfer.export.{cards}.seconds", time.perf_counter() - began
        yield f"{kind}.transfer.export.{cards}.memory_mb", (server.peak_memory_bytes() - before) / 1e6


def run_copy(databases: Databases, kind: Kind, cards: int = LARGE) -> Iterator[tuple[str, float]]:
    """Measure a copy of an installation on SQLite with a large project.

    Args:
        databases: The source of databases.
        kind: The kind of database to copy to.
        cards: The number of cards of the project.

    Yields:
        The microseconds per row, with the comparison at the end.
    """
    source = databases.new("sqlite")
    site = seed_database(source)
    _, _, organization, _, workspace = site.workspace.split("/")
    with (
        closing(Core(source.url, jwt_secret=SECRET)) as core,
        closing(Database(databases.new(kind).url)) as target,
    ):
        client = Stellary.embedded(core.port(), token=site.token)
        client.workspace(organization, workspace).projects.import_file(build_file(cards))
        began = time.perf_counter()
        copied = copy_database(core.database, target, core.list_files)
        seconds = time.perf_counter() - began
    yield f"{kind}.copy.us_per_row", seconds / sum(copied.rows.values()) * 1e6


def build_file(cards: int) -> Json:
    """Return a project file with cards of typical size, each with a checklist, and with a comment on every fifth."""
    return {
        "project": {"name": "Large"},
        "columns": [{"id": f"c{number}", "name": f"Stage {number}"} for number in range(_COLUMNS)],
        "labels": [{"id": f"l{number}", "name": f"Label {number}"} for number in range(8)],
        "cards": [_build_card(number) for number in range(cards)],
    }


def _build_card(number: int) -> Json:
    return {
        "id": str(number),
        "title": f"Card {number}: say what the page shows when nothing is there yet",
        "description": "What the page shows today is a white rectangle. People take that for a failure and load it again.",
        "columnId": f"c{number % _COLUMNS}",
        "priority": ("low", "medium", "high")[number % 3],
        "dueDate": f"2026-05-{number % 28 + 1:02}",
        "labelIds": [f"l{number % 8}"],
        "checklist": [{"title": f"Step {step} of what is to be done"} for step in range(3)],
        "comments": [{"content": "Has anybody asked the users?"}] if number % 5 == 0 else [],
        "relations": [{"type": "blocks", "targetCardId": str(number - 1)}] if number % 10 == 9 else [],
    }


def run_bulk(databases: Databases, kind: Kind) -> Iterator[tuple[str, float]]:
    """Measure the creation of 500 cards by one request, in process.

    Args:
        databases: The source of databases.
        kind: The kind of database.

    Yields:
        The processor time in this process per card, in microseconds.
    """
    database = databases.new(kind)
    site = seed_database(database)
    cards = [
        {**_build_card(number), "columnId": site.growing_columns[number % 8]["id"], "labelIds": []}
        for number in range(_BULK)
    ]
    fields = ("title", "description", "columnId", "priority", "dueDate", "labelIds", "checklist")
    body = {"cards": [{name: card[name] for name in fields} for card in cards]}
    headers = {"authorization": f"Bearer {site.token}", "content-type": "application/json"}
    request = RawRequest("POST", f"{site.growing_path}/cards/bulk", "", headers, orjson.dumps(body))
    durations = []
    with closing(Core(database.url, jwt_secret=SECRET, bcrypt_rounds=4)) as core:
        port = core.port()
        for _ in range(_BULK_ROUNDS):
            began = time.process_time()
            response = port.send(request)
            durations.append(time.process_time() - began)
            if response.status != 201:
                raise RuntimeError(f"bulk: {response.status} {response.body!r}")
    yield f"{kind}.bulk.us_per_card", min(durations) / _BULK * 1e6
