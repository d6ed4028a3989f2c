"""Search: find cards, comments and projects of a workspace by their text.

Start a server with ``python3 dev.py serve``, then run ``python docs/examples/search.py``.
"""

from __future__ import annotations

import sys
from uuid import uuid4

from stellary import Stellary
from stellary.contract.checklists import AddChecklistItem


def search(client: Stellary, organization: str, workspace: str) -> list[str]:
    """Create content in an existing workspace, and search for it."""
    ws = client.workspace(organization, workspace)
    board = ws.project(ws.projects.create(name="Moon landing"))
    to_do, *_ = board.columns.list()
    land = board.column(to_do).cards.create(title="Land in the Sea of Tranquility")
    pack = board.column(to_do).cards.create(
        title="Pack", checklist=[AddChecklistItem(title="Bring a café crème")]
    )
    board.card(pack).comments.create(content="The sea is a plain of lava; tranquility is all that there is.")

    # --8<-- [start:search]
    for hit in ws.search(q="tranquility sea"):
        print(hit.kind, hit.card_key, hit.title, hit.snippet)
    # --8<-- [end:search]

    # --8<-- [start:words]
    assert [hit.id for hit in ws.search(q=land.key)] == [land.id]  # by its key
    assert [hit.id for hit in ws.search(q='"sea of"')] == [land.id]  # adjacent words
    assert [hit.id for hit in ws.search(q="CREME")] == [pack.id]  # accents are ignored
    # --8<-- [end:words]

    # --8<-- [start:filters]
    open_cards = ws.search(q="sea", kind=["card"], project_id=board.get().id, archived=False)
    # --8<-- [end:filters]
    assert [hit.card_key for hit in open_cards] == [land.key]

    # --8<-- [start:pages]
    page = ws.search(q="sea", limit=1)
    following = page.next_page()
    everything = list(ws.iterate_search(q="sea"))
    # --8<-- [end:pages]
    assert [*page, *following] == everything
    return [f"{hit.kind} {hit.card_key}: {hit.title}" for hit in everything]


def main(url: str = "http://localhost:3001") -> None:
    """Run the example with a new account, and print the hits."""
    name = f"acme-{uuid4().hex[:8]}"
    with Stellary.register(url, f"{name}@example.com", "a-long-password", name="Jane Doe") as client:
        client.organizations.create(name=name.title(), slug=name)
        client.organization(name).workspaces.create(name="Engineering", slug="eng")
        print(*search(client, name, "eng"), sep="\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
