"""The project that is measured: created through the API in process, and described for the other servers."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import attrs
import orjson

from benchmarks.databases import Database
from benchmarks.load import Requests, request_bytes
from stellary.core import Core
from tests.support.world import World

SECRET = "b9c1f04e7d52a86390cf1be47a2d6e18"
CARDS = 200
COLUMNS = 4
# New cards are spread over these columns, so that no column grows much.
GROWING_COLUMNS = 16
LABELS = 8
Json = dict[str, Any]


@attrs.frozen
class Site:
    """The content of the database, in the format of the API.

    Attributes:
        token: The caller's token. Others create cards and are assigned to cards too, so that some are notified.
        users: The ids of all users; the caller is the first.
        tokens: A token of each of them.
        workspace: The path of the workspace.
        project, columns, labels, cards: The project whose cards are listed, read and moved.
        growing, growing_columns: Another project, in which cards are created.
        me: The response to ``GET /auth/me``.
    """

    token: str
    users: list[str]
    tokens: list[str]
    organization_id: str
    workspace_id: str
    workspace: str
    project: Json
    columns: list[Json]
    labels: list[Json]
    cards: list[Json]
    growing: Json
    growing_columns: list[Json]
    growing_labels: list[Json]
    me: Json

    @property
    def project_path(self) -> str:
        return f"{self.workspace}/projects/{self.project['id']}"

    @property
    def growing_path(self) -> str:
        return f"{self.workspace}/projects/{self.growing['id']}"

    def list_cards(self) -> bytes:
        return request_bytes("GET", f"{self.project_path}/cards", self.token)

    def whoami(self) -> bytes:
        return request_bytes("GET", "/auth/me", self.token)

    def get_cards(self) -> list[bytes]:
        return [
            request_bytes("GET", f"{self.project_path}/cards/{card['id']}", self.token) for card in self.cards
        ]

    def create_cards(self) -> list[bytes]:
        """Return a request for each column that creates a typical card."""
        body = {
            "title": "Write down what the customer has said about the new form",
            "priority": "medium",
            "dueDate": "2026-05-01",
            "assigneeId": self.users[1],
            "labelIds": [label["id"] for label in self.growing_labels[:2]],
        }
        return [
            request_bytes(
                "POST",
                f"{self.growing_path}/columns/{column['id']}/cards",
                self.token,
                orjson.dumps(body),
            )
            for column in self.growing_columns
        ]

    def move_cards(self, cards: list[Json]) -> Iterator[bytes]:
        """Yield requests that move each card to the next column: to the top, further down and the end in turn."""
        ids = [column["id"] for column in self.columns]
        positions = itertools.cycle([{"order": 0}, {"order": 10}, {"order": 25}, {}])
        for step in itertools.count(1):
            for card in cards:
                column = ids[(ids.index(card["columnId"]) + step) % len(ids)]
                path = f"{self.project_path}/cards/{card['id']}"
                yield request_bytes(
                    "PATCH", path, self.token, orjson.dumps({"columnId": column, **next(positions)})
                )

    def change_and_list_cards(self, cards: list[Json]) -> Iterator[bytes]:
        """Yield requests that change the title of each card, with a list of all cards after each of them."""
        for number in itertools.count(1):
            for card in cards:
                path = f"{self.project_path}/cards/{card['id']}"
                yield request_bytes(
                    "PATCH", path, self.token, orjson.dumps({"title": f"{card['title']} {number}"})
                )
                yield self.list_cards()

    def clients(self, measure: str, count: int) -> list[Requests]:
        """Return the requests of each client."""
        if measure == "move":
            # Each card is moved by one client only, so that each move changes its column.
            return [self.move_cards(self.cards[number::count]) for number in range(count)]
        if measure == "turn":
            return [self.change_and_list_cards(self.cards[number::count]) for number in range(count)]
        requests = {
            "whoami": [self.whoami()],
            "list": [self.list_cards()],
            "get": self.get_cards(),
            "create": self.create_cards(),
        }[measure]
        return [itertools.cycle(requests[number:] + requests[:number]) for number in range(count)]


def seed_database(database: Database) -> Site:
    """Create the tables and the project in an empty database of the core."""
    core = Core(database.url, jwt_secret=SECRET, bcrypt_rounds=4)
    try:
        core.migrate()
        return make_site(core)
    finally:
        core.close()


def make_site(core: Core, cards: int = CARDS) -> Site:
    """Create the users, the workspace and two projects in an empty database."""
    world = World(core)
    ann, bob, cyn = people = world.people("ann bob cyn")
    workspace = world.workspace(ann)
    for person in (bob, cyn):
        world.join(person, workspace)

    def project(name: str, columns: int) -> tuple[Json, list[Json], list[Json]]:
        created = world.ask(ann, "POST", f"{workspace.path}/projects", {"name": name})
        path = f"{workspace.path}/projects/{created['id']}"
        existing = len(world.ask(ann, "GET", f"{path}/columns"))
        for number in range(existing, columns):
            world.ask(ann, "POST", f"{path}/columns", {"name": f"Stage {number}"})
        for number in range(LABELS):
            world.ask(ann, "POST", f"{path}/labels", {"name": f"label {number}", "color": "#22AA66"})
        return created, world.ask(ann, "GET", f"{path}/columns"), world.ask(ann, "GET", f"{path}/labels")

    board, columns, labels = project("Launch", COLUMNS)
    path = f"{workspace.path}/projects/{board['id']}"
    for number in range(cards):
        card = _card(number, [person.id for person in people], [label["id"] for label in labels])
        column = columns[number % COLUMNS]["id"]
        world.ask(people[number % 2], "POST", f"{path}/columns/{column}/cards", card)
    growing, growing_columns, growing_labels = project("Growing", GROWING_COLUMNS)
    token = world.bearer(ann)
    return Site(
        token=token,
        users=[person.id for person in people],
        tokens=[world.bearer(person) for person in people],
        organization_id=workspace.organization.id,
        workspace_id=workspace.id,
        workspace=workspace.path,
        project=board,
        columns=columns,
        labels=labels,
        cards=world.ask(ann, "GET", f"{path}/cards"),
        growing=growing,
        growing_columns=growing_columns,
        growing_labels=growing_labels,
        me=world.ask(token, "GET", "/auth/me"),
    )


def _card(number: int, users: list[str], labels: list[str]) -> Json:
    return {
        "title": f"Card {number}: say what the page shows when nothing is there yet",
        "description": "What the page shows today is a white rectangle. People take that for a failure and load it again.",
        "priority": ("low", "medium", "high")[number % 3],
        "dueDate": f"2026-05-{number % 28 + 1:02}",
        "assigneeId": users[number % len(users)],
        "labelIds": [labels[number % len(labels)], labels[(number + 3) % len(labels)]],
        "checklist": [{"title": f"Step {step} of what is to be done"} for step in range(3)],
    }
