"""Backups: the database as of one moment and every file that it names, in a folder, while others write.

A file is written before the row that names it, and deleted after it. So one that is missing was either deleted after the
moment of the database's copy, in which case a later copy does not name it, or it is lost.
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
from sqlalchemy import URL, Connection, text

from stellary.core.db.database import Database
from stellary.core.db.private_files import create_private_file
from stellary.core.ports.blobs import Blobs

DATABASE = "stellary.db"
DUMP = "stellary.dump"
FILES = "files"
WAIT_SECONDS = 30.0
Named = Mapping[str, tuple[int, str]]
"""The size and the SHA-256 of files, by their keys."""


@attrs.frozen
class Backup:
    """What was backed up.

    Attributes:
        folder: Where.
        files: How many are in it.
        lost: The keys of those that are not, since they are missing or are not what the database says.
    """

    folder: Path
    files: int
    lost: Sequence[str]


class BackupFailed(Exception):
    """There is no backup. The text is one sentence for the operator."""


def back_up(
    database: Database,
    blobs: Blobs,
    named: Callable[[Connection], Named],
    folder: Path,
    also: Sequence[Path] = (),
) -> Backup:
    """Make a folder that holds it all. It appears under its name once it is whole, readable by its owner alone.

    Args:
        database: A file of SQLite, which becomes ``stellary.db``, or PostgreSQL, which becomes ``stellary.dump``.
        blobs: Where files are; they are copied to ``files``.
        named: What a database names, by a connection to it.
        folder: That is not there yet.
        also: Files to lay beside, as far as they are there.

    Raises:
        BackupFailed: It is there already, the database cannot be copied, or ``pg_dump`` is missing.
        OSError: Something cannot be read or written.
        ApiError: The store of files does not answer.
    """
    if folder.exists():
        raise BackupFailed(f"{folder} is there already: each backup is a folder of its own")
    part = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.part")
    try:
        part.mkdir(mode=0o700, parents=True)
        found, lost = _copied(database, blobs, named, part)
        for file in also:
            with contextlib.suppress(FileNotFoundError):
                shutil.copy2(file, part / file.name)
                (part / file.name).chmod(0o600)
        part.rename(folder)
        _flush(folder.absolute().parent)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return Backup(folder, len(found) - len(lost), sorted(lost))


def _copied(
    database: Database, blobs: Blobs, named: Callable[[Connection], Named], part: Path
) -> tuple[Named, set[str]]:
    """Copy the database and what it names, until each file that is missing was missing before the last copy."""
    copy = _copy_sqlite if database.is_sqlite else _dump_postgresql
    target = Blobs(str(part / FILES))
    there: set[str] = set()
    lost: set[str] = set()
    while True:
        found = copy(database, named, part)
        missing = {key for key in found.keys() - there if not _copy_file(blobs, target, key, *found[key])}
        there |= found.keys() - missing
        if missing <= lost:
            target.delete(there - found.keys())
            return found, missing
        lost |= missing


def _copy_file(source: Blobs, target: Blobs, key: str, size: int, sha256: str) -> bool:
    """Whether it was there, and what the database says."""
    try:
        data = b"".join(source.read(key, 0, size))
    except FileNotFoundError:
        return False
    if hashlib.sha256(data).hexdigest() != sha256:
        return False
    target.put(key, data)
    return True


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


# ---------------------------------------------------------------------------------------------- SQLite


def _copy_sqlite(database: Database, named: Callable[[Connection], Named], part: Path) -> Named:
    """One statement that reads one moment, however much is written meanwhile. (The backup API begins anew at each write.)"""
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
    # SQLite does not see to it that this copy survives a power cut.
    _flush(copy)
    copied = Database(f"sqlite:///{copy}")
    try:
        with copied.reading() as read:
            return named(read)
    finally:
        copied.close()


# ---------------------------------------------------------------------------------------------- PostgreSQL


def _dump_postgresql(database: Database, named: Callable[[Connection], Named], part: Path) -> Named:
    """By ``pg_dump``, which reads the very moment at which the files are listed."""
    # Not a connection of the pool: the dump may take long, and this transaction has nothing to do meanwhile.
    with database.dedicated("REPEATABLE READ") as connection, connection.begin():
        connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
        moment = connection.execute(text("SELECT pg_export_snapshot()")).scalar_one()
        found = named(connection)
        _pg_dump(database.direct_engine.url, part / DUMP, moment)
        return found


def _pg_dump(url: URL, path: Path, moment: str) -> None:
    plain = url.set(drivername="postgresql")._replace(password=None).render_as_string()
    # Neither shown to whoever lists processes, nor asked for.
    environment = {**os.environ, **({"PGPASSWORD": str(url.password)} if url.password else {})}
    command = ["pg_dump", "--format=custom", "--no-password", f"--snapshot={moment}", f"--file={path}", plain]
    create_private_file(path)
    try:
        done = subprocess.run(  # noqa: S603 - as the operator has set it
            command, env=environment, stderr=subprocess.PIPE, text=True, check=False
        )
    except FileNotFoundError:
        raise BackupFailed("a backup of PostgreSQL needs pg_dump, as new as the server, in PATH") from None
    if done.returncode:
        raise BackupFailed(f"pg_dump: {done.stderr.strip().partition(chr(10))[0]}")
    _flush(path)
