"""Project setup: declare a project in a file, plan the changes, and apply them.

Start a server with ``python3 dev.py serve``, then run ``python docs/examples/project_setup.py``.
"""

from __future__ import annotations

import sys
from pathlib import Path
from uuid import uuid4

from stellary import StalePlan, Stellary, UnsuitableDeclaration
from stellary.client import project_setup
from stellary.client.project_setup import Card, Column, Declaration, Label, Project

LAUNCH = Path(__file__).with_name("launch.yaml")


def set_up(client: Stellary, organization: str, workspace: str) -> list[str]:
    """Set up a project, change its declaration, and return the second plan."""
    ws = client.workspace(organization, workspace)
    email = client.auth.me().user.email
    declared = project_setup.loads(LAUNCH.read_bytes().replace(b"jane@example.com", email.encode()), ".yaml")

    # --8<-- [start:apply]
    plan = project_setup.plan(ws, declared)  # or the path of the file
    print(plan)
    done = project_setup.apply(plan, on_change=lambda change: print("done:", change.kind, change.name))
    board = ws.project(done.project)
    # --8<-- [end:apply]

    # --8<-- [start:nothing]
    assert not project_setup.plan(ws, declared)
    # --8<-- [end:nothing]

    # --8<-- [start:values]
    changed = Declaration(
        Project("Q1 Launch"),
        columns=[Column("To do"), Column("Review"), Column("Doing", wip_limit=5), Column("Done")],
        labels=[Label("Defect", was="Bug")],
        cards=[Card("Build it", column="Doing")],
    )
    plan = project_setup.plan(board, changed)
    project_setup.apply(plan)
    # --8<-- [end:values]

    # --8<-- [start:prune]
    pruned = project_setup.plan(board, {"project": "Q1 Launch", "labels": ["Defect"]}, prune=True)
    print(*pruned.changes, sep="\n")
    # --8<-- [end:prune]

    # --8<-- [start:stale]
    board.labels.create(name="Another user's")
    try:
        project_setup.apply(pruned)
    except StalePlan as error:
        print(error)  # nothing was changed
    # --8<-- [end:stale]

    # --8<-- [start:wrong]
    try:
        project_setup.plan(
            ws, {"project": "Q1 Launch", "labels": ["Bug"], "cards": [{"title": "A", "labels": ["Bgu"]}]}
        )
    except UnsuitableDeclaration as error:
        print(error)
    # --8<-- [end:wrong]

    # --8<-- [start:describe]
    declaration = project_setup.describe(board)
    print(project_setup.dumps(declaration))
    # --8<-- [end:describe]
    return [str(change).splitlines()[0] for change in plan.changes]


def main(url: str = "http://localhost:3001") -> None:
    """Run the example with a new account."""
    name = f"acme-{uuid4().hex[:8]}"
    with Stellary.register(url, f"{name}@example.com", "a-long-password", name="Jane Doe") as client:
        client.organizations.create(name=name.title(), slug=name)
        client.organization(name).workspaces.create(name="Engineering", slug="eng")
        set_up(client, name, "eng")


if __name__ == "__main__":
    main(*sys.argv[1:])
