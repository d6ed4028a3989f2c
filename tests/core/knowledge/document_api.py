"""A test API for documents: a workspace with an author, a reviewer and a member."""

from typing import Any

import orjson

from tests.support.world import Person, World

Json = dict[str, Any]


class DocumentApi:
    """A workspace of ann's, in which rob is a reviewer and wim a member.

    Attributes:
        path: Path of the documents of the workspace.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.ann, self.rob, self.wim = world.people("ann rob wim")
        self.workspace = world.workspace(self.ann)
        world.join(self.rob, self.workspace, pilotage_role="reviewer")
        world.join(self.wim, self.workspace)
        self.path = f"{self.workspace.path}/documents"

    def document(self, title: str = "Plan", *, by: Person | None = None, **body: Any) -> Json:
        """Create a document."""
        document: Json = self.world.ask(by or self.ann, "POST", self.path, {"title": title, **body})
        return document

    def of(self, document: Json) -> str:
        return f"{self.path}/{document['id']}"

    def read(self, document: Json, query: str = "") -> Json:
        current: Json = self.world.ask(self.ann, "GET", f"{self.of(document)}?{query}")
        return current

    def change(self, document: Json, *, by: Person | None = None, **body: Any) -> Json:
        changed: Json = self.world.ask(by or self.ann, "PATCH", self.of(document), body)
        return changed

    def titles(self, query: str = "", *, by: Person | None = None) -> list[str]:
        return [
            document["title"] for document in self.world.ask(by or self.ann, "GET", f"{self.path}?{query}")
        ]

    def submit(self, document: Json, *, by: Person | None = None) -> Json:
        submitted: Json = self.world.ask(by or self.ann, "POST", f"{self.of(document)}/submit-review")
        return submitted

    def review(
        self, document: Json, status: str = "approved", *, by: Person | None = None, **body: Any
    ) -> Json:
        review = {"status": status, **body}
        reviewed: Json = self.world.ask(by or self.rob, "POST", f"{self.of(document)}/review", review)
        return reviewed

    def do(self, document: Json, move: str) -> int:
        """Make a move of the review on behalf of a user who may, and return the status of the response."""
        path = self.of(document)
        match move:
            case "submit":
                return self.world.status(self.wim, "POST", f"{path}/submit-review")
            case "edit":
                edited = content(str(self.read(document)["version"]))
                return self.world.status(self.wim, "PATCH", path, {"content": edited})
            case _:
                status = {"approve": "approved", "request_changes": "changes_requested"}[move]
                return self.world.status(self.rob, "POST", f"{path}/review", {"status": status})

    def versions(self, document: Json) -> list[Json]:
        """Return the submitted versions, newest first."""
        versions: list[Json] = self.world.ask(self.ann, "GET", f"{self.of(document)}/versions")
        return versions

    def error(
        self, method: str, path: str, body: Any = None, *, by: Person | None = None, **headers: str
    ) -> Any:
        """Send a request that must fail, and return its status and message."""
        answer = self.world.call(by or self.ann, method, path, body, **headers)
        assert answer.status >= 400, answer
        return answer.status, orjson.loads(answer.body)["message"]

    def notices(self, person: Person) -> list[str]:
        """Return the type and the document's title of each notification of a user, newest first."""
        notifications = self.world.ask(person, "GET", "/notifications")
        return [
            f"{notification['activity']['type']} {notification['activity']['meta']['documentTitle']}"
            for notification in notifications
        ]

    def project(self) -> Json:
        """Create a project, and return it with the id of its only scope."""
        project: Json = self.world.ask(
            self.ann, "POST", f"{self.workspace.path}/projects", {"name": "Launch"}
        )
        scopes = f"{self.workspace.path}/projects/{project['id']}/scopes"
        return project | {"scopeId": self.world.ask(self.ann, "GET", scopes)[0]["id"]}


def content(*texts: str) -> Json:
    """Return a TipTap document with a paragraph for each text."""
    return {
        "type": "doc",
        "content": [{"type": "paragraph", "content": [{"type": "text", "text": text}]} for text in texts],
    }
