"""``python -m stellary.core``: create, check, print, clean, downgrade and remove the tables of the core in a database."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing

import attrs
from sqlalchemy import Connection
from sqlalchemy.exc import ArgumentError, DBAPIError

from stellary.contract.errors import ApiError
from stellary.core import migrations
from stellary.core.app import Core
from stellary.core.db.database import Database
from stellary.core.kernel.retention_days import Retention

VARIABLE = "STELLARY_DATABASE_URL"
_CHECK_FAILED = 1
_CANNOT_RUN = 2
_HELP = {
    "migrate": "Create or upgrade the tables.",
    "check": "Compare the tables with this version, and exit with 1 if they differ.",
    "sweep": "Delete the rows whose time is over, and print their number by table.",
    "downgrade": "Undo the newest migration, before you install an earlier version.",
    "uninstall": "Delete the tables and all their rows.",
}
_CONFIRMED: Mapping[str, str] = {
    "downgrade": "deletes the columns and tables of the newest version with their contents",
    "uninstall": "deletes all tables of Stellary with their rows",
}
"""The consequences of commands that need a confirmation."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command, and return the exit code: 0 on success, 1 if ``check`` finds differences, 2 if it cannot run."""
    options = _build_parser().parse_args(arguments)
    if options.command == "sql":
        return _print_sql(options)
    url = options.database or os.environ.get(VARIABLE)
    if url is None:
        return _fail(f"pass a database: --database URL, or {VARIABLE}")
    if options.command in _CONFIRMED and not options.yes:
        return _fail(f"{options.command} {_CONFIRMED[options.command]}; confirm with --yes")
    if options.command == "sweep":
        return _sweep(url, options)
    try:
        with closing(Database(url)) as database, database.open_migrating() as connection:
            return _run(options.command, connection)
    except DBAPIError as error:
        return _fail(str(error.orig).strip())
    except (ArgumentError, RuntimeError, ValueError) as error:
        return _fail(str(error))


def _print_sql(options: argparse.Namespace) -> int:
    build = migrations.build_downgrade_sql if options.downgrade else migrations.build_schema_sql
    try:
        sys.stdout.write(build(options.dialect))
    except RuntimeError as error:
        return _fail(str(error))
    return 0


def _sweep(url: str, options: argparse.Namespace) -> int:
    days = {field.name: getattr(options, field.name) for field in attrs.fields(Retention)}
    try:
        with closing(Core(url, retention=Retention(**days))) as core:
            counts = core.delete_expired()
    except (ApiError, ArgumentError, DBAPIError, ValueError) as error:
        return _fail(str(error).strip())
    sys.stdout.writelines(f"{table}\t{count}\n" for table, count in sorted(counts.items()))
    return 0


def _run(command: str, connection: Connection) -> int:
    """Run a command on the tables of a database, and print what it has done or found."""
    result = "the schema is up to date"
    problems: Sequence[str] = ()
    match command:
        case "migrate":
            migrations.upgrade(connection)
        case "check":
            problems = migrations.find_differences(connection)
        case "downgrade":
            result = f"the schema has version {migrations.downgrade(connection)}"
        case "uninstall":
            result = f"{migrations.drop_all(connection)} tables deleted"
        case _:
            raise ValueError(f"unknown command: {command}")
    sys.stdout.writelines(f"{line}\n" for line in problems or [result])
    return _CHECK_FAILED if problems else 0


def _fail(message: str) -> int:
    sys.stderr.write(f"stellary: {message}\n")
    return _CANNOT_RUN


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m stellary.core", description="Manage the tables of the core."
    )
    database = argparse.ArgumentParser(add_help=False)
    database.add_argument(
        "--database", metavar="URL", help=f"sqlite:///… or postgresql://…; default: {VARIABLE}"
    )
    commands = parser.add_subparsers(dest="command", required=True)
    parsers = {name: commands.add_parser(name, parents=[database], help=help) for name, help in _HELP.items()}
    for field in attrs.fields(Retention):
        parsers["sweep"].add_argument(
            f"--{field.name.replace('_', '-')}",
            type=int,
            default=field.default,
            metavar="N",
            help=f"Default: {field.default}.",
        )
    for name in _CONFIRMED:
        parsers[name].add_argument("--yes", action="store_true", help="Do it.")
    sql = commands.add_parser("sql", help="Print the SQL that creates the tables in an empty database.")
    sql.add_argument("dialect", choices=["postgresql", "sqlite"], help="The kind of database.")
    sql.add_argument(
        "--downgrade", action="store_true", help="Print the SQL that undoes the newest migration instead."
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
