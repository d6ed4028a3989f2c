"""Store the files of attachments in a table of the application.

Run it: ``python docs/examples/own_blobs.py``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO

from sqlalchemy import (
    Column,
    DateTime,
    Engine,
    LargeBinary,
    MetaData,
    String,
    Table,
    create_engine,
    delete,
    select,
)

from stellary import Stellary
from stellary.core import Core

# --8<-- [start:store]
FILES = Table(
    "shop_files",
    MetaData(),
    Column("key", String(64), primary_key=True),
    Column("content", LargeBinary, nullable=False),
    Column("written_at", DateTime, nullable=False),
)


class TableBlobs:
    """Blobs in a table, in the methods of ``stellary.core.ports.blobs.Blobs``."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def start(self) -> None:
        FILES.metadata.create_all(self._engine)

    def probe(self) -> None:
        with self._engine.connect() as connection:
            connection.execute(select(FILES.c.key).limit(1))

    def put(self, key: str, data: bytes | IO[bytes], /) -> None:
        content = data if isinstance(data, bytes) else data.read()
        row = {"key": key, "content": content, "written_at": datetime.now(UTC).replace(tzinfo=None)}
        with self._engine.begin() as connection:
            connection.execute(delete(FILES).where(FILES.c.key == key))
            connection.execute(FILES.insert(), row)

    def read(self, key: str, start: int, end: int, /) -> Iterator[bytes]:
        with self._engine.connect() as connection:
            content = connection.execute(select(FILES.c.content).where(FILES.c.key == key)).scalar()
        if content is None:
            raise FileNotFoundError(key)
        yield content[start:end]

    def delete(self, keys: Iterable[str], /) -> None:
        with self._engine.begin() as connection:
            connection.execute(delete(FILES).where(FILES.c.key.in_(list(keys))))

    def older_than(self, moment: datetime, /) -> Iterator[str]:
        is_older = FILES.c.written_at < moment.astimezone(UTC).replace(tzinfo=None)
        with self._engine.connect() as connection:
            yield from connection.execute(select(FILES.c.key).where(is_older)).scalars().all()


# --8<-- [end:store]


def main() -> None:
    """Attach a file to a card, and read it back."""
    with TemporaryDirectory() as directory:
        folder = Path(directory)
        # --8<-- [start:core]
        files = TableBlobs(create_engine(f"sqlite:///{folder / 'shop.db'}"))
        files.start()
        core = Core(f"sqlite:///{folder / 'stellary.db'}", blobs=files)
        # --8<-- [end:core]
        core.migrate()
        client = Stellary.embedded(core.port(core.user(external_id="42", email="jane@example.com")))
        client.organizations.create(name="Acme", slug="acme")
        client.organization("acme").workspaces.create(name="Engineering", slug="eng")
        ws = client.workspace("acme", "eng")
        board = ws.project(ws.projects.create(name="Launch"))
        card = board.card(board.column(board.columns.list()[0]).cards.create(title="Write the spec"))
        attachment = card.attachments.upload(b"Draft.", name="spec.txt")
        print(card.attachments.download(attachment).decode())
        core.close()


if __name__ == "__main__":
    main()
