"""Importers: convert a Trello board and the issues of a repository to projects.

Start a server with ``python3 dev.py serve``, then run ``python docs/examples/importers.py``.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from uuid import uuid4

from stellary import Stellary
from stellary.client.importers import read_github_issues, read_trello

# Excerpts of the files of Trello and GitHub; the omitted fields are optional.
BOARD = {
    "name": "Website relaunch",
    "lists": [{"id": "l1", "name": "To Do", "pos": 1}, {"id": "l2", "name": "Done", "pos": 2}],
    "members": [{"id": "m1", "username": "janedoe", "fullName": "Jane Doe"}],
    "cards": [
        {
            "id": "663100000000000000000001",
            "idShort": 1,
            "idList": "l1",
            "name": "Write the copy",
            "idMembers": ["m1"],
            "attachments": [
                {"id": "f1", "name": "brief.pdf", "isUpload": True, "url": "https://trello.com/brief.pdf"}
            ],
        },
        {"id": "663100000000000000000002", "idShort": 2, "idList": "l2", "name": "Pick a host"},
    ],
}
ISSUES = [
    {
        "number": 4,
        "title": "Crash on save",
        "body": "It crashes.",
        "state": "open",
        "labels": [{"name": "bug", "color": "d73a4a"}],
        "comments": 2,
        "repository_url": "https://api.github.com/repos/octo-org/octo-repo",
    }
]


def importers(client: Stellary, organization: str, workspace: str, folder: Path) -> list[str]:
    """Import both files into an existing workspace, and return what could not be imported."""
    ws = client.workspace(organization, workspace)
    (folder / "board.json").write_text(json.dumps(BOARD))
    (folder / "issues.json").write_text(json.dumps(ISSUES))

    # --8<-- [start:trello]
    trello = read_trello(
        folder / "board.json",
        people={"janedoe": "jane@example.com"},  # the file has no e-mail addresses
        statuses={"Done": "done"},  # status of the cards in a list
    )
    for item in trello.left_out:
        print(item)
    website = ws.projects.import_file(trello.project)
    # --8<-- [end:trello]
    assert len(website.card_ids) == 2

    # --8<-- [start:github]
    issues = read_github_issues(folder / "issues.json", people={"octocat": "jane@example.com"})
    # --8<-- [end:github]

    # --8<-- [start:several]
    projects = [ws.projects.import_file(project) for project in issues.projects]
    # --8<-- [end:several]
    return [
        f"{project.key}: {project.name}, {len(project.card_ids)} cards" for project in (website, *projects)
    ] + [str(item) for item in issues.left_out]


def main(url: str = "http://localhost:3001") -> None:
    """Run the example with a new account, and print the result."""
    name = f"acme-{uuid4().hex[:8]}"
    with Stellary.register(url, f"{name}@example.com", "a-long-password", name="Jane Doe") as client:
        client.organizations.create(name=name.title(), slug=name)
        client.organization(name).workspaces.create(name="Engineering", slug="eng")
        with tempfile.TemporaryDirectory() as folder:
            print(*importers(client, name, "eng", Path(folder)), sep="\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
