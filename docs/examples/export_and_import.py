"""Export and import: save a project as a file, and import it into another workspace.

Start a server with ``python3 dev.py serve``, then run ``python docs/examples/export_and_import.py``.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

from stellary import Invalid, NotImported, Stellary
from stellary.contract.checklists import AddChecklistItem
from stellary.contract.project_imports import ImportedCard, ImportedColumn, ImportedProject


def export_and_import(client: Stellary, organization: str, folder: Path) -> list[str]:
    """Copy a project from the workspace ``eng`` to ``ops``, and return the resulting projects."""
    eng, ops = client.workspace(organization, "eng"), client.workspace(organization, "ops")
    board = eng.project(eng.projects.create(name="Q1 Launch", template_id="development"))
    backlog, *_ = board.columns.list()
    card = board.column(backlog).cards.create(
        title="Write the spec", checklist=[AddChecklistItem(title="Ask the users")]
    )
    board.card(card).comments.create(content="By Friday, please.")
    board.card(card).attachments.upload(b"%PDF", name="spec.pdf")

    # --8<-- [start:carry]
    path = board.export_to(folder / "q1-launch.json")
    imported = ops.projects.import_file(path)
    for item in imported.not_carried:
        print(f"{item.path} {item.name}: {item.reason}")
    # --8<-- [end:carry]

    # --8<-- [start:files]
    path = board.export_archive(folder / "q1-launch.zip")
    try:
        imported = ops.projects.import_archive(path)
    except NotImported as error:
        print(error)  # spec.pdf could not be uploaded, and the project was deleted again: …
    # --8<-- [end:files]

    # --8<-- [start:large]
    projects = ops.projects.with_options(idempotency_key="migration of 12 May, Q1 Launch")
    projects.import_file(folder / "q1-launch.json", progress=lambda sent, total: print(sent, "of", total))
    # --8<-- [end:large]

    # --8<-- [start:short]
    ops.projects.import_(
        project=ImportedProject(name="Imported"),
        columns=[ImportedColumn(name="To Do"), ImportedColumn(name="Done", card_status="done")],
        cards=[ImportedCard(title="First task", column_index=0, priority="medium")],
    )
    # --8<-- [end:short]

    # --8<-- [start:wrong]
    try:
        ops.projects.import_(
            project=ImportedProject(name="Imported"),
            columns=[ImportedColumn(name="To Do", id="todo")],
            cards=[ImportedCard(title="First task", column_id="done")],
        )
    except Invalid as error:
        print(error.message)  # nothing was created
    # --8<-- [end:wrong]
    return [f"{project.key} {project.name}" for project in ops.projects.list()]


def main(url: str = "http://localhost:3001") -> None:
    """Run the example with a new account, and print the resulting projects."""
    name = f"acme-{uuid4().hex[:8]}"
    with (
        Stellary.register(url, f"{name}@example.com", "a-long-password", name="Jane Doe") as client,
        TemporaryDirectory() as folder,
    ):
        client.organizations.create(name=name.title(), slug=name)
        for slug in ("eng", "ops"):
            client.organization(name).workspaces.create(name=slug.title(), slug=slug)
        print(*export_and_import(client, name, Path(folder)), sep="\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
