"""Attach files to a card.

Uploads all PDF files of a folder, and downloads the attachments of a card. Files are streamed in both directions. See
[Attachments](../guides/attachments.md).
"""

from pathlib import Path

from stellary import Board, Card


def attach(board: Board, card: Card, folder: Path) -> None:
    for path in sorted(folder.glob("*.pdf")):
        board.card(card).attachments.upload(path)


def download(board: Board, card: Card, folder: Path) -> list[Path]:
    attachments = board.card(card).attachments
    paths: list[Path] = []
    for attachment in attachments.list():
        path = folder / Path(attachment.original_name).name
        attachments.download_to(attachment, path)
        paths.append(path)
    return paths
