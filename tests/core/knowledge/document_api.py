"""A shelf to put documents on: a workspace with an author, a reviewer, and short ways to ask."""

from __future__ import annotations

from typing import Any

import orjson

from tests.support.world import Person, World

Json = dict[str, Any]


class DocumentApi:
    """A workspace of ann's, in which rob reviews and wim is a member.

    Attributes:
        path: That of its documents.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.ann, self.rob, self.wim = world.people("ann rob wim")
        self.workspace = world.workspace(self.ann)
        world.join(self.rob, self.workspace, pilotage_role="reviewer")
        world.join(self.wim, self.workspace)
        self.path = f"{self.workspace.path}/documents"

    def document(self, title: str = "Plan", *, by: Person | None = None, **body: Any) -> Json:
        """A new document."""
        made: Json = self.world.ask(by or self.ann, "POST", self.path, {"title": title, **body})
        return made

    def of(self, document: Json) -> str:
        return f"{self.path}/{document['id']}"

    def read(self, document: Json, query: str = "") -> Json:
        found: Json = self.world.ask(self.ann, "GET", f"{self.of(document)}?{query}")
        return found

    def change(self, document: Json, *, by: Person | None = None, **body: Any) -> Json:
        made: Json = self.world.ask(by or self.ann, "PATCH", self.of(document), body)
        return made

    def titles(self, query: str = "", *, by: Person | None = None) -> list[str]:
        return [each["title"] for each in self.world.ask(by or self.ann, "GET", f"{self.path}?{query}")]

    def submit(self, document: Json, *, by: Person | None = None) -> Json:
        made: Json = self.world.ask(by or self.ann, "POST", f"{self.of(document)}/submit-review")
        return made

    def review(
        self, document: Json, status: str = "approved", *, by: Person | None = None, **body: Any
    ) -> Json:
        said = {"status": status, **body}
        made: Json = self.world.ask(by or self.rob, "POST", f"{self.of(document)}/review", said)
        return made

    def do(self, document: Json, move: str) -> int:
        """The status of the answer to a move of the review, by somebody who may."""
        path = self.of(document)
        match move:
            case "submit":
                return self.world.status(self.wim, "POST", f"{path}/submit-review")
            case "edit":
                edited = content(str(self.read(document)["version"]))
                return self.world.status(self.wim, "PATCH", path, {"content": edited})
            case _:
                said = {"approve": "approved", "request_changes": "changes_requested"}[move]
                return self.world.status(self.rob, "POST", f"{path}/review", {"status": said})

    def versions(self, document: Json) -> list[Json]:
        """What was submitted, newest first."""
        found: list[Json] = self.world.ask(self.ann, "GET", f"{self.of(document)}/versions")
        return found

    def error(
        self, method: str, path: str, body: Any = None, *, by: Person | None = None, **headers: str
    ) -> Any:
        """Status and message of a call that has to fail."""
        answer = self.world.call(by or self.ann, method, path, body, **headers)
        assert answer.status >= 400, answer
        return answer.status, orjson.loads(answer.body)["message"]

    def told(self, person: Person) -> list[str]:
        """What somebody is notified of, newest first: the type and the document's title."""
        found = self.world.ask(person, "GET", "/notifications")
        return [f"{each['activity']['type']} {each['activity']['meta']['documentTitle']}" for each in found]

    def project(self) -> Json:
        """A new project, with the id of its only scope."""
        made: Json = self.world.ask(self.ann, "POST", f"{self.workspace.path}/projects", {"name": "Launch"})
        scopes = f"{self.workspace.path}/projects/{made['id']}/scopes"
        return made | {"scopeId": self.world.ask(self.ann, "GET", scopes)[0]["id"]}


def content(*texts: str) -> Json:
    """A TipTap document with a paragraph for each text."""
    return {
        "type": "doc",
        "content": [{"type": "paragraph", "content": [{"type": "text", "text": each}]} for each in texts],
    }
