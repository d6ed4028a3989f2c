"""A test API for documents: a workspace with an author, a reviewer and a member."""

from typing import Any

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

    def ask(self, method: str, path: str, body: Any = None, *, by: Person | None = None) -> Any:
        """Send a request that must succeed, on behalf of ann unless another person is given."""
        return self.world.ask(by or self.ann, method, path, body)

    def document(self, title: str = "Plan", *, by: Person | None = None, **body: Any) -> Json:
        """Create a document."""
        return self.ask("POST", self.path, {"title": title, **body}, by=by)

    def of(self, document: Json) -> str:
        return f"{self.path}/{document['id']}"

    def read(self, document: Json, query: str = "") -> Json:
        return self.ask("GET", f"{self.of(document)}?{query}")

    def change(self, document: Json, *, by: Person | None = None, **body: Any) -> Json:
        return self.ask("PATCH", self.of(document), body, by=by)

    def titles(self, query: str = "", *, by: Person | None = None) -> list[str]:
        return [document["title"] for document in self.ask("GET", f"{self.path}?{query}", by=by)]

    def submit(self, document: Json, *, by: Person | None = None) -> Json:
        return self.ask("POST", f"{self.of(document)}/submit-review", by=by)

    def review(
        self, document: Json, status: str = "approved", *, by: Person | None = None, **body: Any
    ) -> Json:
        review = {"status": status, **body}
        return self.world.ask(by or self.rob, "POST", f"{self.of(document)}/review", review)

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
        return self.ask("GET", f"{self.of(document)}/versions")

    def error(
        self, method: str, path: str, body: Any = None, *, by: Person | None = None, **headers: str
    ) -> Any:
        """Send a request that must fail, and return its status and message."""
        return self.world.error(by or self.ann, method, path, body, **headers)

    def notices(self, person: Person) -> list[str]:
        """Return the type and the document's title of each notification of a user, newest first."""
        return [
            f"{notification['activity']['type']} {notification['activity']['meta']['documentTitle']}"
            for notification in self.world.ask(person, "GET", "/notifications")
        ]

    def project(self) -> Json:
        """Create a project, and return it with the id of its only scope."""
        project: Json = self.ask("POST", f"{self.workspace.path}/projects", {"name": "Launch"})
        scopes = f"{self.workspace.path}/projects/{project['id']}/scopes"
        return project | {"scopeId": self.ask("GET", scopes)[0]["id"]}


def content(*texts: str) -> Json:
    """Return a TipTap document with a paragraph for each text."""
    return {
        "type": "doc",
        "content": [{"type": "paragraph", "content": [{"type": "text", "text": text}]} for text in texts],
    }
