"""The commands ``reset-password``, ``remove-second-factor``, ``backup``, ``usage`` and ``copy`` of ``python -m reference_server``."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import attrs

from reference_server.jobs import open_migrated
from reference_server.secret import FILE_NAME
from reference_server.serve import exclusive_database, open_core
from reference_server.settings import Settings, SettingsError
from stellary.contract.errors import ApiError
from stellary.core.accounts.email_links import create_reset_link
from stellary.core.accounts.second_factors import remove_second_factor
from stellary.core.api.copies import CopyFailed, copy_database
from stellary.core.api.usage import Usage, measure_usage
from stellary.core.db.database import Database
from stellary.core.kernel.unit import NOBODY
from stellary.core.ports.blob_stores import open_blobs

_BAR = 30
_CLEAR = "\r\x1b[K"


def print_reset_link(settings: Settings, email: str) -> int:
    """Print a link with which the owner of an address can choose a new password, and return the exit code.

    The operator passes the link on, and never knows the password. The server may be running.

    Args:
        settings: The settings of the server.
        email: The address of the account.

    Raises:
        SettingsError: The database cannot be used.
    """
    with open_migrated(settings) as core:
        link = core.run(NOBODY, lambda uow: create_reset_link(uow, email))
    if link is None:
        sys.stderr.write(f"stellary: no account with a password has the address {email}\n")
        return 1
    sys.stdout.write(f"{link}\n")
    sys.stderr.write("The link is valid for one hour and can be used once.\n")
    return 0


def print_removed_factor(settings: Settings, email: str) -> int:
    """Remove the second factor of an account whose owner has lost the app and the recovery codes; return the exit code.

    The password stays. The server may be running.

    Args:
        settings: The settings of the server.
        email: The address of the account.

    Raises:
        SettingsError: The database cannot be used.
    """
    with open_migrated(settings) as core:
        is_removed = core.run(NOBODY, lambda uow: remove_second_factor(uow, email))
    if not is_removed:
        reason = "no account has" if is_removed is None else "no second factor belongs to the account with"
        sys.stderr.write(f"stellary: {reason} the address {email}\n")
        return 1
    sys.stdout.write(f"Removed the second factor of {email}. The password is enough to log in.\n")
    return 0


def back_up(settings: Settings, folder: Path) -> int:
    """Create a backup, and return the exit code: 1 if a file is missing or damaged, else 0.

    A backup of SQLite is a data directory with which a server can be started.

    Raises:
        SettingsError: The backup has failed.
    """
    with closing(open_core(settings)) as core:
        try:
            backup = core.back_up(folder, also=[settings.data_dir / FILE_NAME])
        except Exception as error:
            reason = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
            raise SettingsError(f"the backup has failed: {reason or type(error).__name__}") from error
    for key in backup.lost:
        sys.stderr.write(f"stellary: the file {key} is missing or damaged\n")
    sys.stdout.write(f"{backup.folder}: the database and {backup.files} files\n")
    return int(bool(backup.lost))


def show_usage(settings: Settings, *, as_json: bool) -> int:
    """Print the size of the database, and return the exit code.

    Args:
        settings: The settings of the server.
        as_json: Whether to print JSON instead of tables.

    Raises:
        SettingsError: The database cannot be used.
    """
    with open_migrated(settings) as core:
        usage = measure_usage(core.database)
    if as_json:
        sys.stdout.write(json.dumps(attrs.asdict(usage), indent=2) + "\n")
    else:
        sys.stdout.writelines(f"{line}\n" for line in _format(usage))
    return 0


def _format(usage: Usage) -> Iterator[str]:
    tables = [(table.name, _number(table.rows), _number(table.bytes)) for table in usage.tables]
    yield from _align(("table", "rows", "bytes"), tables)
    yield ""
    organizations = [
        (
            organization.slug or "(none)",
            _number(organization.rows),
            _number(organization.bytes),
            _number(organization.file_bytes),
        )
        for organization in usage.organizations
    ]
    yield from _align(("organization", "rows", "bytes", "bytes of files"), organizations)


def _number(number: int | None) -> str:
    return "-" if number is None else f"{number:,}"


def _align(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    lines = [head, *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for first, *cells in lines:
        numbers = (text.rjust(width) for text, width in zip(cells, widths[1:], strict=True))
        yield "  ".join([first.ljust(widths[0]), *numbers])


def copy(settings: Settings, database: str | None, data_dir: Path | None, blobs: str | None) -> int:
    """Copy everything to another place, and return the exit code: 1 if a file is missing or damaged, else 0.

    Args:
        settings: The settings of the server to copy, which has been stopped.
        database: The URL of the database to copy to; None for a SQLite file in the data directory.
        data_dir: The data directory of the copy, with its files and secret; None for the same one.
        blobs: The store of the copy's files; None for the data directory, or the same store if the settings name one.

    Raises:
        SettingsError: The copy has failed. The target is as before.
    """
    if settings.sqlite_file is not None and not settings.sqlite_file.exists():
        raise SettingsError(f"there is no database to copy: {settings.sqlite_file} does not exist")
    target = attrs.evolve(
        settings,
        database_url=database,
        direct_database_url=None,
        data_dir=data_dir or settings.data_dir,
        blobs_url=blobs or settings.blobs_url,
    )
    if target.database == settings.database:
        raise SettingsError("--to names the database that is to be copied")
    keeps_files = target.blobs == settings.blobs
    stores = None if keeps_files else (open_blobs(settings.blobs), open_blobs(target.blobs))
    new_files = _list_missing_files(target.sqlite_file)
    show, end = _progress_bar()
    try:
        # Locking the target also prevents a server from starting on it before the copy is complete.
        with (
            exclusive_database(settings),
            exclusive_database(target),
            _deleted_on_failure(new_files),
            _copied_secret(settings.data_dir / FILE_NAME, target.data_dir / FILE_NAME),
            open_migrated(settings) as core,
            closing(Database(target.database)) as target_database,
        ):
            location = target_database.engine.url.render_as_string()
            copied = copy_database(core.database, target_database, core.list_files, stores, show)
    except (CopyFailed, ApiError, OSError, ValueError) as error:
        raise SettingsError(f"the copy has failed: {error}") from error
    finally:
        end()
    for key in copied.lost:
        sys.stderr.write(f"stellary: the file {key} is missing or damaged\n")
    sys.stdout.write(
        f"Copied to {location}: {sum(copied.rows.values()):,} rows of "
        f"{len(copied.rows)} tables, {copied.files:,} files. Counts and checksums agree.\n"
    )
    return int(bool(copied.lost))


def _list_missing_files(database: Path | None) -> list[Path]:
    """Return the files of a SQLite database that do not exist yet."""
    if database is None:
        return []
    suffixes = ("", "-wal", "-shm", "-journal", ".lock")
    paths = [database.with_name(f"{database.name}{suffix}") for suffix in suffixes]
    return [path for path in paths if not path.exists()]


@contextmanager
def _deleted_on_failure(files: list[Path]) -> Iterator[None]:
    """Delete files after an exception."""
    try:
        yield
    except BaseException:
        for file in files:
            file.unlink(missing_ok=True)
        raise


@contextmanager
def _copied_secret(source: Path, target: Path) -> Iterator[None]:
    """Copy the secret that signs logins, if it is in another file; delete the copy after an exception."""
    if not source.exists() or (target.exists() and source.samefile(target)):
        yield
        return
    if target.exists():
        raise SettingsError(f"the copy has failed: {target} already exists")
    with _deleted_on_failure([target]):
        shutil.copy2(source, target)
        yield


def _progress_bar() -> tuple[Callable[[str, int, int], None], Callable[[], None]]:
    """Return a function that draws a bar on the terminal, and one that removes it."""
    if not sys.stderr.isatty():
        return lambda name, done, total: None, lambda: None

    def show(name: str, done: int, total: int) -> None:
        filled = _BAR * done // max(total, 1)
        label = name.removeprefix("stellary_").replace("_", " ")
        sys.stderr.write(
            f"{_CLEAR}{'█' * filled}{'░' * (_BAR - filled)} {100 * done // max(total, 1):3d} % {label}"
        )
        sys.stderr.flush()

    def end() -> None:
        sys.stderr.write(_CLEAR)
        sys.stderr.flush()

    return show, end
