"""A board to test with: a workspace with people in it, a project, its columns, and cards made as people make them."""

from __future__ import annotations

from typing import Any

from tests.support.world import Person, Workspace, World

Json = dict[str, Any]


class Board:
    """A new project and its paths.

    Attributes:
        flat: The path of the workspace, below which cards and labels are reached without their project.
        path: That of the project.
        columns: Those that the project began with.
    """

    def __init__(self, world: World, owner: Person, workspace: Workspace | None = None) -> None:
        self.world = world
        self.owner = owner
        self.workspace = workspace or world.workspace(owner)
        self.flat = self.workspace.path
        self.project: Json = world.ask(owner, "POST", f"{self.flat}/projects", {"name": "Launch"})
        self.path = f"{self.flat}/projects/{self.project['id']}"
        self.columns: list[Json] = world.ask(owner, "GET", f"{self.path}/columns")

    def join(self, *people: Person) -> None:
        """Make people members of the workspace."""
        for person in people:
            self.world.join(person, self.workspace)

    def card(self, title: str = "Write", *, by: Person | None = None, column: int = 0, **body: Any) -> Json:
        """A new card."""
        path = f"{self.path}/columns/{self.columns[column]['id']}/cards"
        made: Json = self.world.ask(by or self.owner, "POST", path, {"title": title, **body})
        return made

    def read(self, card: Json) -> Json:
        """The card as it is by now."""
        found: Json = self.world.ask(self.owner, "GET", self.of(card))
        return found

    def of(self, card: Json) -> str:
        """The path of a card below its project."""
        return f"{self.path}/cards/{card['id']}"

    def flat_of(self, card: Json) -> str:
        """The path of a card below its workspace."""
        return f"{self.flat}/cards/{card['id']}"

    def label(self, name: str = "bug") -> Json:
        """A new label."""
        made: Json = self.world.ask(self.owner, "POST", f"{self.path}/labels", {"name": name})
        return made

    def comment(self, card: Json, content: str = "Well.", *, by: Person | None = None) -> Json:
        """A new comment."""
        body = {"content": content}
        made: Json = self.world.ask(by or self.owner, "POST", f"{self.of(card)}/comments", body)
        return made
