"""The project that most tests declare, and helpers that create it and change its declaration."""

import pytest

from stellary import UnsuitableDeclaration
from stellary.client import project_setup as ps

LAUNCH = ps.Declaration(
    ps.Project("Launch", key="LAUNCH", description="Soon"),
    scopes=[
        ps.Scope("Main", default=True, columns=[ps.Column("To do"), ps.Column("Done", card_status="done")]),
        ps.Scope("MVP", description="First", view="list", columns=[ps.Column("Idea"), ps.Column("Done")]),
    ],
    labels=[ps.Label("Bug", color="#ef4444")],
    fields=[ps.Field("Level", "select", options=["low", "high"])],
    cards=[
        ps.Card(
            "Write", labels=["bug"], fields={"level": "high"}, assignee="joe", checklist=[ps.Step("Ask")]
        ),
        ps.Card("Ship", scope="MVP", column="Done", parent="Write", archived=True),
    ],
    automations=[
        ps.Automation(
            "Move on", "checklist_complete", ps.Action("move_card", {"targetColumn": {"column": "Done"}})
        )
    ],
    members=["jane@example.com", "joe@example.com"],
)


def create_project(ws, declaration=LAUNCH):
    """Apply a declaration to a workspace, and return the handle of the project."""
    return ws.project(ps.apply(ps.plan(ws, declaration)).project)


def declare(**items):
    """Return a declaration of the project with other items."""
    return ps.Declaration(ps.Project("Launch"), **items)


def plan_problems(at, declaration, prune=False):
    """Return the problems with which a plan is refused."""
    with pytest.raises(UnsuitableDeclaration) as caught:
        ps.plan(at, declaration, prune=prune)
    return [": ".join(problem) for problem in caught.value.problems]
