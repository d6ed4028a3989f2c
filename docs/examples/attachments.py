"""Attachments: upload files to a card and download them.

Start a server with ``python3 dev.py serve``, then run ``python docs/examples/attachments.py``.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from uuid import uuid4

from stellary import Stellary, TooLarge


def attachments(client: Stellary, organization: str, workspace: str, folder: Path) -> list[str]:
    """Upload files from a folder to a new card, download them to the folder, and list the files of the card."""
    ws = client.workspace(organization, workspace)
    board = ws.project(ws.projects.create(name="Launch"))
    to_do, *_ = board.columns.list()
    card = board.card(board.column(to_do).cards.create(title="Agree on the price list"))
    (folder / "prices.csv").write_text("plan,price\nteam,9\n" * 20_000)

    # --8<-- [start:upload]
    prices = card.attachments.upload(folder / "prices.csv")
    notes = card.attachments.upload(b"Nine is fine.", name="notes.txt")
    with (folder / "prices.csv").open("rb") as file:
        copy = card.attachments.upload(
            file,
            name="prices for print.csv",
            mime_type="text/csv",
            progress=lambda sent, size: print(f"{sent / size:.0%}"),
        )
    # --8<-- [end:upload]

    # --8<-- [start:large]
    try:
        card.attachments.upload(b"x" * 10_485_761, name="film.mp4")
    except TooLarge as error:
        print(error.message)
    # --8<-- [end:large]

    # --8<-- [start:download]
    text = card.attachments.download(notes).decode()
    card.attachments.download_to(prices, folder / "prices from the card.csv")
    lines = sum(block.count(b"\n") for block in card.attachments.blocks(prices))
    # --8<-- [end:download]
    print(text, lines)

    # --8<-- [start:list]
    card.attachments.delete(copy)
    return [
        f"{attachment.original_name}: {attachment.mime_type}, {attachment.size} bytes"
        for attachment in card.attachments.list()
    ]
    # --8<-- [end:list]


def main(url: str = "http://localhost:3001") -> None:
    """Run the example with a new account, and print the files of the card."""
    name = f"acme-{uuid4().hex[:8]}"
    with (
        Stellary.register(url, f"{name}@example.com", "a-long-password", name="Jane Doe") as client,
        tempfile.TemporaryDirectory() as folder,
    ):
        client.organizations.create(name=name.title(), slug=name)
        client.organization(name).workspaces.create(name="Engineering", slug="eng")
        print(*attachments(client, name, "eng", Path(folder)), sep="\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
