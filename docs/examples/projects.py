"""Projects: create from templates, share with members, archive and delete.

Start a server with ``python3 dev.py serve``, then run ``python docs/examples/projects.py``.
"""

from __future__ import annotations

import sys
from datetime import date
from uuid import uuid4

from stellary import Conflict, NotFound, Stellary


def projects(client: Stellary, organization: str, workspace: str) -> list[str]:
    """Create projects in an existing workspace, and return the remaining ones."""
    ws = client.workspace(organization, workspace)

    # --8<-- [start:templates]
    for template in ws.projects.templates():
        print(template.id, [column.name for column in template.columns])
    project = ws.projects.create(name="Q1 Launch", template_id="development")
    board = ws.project(project)
    # --8<-- [end:templates]
    assert [column.name for column in board.columns.list()][:2] == ["Backlog", "To Do"]

    # --8<-- [start:own]
    template = board.save_template(name="Client project", description="With everything that we need")
    ws.projects.create(name="Next client", template_id=template.id, start_date=date(2026, 5, 4))
    ws.projects.update_template(template, name="Client")
    ws.projects.delete_template(template)
    # --8<-- [end:own]
    ws.projects.delete(ws.projects.list()[-1])

    # --8<-- [start:keys]
    card = board.column(board.columns.list()[0]).cards.create(title="Write the spec")
    print(project.key, card.key)  # QL QL-1
    try:
        ws.projects.create(name="Quiz", key=project.key)
    except Conflict as error:
        print(error.code)  # duplicate_key
    # --8<-- [end:keys]

    # --8<-- [start:members]
    me = client.auth.me()
    print([member.email for member in board.members.list()])  # its creator
    board.members.remove(me.user.id)
    board.members.add(me.user, role="manager")  # a value with an e-mail address, or the address
    try:
        board.members.add("stranger@example.com")
    except NotFound as error:
        print(error.message)  # members need access to the workspace
    # --8<-- [end:members]

    # --8<-- [start:private]
    board.members.update(me.user.id, role="manager")  # viewer, commenter, editor or manager
    board.update(member_role="viewer")  # all others in the workspace read, and write nothing
    secret = ws.projects.create(name="Offer", visibility="private")
    print([admin.email for admin in ws.project(secret).members.list(admins=True)])  # they see it too
    ws.project(secret).update(visibility="workspace")  # only admins
    # --8<-- [end:private]
    ws.projects.delete(secret)

    # --8<-- [start:archive]
    board.update(archived=True)
    active = ws.projects.list(archived=False)
    archived = ws.projects.list(archived=True)
    board.update(archived=False)
    # --8<-- [end:archive]
    assert ([project.name for project in active], [project.name for project in archived]) == (
        [],
        ["Q1 Launch"],
    )

    # --8<-- [start:delete]
    draft = ws.projects.create(name="Draft")
    ws.projects.delete(draft)  # with its columns, cards, comments and files
    # --8<-- [end:delete]
    return [project.name for project in ws.projects.list()]


def main(url: str = "http://localhost:3001") -> None:
    """Run the example with a new account, and print the projects."""
    name = f"acme-{uuid4().hex[:8]}"
    with Stellary.register(url, f"{name}@example.com", "a-long-password", name="Jane Doe") as client:
        client.organizations.create(name=name.title(), slug=name)
        client.organization(name).workspaces.create(name="Engineering", slug="eng")
        print(*projects(client, name, "eng"), sep="\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
