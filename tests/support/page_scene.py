"""A workspace with something on each page: a card, a document, a proposal, a suggested action and notifications."""

from datetime import timedelta

from stellary import Stellary
from stellary.client.errors import Proposed
from stellary.core import Core
from tests.support.world import Person, World

HOSTILE = "<script>alert(1)</script>"
TEXT = f"# Why\n\nBecause of **users**.\n\n- [the plan](https://example.com)\n\n{HOSTILE} [x](javascript:alert(1))"


class SilentChannel:
    """A channel like that of e-mail, which sends nothing."""

    def __init__(self, name: str = "mail") -> None:
        self.name = name

    def send(self, message: object) -> None:
        """Send nothing."""


class PageScene:
    """The people of a workspace, and what they work on. Members who are not in the project may only read it.

    Attributes:
        ann, bob, vic, eve: The owner, who reviews; an editor, to whom the card is assigned; a viewer; an outsider.
        bearers: The token of a login of each person, by address.
        paths: The path of each page by name.
    """

    def __init__(self, core: Core) -> None:
        self.world = World(core)
        self.ann, self.bob, self.vic, self.eve = (
            self.world.person(name) for name in ("ann", "bob", "vic", "eve")
        )
        people = self.ann, self.bob, self.vic, self.eve
        self.bearers = {person.email: self.world.bearer(person) for person in people}
        client, bob = self.open_client(self.ann), self.open_client(self.bob)
        workspace = self.world.workspace(self.ann, self.world.organization(self.ann, "acme"), "eng")
        for person in (self.bob, self.vic):
            self.world.join(person, workspace)
        at = client.workspace("acme", "eng")
        project = at.projects.create(name="Q1 <Launch>", member_role="viewer")
        handle = at.project(project)
        handle.members.add(email=self.bob.email, role="editor")
        self.columns = handle.columns.list()
        handle.labels.create(name="Bug <b>", color="#b0261d")
        card = handle.cards.create(
            self.columns[0],
            title=f"Release notes {HOSTILE}",
            description=TEXT,
            priority="high",
            due_date=core.env.clock() - timedelta(days=1),
            assignee_id=self.bob.id,
            label_ids=[handle.labels.list()[0].id],
            checklist=[{"title": "Collect the changes", "done": True}, {"title": "Write the notes"}],
        )
        handle.cards.create(
            self.columns[1], title="Translate the notes", assignee_id=self.bob.id, due_date=core.env.clock()
        )
        self.card = handle.card(card)
        self.file = self.card.attachments.upload(b"hello", name="notes <b>.txt")
        self.card.comments.create(content=f"Please have a look, @bob.\nIt is **urgent**. {HOSTILE}")
        bob.workspace("acme", "eng").project(project).card(card).comments.create(content="Will do.")
        document = at.documents.create(title=f"Plan {HOSTILE}", content=TEXT, content_format="markdown")
        self.document = at.document(document)
        self.document.submit_review()
        self.document.comments.create(content="Ready for review, @bob.")
        agent = at.agents.create(name="Helper", tools=["board.read", "board.write"])
        token = at.agents(agent).tokens.create(name="x").token
        helper = Stellary.embedded(core.port(), token=token).workspace("acme", "eng")
        for title in ("Release notes, all of them", "Another title"):
            try:
                helper.project(project).card(card).update(title=title)
            except Proposed:
                continue
        at.pilotage.propose_action(
            action_type="move_card",
            explanation=f"It is done. {HOSTILE}",
            payload={"cardId": card.id, "targetColumn": "Done"},
        )
        saved = at.saved_filters.create(
            name="Bob's <i>", filter="assignee = bob", project_id=project.id, shared=True
        )
        board = f"/boards/acme/eng/{project.id}"
        version = self.document.versions()[0]
        self.paths = {
            "home": "/home",
            "board": board,
            **{view: f"{board}/{view}" for view in ("list", "calendar", "roadmap", "stats", "flow")},
            "card": f"{board}/cards/{card.key}",
            "filter": f"/filters/acme/eng/{saved.id}",
            "documents": "/documents/acme/eng",
            "document": f"/documents/acme/eng/{document.id}",
            "version": f"/documents/acme/eng/{document.id}/versions/{version.id}",
            "notifications": "/my-notifications",
            "preferences": "/my-notifications/preferences",
            "approvals": "/approvals/acme/eng",
            "tokens": "/my-tokens",
            "second factor": "/second-factor",
            "account": "/account",
            "sign-in": "/sign-in",
            "registration": "/register",
            "forgotten password": "/forgot-password",
        }

    def open_client(self, person: Person) -> Stellary:
        """Return a client of a person."""
        return Stellary.embedded(self.world.core.port(), token=self.bearers[person.email])

    def sign_in(self, person: Person) -> dict[str, str]:
        """Return the headers of the browser of a person who has signed in."""
        return {"cookie": f"stellary_session={self.bearers[person.email]}"}
