"""Backups: a folder with a consistent copy of the database and all files that it refers to.

Writers are not blocked. A file is written before the row that refers to it, and deleted after it. If a file
is missing, either it was deleted after the database was copied, so that a later copy does not refer to it, or
it is lost.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import attrs
from sqlalchemy import Connection, Engine, text

from stellary.core.db.database import Database
from stellary.core.db.postgres import SCHEMA, quote_name
from stellary.core.db.private_files import create_private_file
from stellary.core.ports.blob_stores import FolderBlobs, flush_to_disk
from stellary.core.ports.blobs import Blobs

DATABASE = "stellary.db"
DUMP = "stellary.dump"
FILES = "files"
WAIT_SECONDS = 30.0
FileIndex = Mapping[str, tuple[int, str]]
"""The size in bytes and the SHA-256 of files, by key."""


@attrs.frozen
class Backup:
    """A backup that was made.

    Attributes:
        folder: The folder that holds it.
        files: The number of files in it.
        lost: The keys of files that are missing or damaged, and so not in the backup.
    """

    folder: Path
    files: int
    lost: Sequence[str]


class BackupFailed(Exception):
    """A backup that could not be made. The message is one sentence for the operator."""


def back_up(
    database: Database,
    blobs: Blobs,
    list_files: Callable[[Connection], FileIndex],
    folder: Path,
    also: Sequence[Path] = (),
) -> Backup:
    """Create a folder with the backup. It appears under its name once it is complete, readable only by its owner.

    Args:
        database: The database: a SQLite file, copied to ``stellary.db``, or PostgreSQL, dumped to ``stellary.dump``.
        blobs: The store of files, which are copied to ``files``.
        list_files: Returns the files that a database refers to, from a connection to it.
        folder: The folder to create.
        also: Further files to copy. Missing ones are skipped.

    Raises:
        BackupFailed: The folder exists, the database cannot be copied, or ``pg_dump`` is missing.
        OSError: A file cannot be read or written.
        ApiError: The store of files does not answer.
    """
    if folder.exists():
        raise BackupFailed(f"{folder} already exists: each backup needs a new folder")
    part = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.part")
    try:
        part.mkdir(mode=0o700, parents=True)
        files, lost = _copy_all(database, blobs, list_files, part)
        for file in also:
            with contextlib.suppress(FileNotFoundError):
                shutil.copy2(file, part / file.name)
                (part / file.name).chmod(0o600)
        part.rename(folder)
        flush_to_disk(folder.absolute().parent)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return Backup(folder, len(files) - len(lost), sorted(lost))


def _copy_all(
    database: Database, blobs: Blobs, list_files: Callable[[Connection], FileIndex], part: Path
) -> tuple[FileIndex, set[str]]:
    """Copy the database and its files, and repeat this until every missing file was missing before the last copy."""
    copy = _copy_sqlite if database.is_sqlite else _dump_postgresql
    target = FolderBlobs(part / FILES)
    present: set[str] = set()
    lost: set[str] = set()
    while True:
        files = copy(database, list_files, part)
        missing = {key for key in files.keys() - present if not copy_file(blobs, target, key, *files[key])}
        present |= files.keys() - missing
        if missing <= lost:
            target.delete(present - files.keys())
            return files, missing
        lost |= missing


def copy_file(source: Blobs, target: Blobs, key: str, size: int, sha256: str) -> bool:
    """Copy a file.

    Args:
        source: The store of the file.
        target: The store to copy it to.
        key: The key of the file.
        size: The size in bytes.
        sha256: The expected SHA-256, in hex.

    Returns:
        False if the file is missing, or its bytes do not have that SHA-256.

    Raises:
        StorageFull: There is no room left.
        Unavailable: A store does not answer.
    """
    try:
        data = b"".join(source.read(key, 0, size))
    except FileNotFoundError:
        return False
    if hashlib.sha256(data).hexdigest() != sha256:
        return False
    target.put(key, data)
    return True


# ---------------------------------------------------------------------------------------------- SQLite


def _copy_sqlite(database: Database, list_files: Callable[[Connection], FileIndex], part: Path) -> FileIndex:
    """Copy the database with ``VACUUM INTO``, which reads one snapshot; the backup API would restart at each write."""
    file, copy = database.file, part / DATABASE
    if file is None:
        raise BackupFailed("a database in memory cannot be backed up")
    copy.unlink(missing_ok=True)
    # An empty file is accepted, and keeps its mode.
    create_private_file(copy)
    uri = f"{file.absolute().as_uri()}?mode=rw"
    try:
        with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=WAIT_SECONDS)) as connection:
            connection.execute("VACUUM INTO ?", (str(copy),))
    except sqlite3.Error as error:
        raise BackupFailed(f"the database cannot be copied: {error}") from error
    # SQLite does not flush this copy to the disk.
    flush_to_disk(copy)
    with contextlib.closing(Database(f"sqlite:///{copy}")) as copied, copied.reading() as read:
        return list_files(read)


# ---------------------------------------------------------------------------------------------- PostgreSQL


def _dump_postgresql(
    database: Database, list_files: Callable[[Connection], FileIndex], part: Path
) -> FileIndex:
    """Dump the database with ``pg_dump``, from the snapshot in which its files are listed."""
    # Not a connection of the pool, since the dump may take long while this transaction is idle.
    with database.open_dedicated("REPEATABLE READ") as connection, connection.begin():
        connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
        snapshot = connection.execute(text("SELECT pg_export_snapshot()")).scalar_one()
        files = list_files(connection)
        _pg_dump(database.direct_engine, part / DUMP, snapshot)
        return files


def _pg_dump(engine: Engine, path: Path, snapshot: str) -> None:
    url, schema = engine.url, engine.get_execution_options().get(SCHEMA)
    plain = url.set(drivername="postgresql")._replace(password=None).render_as_string()
    # The password is neither visible in the list of processes nor prompted for.
    environment = {**os.environ, **({"PGPASSWORD": str(url.password)} if url.password else {})}
    command = [
        "pg_dump",
        "--format=custom",
        "--no-password",
        f"--snapshot={snapshot}",
        f"--file={path}",
        *([] if schema is None else [f"--schema={quote_name(schema)}"]),
        plain,
    ]
    create_private_file(path)
    try:
        process = subprocess.run(  # noqa: S603 - as the operator has set it
            command, env=environment, stderr=subprocess.PIPE, text=True, check=False
        )
    except FileNotFoundError:
        raise BackupFailed(
            "a backup of PostgreSQL needs pg_dump in PATH, at least as new as the server"
        ) from None
    if process.returncode:
        raise BackupFailed(f"pg_dump: {process.stderr.strip().partition(chr(10))[0]}")
    flush_to_disk(path)
