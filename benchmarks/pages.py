"""Pages of 100 cards in projects of 100,000 and of 1,000 cards, through the core, without HTTP."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta

import attrs
from sqlalchemy import insert, text

from benchmarks.databases import Databases, Kind
from stellary.contract.cards import Card
from stellary.contract.fields import replace_fields
from stellary.contract.wire import read
from stellary.core import Core
from stellary.core.board.order.ordering import rebuild_index
from stellary.core.board.rows import card_rows
from stellary.core.board.rules.positions import GAP
from stellary.core.board.tables import cards
from stellary.core.kernel.paging import make_cursor
from stellary.core.kernel.unit import NOBODY
from tests.support.world import Person, Workspace, World

SMALL = 1_000
LARGE = 100_000
FEW = 20
_LABELS = 8
_BATCH = 5_000
_NOW = datetime(2026, 4, 1, tzinfo=UTC)


@attrs.frozen
class Board:
    """A project, the number of its cards, and the queries that are measured, by name.

    Attributes:
        queries: Queries that select the same share of the cards, whatever their number.
        sparse_queries: Queries that select at most the newest ``FEW`` cards, or 100 cards far apart.
    """

    path: str
    size: int
    queries: Mapping[str, str]
    sparse_queries: Mapping[str, str]


def run(
    databases: Databases, kind: Kind, rounds: int, sizes: tuple[int, int] = (SMALL, LARGE)
) -> Iterator[tuple[str, float]]:
    """Measure pages of a large project, in turn with those of a small one.

    Args:
        databases: The source of databases.
        kind: The kind of database.
        rounds: The number of pages per query.
        sizes: The numbers of cards in the two projects.

    Yields:
        The ratio of the slowest query, and that of a walk by pages, per card; then the milliseconds of filters that few cards
        match, and of the portfolio.
    """
    core = Core(databases.new(kind).url, bcrypt_rounds=4)
    with closing(core):
        core.migrate()
        world = World(core)
        people = world.people("ann bob cyn dan eve")
        workspace = world.workspace(people[0])
        for person in people[1:]:
            world.join(person, workspace)
        boards = [make_board(world, people, workspace, size) for size in sizes]
        # SQLite works in this process, whose CPU time does not depend on what else the machine does.
        read_clock = time.process_time if kind == "sqlite" else time.perf_counter
        ratios = {}
        for name in [*boards[0].queries, *boards[0].sparse_queries]:
            durations: list[list[float]] = [[], []]
            for number in range(rounds + 1):
                for board, times in zip(boards, durations, strict=True):
                    began = read_clock()
                    query = board.queries.get(name) or board.sparse_queries.get(name, "")
                    world.ask(people[0], "GET", f"{board.path}/cards?limit=100&{query}")
                    # The first round builds the statement.
                    if number:
                        times.append(read_clock() - began)
            small, large = map(min, durations)
            ratios[name] = large / small
        slowest = max(ratios, key=ratios.__getitem__)
        print(f"{kind}: the slowest page is {slowest}")
        yield f"{kind}.pages.{sizes[1]}/{sizes[0]}", ratios[slowest]
        small, large = (_walk(world, people[0], board) for board in boards)
        yield f"{kind}.pages.walk.{sizes[1]}/{sizes[0]}", large / small
        for board in boards:
            for name, query in board.sparse_queries.items():
                path = f"{board.path}/cards?limit=100&{query}"
                yield f"{kind}.sparse.{name}.{board.size}_ms", _measure(world, people[0], path, rounds)
        yield (
            f"{kind}.portfolio.{sum(sizes)}_ms",
            _measure(world, people[0], f"{workspace.path}/projects/portfolio", rounds),
        )


def _measure(world: World, person: Person, path: str, rounds: int) -> float:
    """Return the shortest duration of a request, in milliseconds."""
    durations = []
    for _ in range(rounds + 1):
        began = time.perf_counter()
        world.ask(person, "GET", path)
        durations.append(time.perf_counter() - began)
    return min(durations) * 1e3


def _walk(world: World, person: Person, board: Board) -> float:
    """Return the seconds per card of a walk through a project by pages."""
    began = time.perf_counter()
    query = "limit=500"
    while query:
        response = world.call(person, "GET", f"{board.path}/cards?{query}")
        query = response.headers.get("link", "").partition("?")[2].partition(">")[0]
    return (time.perf_counter() - began) / board.size


def make_board(world: World, people: list[Person], workspace: Workspace, size: int) -> Board:
    """Create a project in which every filter selects the same share of the cards, whatever their number."""
    ann, bob, *_ = people
    project = world.ask(ann, "POST", f"{workspace.path}/projects", {"name": f"Of {size}"})
    path = f"{workspace.path}/projects/{project['id']}"
    columns = world.ask(ann, "GET", f"{path}/columns")
    sprint = world.ask(ann, "POST", f"{path}/scopes", {"name": "Sprint"})
    sprint_columns = world.ask(ann, "GET", f"{path}/columns?scopeId={sprint['id']}")
    labels = [
        world.ask(ann, "POST", f"{path}/labels", {"name": f"label {number}"})["id"]
        for number in range(_LABELS + 2)
    ]
    field = world.ask(ann, "POST", f"{path}/custom-fields", {"name": "Team", "type": "text"})["id"]
    template = read(
        Card, world.ask(ann, "POST", f"{path}/columns/{columns[0]['id']}/cards", {"title": "first"})
    )
    rows = []
    for number in range(1, size):
        card = replace_fields(
            template,
            id=world.core.env.new_id(),
            number=number + 1,
            title=f"Card {number}: say what the {('page', 'form', 'list')[number % 3]} shows",
            description="What it shows today is a white rectangle. People take that for a failure.",
            column_id=columns[number % len(columns)]["id"],
            priority=("medium", "high", None)[number // 3 % 3],
            status=("open", "done")[number // 5 % 2],
            due_date=_NOW + timedelta(days=number % 30),
            assignee_id=people[number // 7 % (len(people) - 1)].id,
            label_ids=[
                labels[number % _LABELS],
                labels[(number + 3) % _LABELS],
                *([labels[-2]] if number % max(1, size // 100) == 0 else []),
            ],
            custom_fields={field: f"team {number % 6}"},
            archived=number % 5 == 0,
            updated_at=_NOW + timedelta(minutes=number % 100),
        )
        if number >= size - FEW:
            card = replace_fields(
                card,
                title=f"Zebra {number}",
                scope_id=sprint["id"],
                column_id=sprint_columns[0]["id"],
                priority="low",
                status="in_progress",
                due_date=_NOW + timedelta(days=60),
                assignee_id=people[-1].id,
                label_ids=[labels[-1]],
                custom_fields={field: "zebras"},
                updated_at=_NOW + timedelta(days=2),
            )
        rows.append(card_rows.row(card, number * GAP))
    for start in range(0, len(rows), _BATCH):
        with world.core.begin(NOBODY) as uow:
            uow.connection.execute(insert(cards), rows[start : start + _BATCH])
    with world.core.begin(NOBODY) as uow:
        for column in [*columns, *sprint_columns]:
            rebuild_index(uow, column["id"])
        uow.connection.execute(text("ANALYZE"))
    filters = {
        "all": "",
        "column": f"columnId={columns[1]['id']}",
        "scope": f"scopeId={columns[1]['scopeId']}",
        "assignee": f"assigneeId={bob.id}",
        "label": f"labelId={labels[2]}",
        "priority": "priority=high",
        "no priority": "priority=none",
        "status": "status=done",
        "archived": "archived=true",
        "unarchived": "archived=false",
        "due before": "dueBefore=2026-04-10",
        "due after": "dueAfter=2026-04-20",
        "updated since": "updatedSince=2026-04-01T01:00:00Z",
        "text": "q=FORM",
        "custom field": f"customField={field}:team 3",
        "column, unarchived": f"columnId={columns[1]['id']}&archived=false",
        "assignee, unarchived": f"assigneeId={bob.id}&archived=false",
        "due, not done": "dueBefore=2026-04-20&status=open",
    }
    queries = dict(filters)
    for place, index in (("middle", size * 3 // 10), ("end", size * 9 // 10 - 2)):
        cursor = make_cursor(rows[index]["id"])
        queries |= {
            f"{name}, {place}": f"{query}&cursor={cursor}".lstrip("&")
            for name, query in filters.items()
            if place == "middle" or name == "all"
        }
    sparse_queries = {
        "few: column": f"columnId={sprint_columns[0]['id']}",
        "few: scope": f"scopeId={sprint['id']}",
        "few: assignee": f"assigneeId={people[-1].id}",
        "few: label": f"labelId={labels[-1]}",
        "far apart: label": f"labelId={labels[-2]}",
        "few: priority": "priority=low",
        "few: status": "status=in_progress",
        "few: due before": "dueBefore=2026-03-31",
        "few: due after": "dueAfter=2026-05-15",
        "few: due between": "dueAfter=2026-05-15&dueBefore=2026-06-15",
        "few: updated since": "updatedSince=2026-04-02T00:00:00Z",
        "few: text": "q=zebra",
        "few: custom field": f"customField={field}:zebras",
        "few: label, unarchived": f"labelId={labels[-1]}&archived=false",
        "few: assignee, open": f"assigneeId={people[-1].id}&status=open",
        "few: column, priority": f"columnId={sprint_columns[0]['id']}&priority=high",
        "none: assignee": "assigneeId=none",
        "none: label": "labelId=none",
        "none: label of another": f"labelId={labels[2]}&assigneeId={people[-1].id}",
        "none: text of a label": f"labelId={labels[2]}&q=zebra",
        "none: status, text": "status=done&q=zebra",
    }
    return Board(path, size, queries, sparse_queries)
