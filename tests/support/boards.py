"""A board for tests: a workspace, a project, its columns and calls that create cards."""

from datetime import UTC, datetime, timedelta
from typing import Any

from stellary.core import Core
from tests.support.world import Person, Workspace, World

Json = dict[str, Any]


class Board:
    """A new project and its paths.

    Attributes:
        flat: The path of the workspace, which is the prefix of flat card and label paths.
        path: The path of the project.
        columns: The initial columns of the project.
    """

    def __init__(self, world: World, owner: Person, workspace: Workspace | None = None) -> None:
        self.world = world
        self.owner = owner
        self.workspace = workspace or world.workspace(owner)
        self.flat = self.workspace.path
        self.project: Json = world.ask(owner, "POST", f"{self.flat}/projects", {"name": "Launch"})
        self.path = f"{self.flat}/projects/{self.project['id']}"
        self.columns: list[Json] = world.ask(owner, "GET", f"{self.path}/columns")

    @property
    def bearer(self) -> str:
        """The token of a login of the owner."""
        return self.world.bearer(self.owner)

    def join(self, *people: Person) -> None:
        """Make people members of the workspace."""
        for person in people:
            self.world.join(person, self.workspace)

    def member(self, name: str, role: str = "member") -> Person:
        """Create a user who is a member of the workspace."""
        return self.world.member(name, self.workspace, role)

    def card(self, title: str = "Write", *, by: Person | None = None, column: int = 0, **body: Any) -> Json:
        """Create a card."""
        path = f"{self.path}/columns/{self.columns[column]['id']}/cards"
        return self.world.ask(by or self.owner, "POST", path, {"title": title, **body})

    def cards(self, count: int, *, by: Person | None = None, **fields: Any) -> list[Json]:
        """Create cards in the first column by one request, by default with their numbers as titles."""
        column_id = self.columns[0]["id"]
        cards = [{"title": str(number), "columnId": column_id, **fields} for number in range(count)]
        return self.world.ask(by or self.owner, "POST", f"{self.path}/cards/bulk", {"cards": cards})

    def read(self, card: Json) -> Json:
        """Return the current state of a card."""
        return self.world.ask(self.owner, "GET", self.of(card))

    def walk(self, path: str) -> list[list[Json]]:
        """Return the pages of a list."""
        return list(self.world.walk(self.owner, path))

    def of(self, card: Json) -> str:
        """Return the path of a card below its project."""
        return f"{self.path}/cards/{card['id']}"

    def flat_of(self, card: Json) -> str:
        """Return the path of a card below its workspace."""
        return f"{self.flat}/cards/{card['id']}"

    def label(self, name: str = "bug") -> Json:
        """Create a label."""
        return self.world.ask(self.owner, "POST", f"{self.path}/labels", {"name": name})

    def comment(self, card: Json, content: str = "Well.", *, by: Person | None = None) -> Json:
        """Create a comment."""
        body = {"content": content}
        return self.world.ask(by or self.owner, "POST", f"{self.of(card)}/comments", body)


def create_shared_board(world: World) -> Board:
    """Return a board of ann, in whose workspace bob and cid are members; jobs run from then on."""
    ann, bob, cid = world.people("ann bob cid")
    board = Board(world, ann)
    board.join(bob, cid)
    board.bob, board.cid = bob, cid
    world.core.work.begin()
    return board


def end_access(board: Board, how: str) -> None:
    """Let bob lose sight of the project of a shared board: he leaves, is left out, or is deactivated."""
    if how == "leaves":
        ask(board, "DELETE", f"{board.flat}/members/{board.bob.id}")
    elif how == "is left out":
        ask(board, "PATCH", board.path, {"visibility": "private"})
    else:
        with board.world.core.database.writing() as connection:
            connection.exec_driver_sql("UPDATE stellary_users SET external_id = name")
        board.world.core.deactivate("bob")


def create_board(core: Core) -> Board:
    """Return a new board of a new user, ann."""
    world = World(core)
    return Board(world, world.person("ann"))


def ask(board: Board, method: str, path: str, body: Any = None, **headers: str) -> Any:
    """Return the answer to a request of the owner, which must succeed."""
    return board.world.ask(board.owner, method, path, body, **headers)


def status(board: Board, method: str, path: str, body: Any = None, **headers: str) -> int:
    """Return the status of the answer to a request of the owner."""
    return board.world.status(board.owner, method, path, body, **headers)


def error(board: Board, method: str, path: str, body: Any = None) -> tuple[int, str]:
    """Send a request of the owner that must fail, and return its status and message."""
    return board.world.error(board.owner, method, path, body)


def day(days: int) -> str:
    """Return midnight UTC of a day relative to today."""
    return (datetime.now(UTC) + timedelta(days=days)).strftime("%Y-%m-%dT00:00:00Z")
