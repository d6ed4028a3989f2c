"""The fixtures of the tests of the trash."""

from typing import Any

import attrs
import pytest

from tests.support.forms import FORM, form
from tests.support.world import Person, Project, World


@attrs.frozen
class TrashApi:
    """Calls about a project and its trash, on behalf of a member."""

    world: World
    person: Person
    project: Project

    @property
    def trash(self) -> str:
        """The path of the trash."""
        return f"{self.project.workspace.path}/trash"

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Send a request that must succeed, to a path below the project or an absolute one."""
        return self.world.ask(self.person, method, self._complete(path), body, **headers)

    def status(self, method: str, path: str, body: Any = None) -> int:
        """Send a request, and return the status."""
        return self.world.status(self.person, method, self._complete(path), body)

    def _complete(self, path: str) -> str:
        return path if path.startswith("/orgs") else f"{self.project.path}{path}"

    def card(self, title: str = "a card", column: int = 0, **fields: Any) -> dict[str, Any]:
        """Create a card at the end of a column."""
        return self.world.card(self.person, self.project, title, column, **fields)

    def attach(self, card: dict[str, Any], content: bytes = b"Hello.") -> dict[str, Any]:
        """Attach a file to a card."""
        return self.ask("POST", f"/cards/{card['id']}/attachments", form(content), content_type=FORM)

    def export(self) -> dict[str, Any]:
        """Return the project's export, without the time of it."""
        export = self.ask("GET", "/export")
        del export["exportedAt"]
        return export

    def items(self, **filters: str) -> list[dict[str, Any]]:
        """Return the items in the trash, the last one first."""
        query = "&".join(f"{name}={value}" for name, value in filters.items())
        return self.ask("GET", f"{self.trash}?{query}" if query else self.trash)

    def restore(self, item_id: str, body: Any = None) -> dict[str, Any]:
        """Restore the item of an id."""
        return self.ask("POST", f"{self.trash}/{self.entry(item_id)}/restore", body)

    def entry(self, item_id: str) -> str:
        """Return the id of an item's entry in the trash."""
        return next(item["id"] for item in self.items() if item["itemId"] == item_id)


@pytest.fixture
def trash_api(world: World) -> TrashApi:
    """Return calls about a new project of its own workspace."""
    person = world.person()
    return TrashApi(world, person, world.project(person, world.workspace(person)))
