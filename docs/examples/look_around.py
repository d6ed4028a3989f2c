"""List the organizations of an account, their workspaces, and the projects in them.

Start a server with ``python3 dev.py serve``, then run ``python docs/examples/look_around.py URL EMAIL PASSWORD``.
"""

from __future__ import annotations

import sys

from stellary import Stellary


def main(url: str, email: str, password: str) -> None:
    """Print the lists."""
    # --8<-- [start:lists]
    client = Stellary.login(url, email, password)  # http://localhost:3001, jane@example.com, …
    for organization in client.organizations.list():
        print(organization.slug, organization.my_role)
        for workspace in client.organization(organization).workspaces.list():
            ws = client.workspace(organization.slug, workspace.slug)
            print(" ", workspace.slug, [project.name for project in ws.projects.list()])
    # --8<-- [end:lists]
    client.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
