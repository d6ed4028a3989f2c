"""A board that is kept from the events of its workspace alone equals ``GET …/board`` after any sequence of writes."""

import random
from itertools import zip_longest

import orjson
import pytest

from stellary.contract.wire import Follow
from tests.core.notifications.live_board import LiveBoard
from tests.support.boards import Board, ask
from tests.support.core_parts import stream_events

STEPS = 70


class Writer:
    """Random writes to a board."""

    def __init__(self, board, bob, seed):
        self.board = board
        self.bob = bob
        self.random = random.Random(seed)
        self.steps = [name for name in dir(self) if name.startswith("write_")]
        # Deleted items pile up otherwise.
        self.steps += ["write_restoration"] * 5
        self.agent_id = self.create_agent()
        self.other = board.world.project(board.owner, board.workspace)

    def write(self, name=None):
        """Send a request, by default a random one, which may be refused, and return its name and status."""
        name = name or self.random.choice(self.steps)
        method, path, body = getattr(self, name)()
        response = self.board.world.call(self.board.owner, method, path, body)
        assert response.status < 500, (name, body, response.body)
        if name == "write_departure":
            self.board.join(self.bob)
        return name, response.status

    def read(self, tail):
        return ask(self.board, "GET", f"{self.board.path}/{tail}") or [{"id": "a" * 24, "version": 1}]

    def choose(self, tail):
        return self.random.choice(self.read(tail))["id"]

    def card_path(self):
        return f"{self.board.path}/cards/{self.choose('cards')}"

    def flat_card(self):
        return f"{self.board.flat}/cards/{self.choose('cards')}"

    def text(self):
        return "a" + "".join(self.random.choices("ab é-", k=4))

    def change(self):
        """Return a random change of a card."""
        kinds = {
            "title": self.text,
            "description": lambda: self.random.choice((None, self.text(), "Line\n" * 600)),
            "priority": lambda: self.random.choice((None, "low", "high")),
            "status": lambda: self.random.choice(("open", "done")),
            "columnId": lambda: self.choose("columns"),
            "order": lambda: self.random.randrange(4),
            "archived": lambda: self.random.choice((True, False)),
            "labelIds": lambda: [self.choose("labels")],
            "assigneeId": lambda: self.random.choice((None, self.board.owner.id, self.bob.id)),
        }
        return {name: kinds[name]() for name in self.random.sample(sorted(kinds), self.random.randint(1, 3))}

    def write_card(self):
        return "POST", f"{self.board.path}/columns/{self.choose('columns')}/cards", {"title": "New"}

    def write_cards(self):
        cards = [{"title": "One", "columnId": self.choose("columns")} for _ in range(3)]
        return "POST", f"{self.board.path}/cards/bulk", {"cards": cards}

    def write_card_change(self):
        return "PATCH", self.card_path(), self.change()

    def write_card_changes(self):
        cards = self.read("cards")
        chosen = self.random.sample(cards, min(len(cards), 4))
        changes = [{"id": card["id"], **self.change()} for card in chosen]
        return "PATCH", f"{self.board.path}/cards/bulk", {"cards": changes}

    def write_move(self):
        body = {"columnId": self.choose("columns"), "order": self.random.randrange(4)}
        return "PATCH", self.card_path(), body

    def write_moves(self):
        cards = self.read("cards")
        chosen = self.random.sample(cards, min(len(cards), 4))
        column = self.choose("columns")
        changes = [
            {"id": card["id"], "columnId": column, "order": self.random.randrange(4)} for card in chosen
        ]
        return "PATCH", f"{self.board.path}/cards/bulk", {"cards": changes}

    def write_transfer(self):
        body = {"columnId": self.random.choice(self.other.column_ids), "missing": "drop"}
        return "POST", f"{self.card_path()}/transfer", body

    def write_return(self):
        cards = ask(self.board, "GET", f"{self.other.path}/cards")
        body = {"cardIds": [card["id"] for card in cards[-3:]], "columnId": self.choose("columns")}
        return "POST", f"{self.other.path}/cards/bulk/transfer", {**body, "missing": "create"}

    def write_card_deletion(self):
        return "DELETE", self.card_path(), None

    def write_comment(self):
        return "POST", f"{self.card_path()}/comments", {"content": self.text()}

    def comment_path(self):
        cards = [card for card in self.read("cards") if card.get("commentCount")]
        path = f"{self.board.path}/cards/{self.random.choice(cards)['id'] if cards else 'a' * 24}"
        comments = ask(self.board, "GET", f"{path}/comments") if cards else []
        return f"{path}/comments/{comments[0]['id'] if comments else 'a' * 24}"

    def write_comment_change(self):
        return "PATCH", self.comment_path(), {"content": self.text()}

    def write_comment_deletion(self):
        return "DELETE", self.comment_path(), None

    def write_checklist_item(self):
        return "POST", f"{self.flat_card()}/checklist", {"title": self.text()}

    def write_label(self):
        return "POST", f"{self.board.path}/labels", {"name": f"label {self.random.random()}"}

    def write_label_change(self):
        path = f"{self.board.flat}/labels/{self.choose('labels')}"
        return "PATCH", path, {"color": self.random.choice(("#ef4444", "#22c55e"))}

    def write_label_deletion(self):
        return "DELETE", f"{self.board.flat}/labels/{self.choose('labels')}", None

    def write_field(self):
        body = {"name": f"field {self.random.random()}", "type": self.random.choice(("text", "number"))}
        return "POST", f"{self.board.path}/custom-fields", body

    def write_field_change(self):
        path = f"{self.board.flat}/custom-fields/{self.choose('custom-fields')}"
        return "PATCH", path, {"type": self.random.choice(("text", "number"))}

    def write_field_deletion(self):
        return "DELETE", f"{self.board.flat}/custom-fields/{self.choose('custom-fields')}", None

    def write_field_value(self):
        value = self.random.choice((None, 3, "3", "text"))
        return "PATCH", f"{self.flat_card()}/custom-fields", {self.choose("custom-fields"): value}

    def write_column(self):
        body = {"name": "Column", "scopeId": self.choose("scopes"), "order": self.random.randrange(3)}
        return "POST", f"{self.board.path}/columns", body

    def write_column_change(self):
        path = f"{self.board.path}/columns/{self.choose('columns')}"
        return "PATCH", path, self.random.choice(({"name": "Renamed"}, {"order": self.random.randrange(3)}))

    def write_column_deletion(self):
        target = self.choose("columns")
        return "DELETE", f"{self.board.path}/columns/{self.choose('columns')}?moveCardsTo={target}", None

    def write_scope(self):
        return "POST", f"{self.board.path}/scopes", {"name": "Scope", "order": self.random.randrange(3)}

    def write_scope_change(self):
        path = f"{self.board.flat}/scopes/{self.choose('scopes')}"
        return "PATCH", path, self.random.choice(({"name": "Renamed"}, {"order": self.random.randrange(3)}))

    def write_view(self):
        path = f"{self.board.flat}/scopes/{self.choose('scopes')}/views"
        return "PATCH", path, {"activeView": self.random.choice(("kanban", "list")), "settings": {"a": 1}}

    def write_scope_deletion(self):
        query = self.random.choice(("", f"?moveCardsTo={self.choose('columns')}"))
        return "DELETE", f"{self.board.flat}/scopes/{self.choose('scopes')}{query}", None

    def entry_path(self):
        path = f"{self.board.flat}/trash"
        items = ask(self.board, "GET", f"{path}?projectId={self.board.project['id']}")
        return f"{path}/{self.random.choice(items)['id'] if items else 'none'}"

    def write_restoration(self):
        return "POST", f"{self.entry_path()}/restore", None

    def write_purge(self):
        return "DELETE", self.entry_path(), None

    def write_undo(self):
        activities = self.read("activity")
        return "POST", f"{self.board.path}/activity/{self.random.choice(activities)['id']}/undo", None

    def write_project(self):
        return "PATCH", self.board.path, {"name": self.text(), "description": self.text()}

    def write_import(self):
        return "POST", f"{self.board.flat}/projects/import", self.read("export")

    def document_path(self):
        documents = ask(self.board, "GET", f"{self.board.flat}/documents") or [{"id": "a" * 24}]
        return f"{self.board.flat}/documents/{self.random.choice(documents)['id']}"

    def document(self):
        return {"title": self.text(), "content": f"# {self.text()}", "contentFormat": "markdown"}

    def write_document(self):
        place = {"contextType": "project", "contextId": self.board.project["id"]}
        return "POST", f"{self.board.flat}/documents", {**self.document(), **place}

    def write_document_change(self):
        return "PATCH", self.document_path(), {**self.document(), "tags": ["tag"]}

    def write_document_move(self):
        return "PATCH", self.document_path(), {"contextType": "organization"}

    def write_document_deletion(self):
        return "DELETE", self.document_path(), None

    def write_member(self):
        return "POST", f"{self.board.path}/members", {"email": self.bob.email}

    def write_assignment(self):
        return "PATCH", self.card_path(), {"assigneeId": self.random.choice((self.bob.id, self.agent_id))}

    def write_agent_deletion(self):
        path = f"{self.board.flat}/agents/{self.agent_id}"
        self.agent_id = self.create_agent()
        return "DELETE", path, None

    def create_agent(self):
        body = {"name": "Scribe", "slug": f"scribe-{self.random.randrange(10**9)}", "tools": ["board.read"]}
        return ask(self.board, "POST", f"{self.board.flat}/agents", body)["id"]

    def write_departure(self):
        """Remove a member from the workspace, who is added to it again afterwards."""
        return "DELETE", f"{self.board.flat}/members/{self.bob.id}", None

    def write_member_removal(self):
        return "DELETE", f"{self.board.path}/members/{self.bob.id}", None


class Reader:
    """A reader of the events of a board."""

    def __init__(self, core, board):
        self.core = core
        self.board = board
        with core.view(board.owner.actor) as uow:
            self.record = stream_events(uow, board.workspace.ref, Follow())
        self.position = self.record.read(core, None).position

    def read(self):
        """Return the events of the project since the last call."""
        events = []
        while True:
            batch = self.record.read(self.core, self.position)
            self.position = batch.position
            for frame in batch.frames.decode().split("\n\n")[:-1]:
                data = next(line for line in frame.split("\n") if line.startswith("data: "))
                events.append(orjson.loads(data.removeprefix("data: ")))
            if not (batch.frames or batch.more or batch.pending):
                return [event for event in events if event["projectId"] == self.board.project["id"]]


def list_differences(live_board, board):
    """Return the items in which a live board differs from ``GET …/board``."""
    expected = ask(board, "GET", f"{board.path}/board")
    actual = live_board.to_json()
    differences = []
    for name, items in expected.items():
        pairs = zip_longest(actual[name], items) if isinstance(items, list) else [(actual[name], items)]
        for live, read in ((live or {}, read or {}) for live, read in pairs):
            fields = [field for field in live | read if live.get(field) != read.get(field)]
            differences += [f"{name} {field}: {live.get(field)} != {read.get(field)}" for field in fields]
    return "\n".join(differences)


@pytest.mark.slow("writes to a board seventy times, and reads its events")
@pytest.mark.parametrize("seed", range(5))
def test_board_kept_from_events_equals_the_board(core, world, seed):
    board = Board(world, world.person("ann"))
    bob = board.member("bob")
    world.ask(board.owner, "POST", f"{board.path}/members", {"email": bob.email})
    if seed % 2:
        move = {"type": "move_card", "params": {"targetColumn": "Done", "order": 0}}
        rule = {"trigger": "task_created", "action": move}
        world.ask(board.owner, "POST", f"{board.path}/automations", rule)
    reader, writer = Reader(core, board), Writer(board, bob, seed)
    live_board = LiveBoard(world.ask(board.owner, "GET", f"{board.path}/board"))
    done = []
    for _ in range(STEPS):
        done.append(writer.write())
        # Sometimes several writes pass before their events are read.
        if writer.random.random() < 0.5:
            for event in reader.read():
                live_board.apply(event)
            assert list_differences(live_board, board) == "", done[-4:]
    for event in reader.read():
        live_board.apply(event)
    assert list_differences(live_board, board) == "", done[-4:]
    assert len({name for name, status in done if status < 300}) > 15
