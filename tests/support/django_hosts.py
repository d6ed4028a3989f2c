"""Django projects that run in processes of their own, since Django is configured once per process."""

import multiprocessing
import os
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import make_url

from tests.server.processes import ForkedProgram, clean_environment, run_main

ROOT = Path(__file__).parents[2]
HOST = ROOT / "docs" / "examples" / "hosts" / "django"
SECRET = "a key for the tests, of 32 bytes or more"


def build_database(database_url: str) -> dict[str, Any]:
    """Return the settings of a database for Django.

    Args:
        database_url: The URL of SQLite or PostgreSQL.
    """
    url = make_url(database_url)
    if url.get_backend_name() == "sqlite":
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": url.database,
            "OPTIONS": {"transaction_mode": "IMMEDIATE"},
        }
    values = {
        "NAME": url.database,
        "USER": url.username,
        "PASSWORD": url.password,
        "HOST": url.query.get("host", url.host),
        "PORT": url.port,
    }
    return {
        "ENGINE": "django.db.backends.postgresql",
        **{name: str(value or "") for name, value in values.items()},
    }


def build_environment(folder: Path, database_url: str) -> dict[str, str]:
    """Return the environment variables of the example.

    Args:
        folder: The folder for its files.
        database_url: The URL of PostgreSQL, or any URL of SQLite, for a file in the folder.
    """
    environment = {**clean_environment(), "DATA_DIR": str(folder), "SECRET_KEY": SECRET}
    if database_url.startswith("sqlite"):
        return environment
    database = build_database(database_url)
    names = {"NAME": "POSTGRES_DB"} | {
        name: f"POSTGRES_{name}" for name in ("USER", "PASSWORD", "HOST", "PORT")
    }
    return environment | {variable: database[name] for name, variable in names.items()}


def manage(folder: Path, database_url: str, *arguments: str, **settings: str) -> tuple[int, str, str]:
    """Run a command of ``manage.py`` in the example.

    Args:
        folder: The folder for its files.
        database_url: The URL of its database.
        arguments: The command and its arguments.
        settings: Further environment variables.

    Returns:
        The exit code, the standard output, and the standard error.
    """
    return run_django(run_manage, arguments, build_environment(folder, database_url) | settings)


def run_file(path: Path, folder: Path, database_url: str) -> tuple[int, str, str]:
    """Run a Python file in the environment of ``manage``.

    Args:
        path: The file.
        folder: The folder for the files of the example.
        database_url: The URL of its database.

    Returns:
        The exit code, the standard output, and the standard error.
    """
    return run_django(run_main, [str(path)], build_environment(folder, database_url))


def start_file(path: Path, *arguments: str, folder: Path, database_url: str) -> ForkedProgram:
    """Start a Python file in the environment of ``manage``, with its errors in the file ``log``.

    Args:
        path: The file.
        arguments: Its arguments.
        folder: The folder for the files of the example.
        database_url: The URL of its database.
    """
    environment = build_environment(folder, database_url)
    return ForkedProgram([str(path), *arguments], environment, HOST, folder / "log", run_main)


def run_django(
    program: Callable[[Sequence[str]], object], arguments: Sequence[str], environment: Mapping[str, str]
) -> tuple[int, str, str]:
    """Run a function as a program, forked from a process that has loaded the core.

    Args:
        program: A function of a module, which takes the arguments.
        arguments: Its arguments.
        environment: All of its environment variables.

    Returns:
        The exit code, the standard output, and the standard error.
    """
    with tempfile.NamedTemporaryFile() as log:
        process = ForkedProgram(arguments, environment, HOST, Path(log.name), program)
        with process.stdout:
            output = process.stdout.read()
        return process.wait(300), output, Path(log.name).read_text()


def run_manage(arguments: Sequence[str]) -> None:
    """Run ``manage.py``."""
    from django.core.management import execute_from_command_line

    # The kind of process that parallel tests start; a process of a fork server would inherit its kind.
    multiprocessing.set_start_method("fork", force=True)
    sys.path.insert(0, str(HOST))
    sys.path.append(os.environ["DATA_DIR"])
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
    execute_from_command_line(["manage.py", *arguments])
