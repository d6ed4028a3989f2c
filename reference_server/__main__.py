"""``python -m reference_server``: migrates the database, serves requests, and stops on Ctrl-C or SIGTERM."""

from __future__ import annotations

import argparse
import asyncio
import importlib
import importlib.util
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from reference_server.settings import (
    Settings,
    SettingsError,
    blobs_url,
    database_url,
    from_environment,
    parse_environment,
)
from reference_server.sockets import bind_socket, url_of
from reference_server.workers import VARIABLE, SupervisorLink, supervise

_COMMANDS = {
    "worker": "run background jobs, in addition to servers on PostgreSQL",
    "migrate": "bring the schema of the database up to date",
    "sweep": "delete rows whose time is over and unused files, as servers do every hour",
    "usage": "print rows and bytes by table and by organization",
    "doctor": "list the risks of the settings; exit code 0 if there are none",
    "backup": "copy the database and all files while they are in use",
    "copy": "copy a stopped server to another database, such as PostgreSQL",
    "reset-password": "print a link with which a user can choose a new password",
    "remove-second-factor": "let a user who has lost the authenticator app log in with the password",
}
_BANNER = Path(__file__).with_name("banner.txt").read_text("utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the server, and return the exit code."""
    try:
        return _main(_parser().parse_args(arguments))
    except SettingsError as error:
        sys.stderr.write(f"stellary: {error}\n")
        return 2
    except KeyboardInterrupt:
        return 130


def _main(options: argparse.Namespace) -> int:
    environment = {**os.environ, **_to_environment(options)}
    if options.command == "doctor":
        from reference_server import doctor

        return doctor.report(parse_environment(environment))
    settings = from_environment(environment)
    if settings.sqlite_file is None and importlib.util.find_spec("psycopg") is None:
        raise SettingsError("PostgreSQL needs a driver: pip install 'stellary[postgres]'")
    if options.command is not None:
        return _run_command(settings, options)
    supervisor = os.environ.get(VARIABLE)
    if settings.production and supervisor is None:
        from reference_server.doctor import find_risks

        # Once for all workers.
        sys.stderr.writelines(f"stellary: risk: {sentence}\n" for sentence in find_risks(settings))
    listening = bind_socket(options.host, settings.port, shared=supervisor is not None)
    url = url_of(listening, options.host)

    def print_banner() -> None:
        data = "in PostgreSQL" if settings.sqlite_file is None else settings.sqlite_file.resolve()
        sys.stdout.write(_BANNER.format(url=url, data=data))
        sys.stdout.flush()

    if options.workers > 1:
        environment["PORT"] = str(listening.getsockname()[1])
        listening.close()
        with bind_socket(options.host, int(environment["PORT"]), shared=True):
            command = [sys.executable, "-m", "reference_server", "--host", options.host]
            return asyncio.run(supervise(settings, environment, command, options.workers, print_banner))
    # Imported here, so that a process that only supervises workers stays small.
    _load_libraries()
    from reference_server.serve import run

    with listening:
        run(
            settings,
            listening,
            url,
            print_banner if supervisor is None else SupervisorLink(int(supervisor)).up,
        )
    return 0


def _load_libraries() -> None:
    """Load libraries without parts that take memory and are not used. Only a process that belongs to the server may do this.

    The public-key algorithms of the library that signs logins take 9 of 99 MB if they are installed, as with the extra ``mcp``.
    The native variant of the lists of aiohttp's signals takes 1.5 MB, for the library of C++.
    """
    for name, unused in (
        ("stellary.core.kernel.signer", "cryptography"),
        ("aiohttp", "frozenlist._frozenlist"),
    ):
        if not {name, unused} & sys.modules.keys():
            sys.modules[unused] = None  # type: ignore[assignment] # how an import is refused
            try:
                importlib.import_module(name)
            finally:
                del sys.modules[unused]


def _run_command(settings: Settings, options: argparse.Namespace) -> int:
    """Run a command other than serving, and return the exit code."""
    from reference_server import jobs
    from reference_server import operator_commands as commands

    runs: dict[str, Callable[[], int | None]] = {
        "backup": lambda: commands.back_up(settings, options.folder),
        "copy": lambda: commands.copy(settings, options.to, options.to_data_dir, options.to_files),
        "jobs list": lambda: jobs.show(settings, given_up=options.given_up),
        "jobs retry": lambda: jobs.retry(settings, options.ids),
        "migrate": lambda: jobs.bring_up_to_date(settings),
        "remove-second-factor": lambda: commands.print_removed_factor(settings, options.email),
        "reset-password": lambda: commands.print_reset_link(settings, options.email),
        "sweep": lambda: jobs.sweep(settings, adopts_files=options.adopt_files),
        "usage": lambda: commands.show_usage(settings, as_json=options.json),
        "worker": lambda: jobs.work(settings),
    }
    name = f"jobs {options.do}" if options.command == "jobs" else options.command
    return runs[name]() or 0


def _to_environment(options: argparse.Namespace) -> dict[str, str]:
    """Return the options of the command line as environment variables."""
    values = {
        "PORT": options.port,
        "STELLARY_DATA_DIR": options.data_dir,
        "STELLARY_DATABASE_URL": options.database_url,
    }
    return {variable: text for variable, text in values.items() if text is not None}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m reference_server",
        description="The reference server of Stellary. All other settings are environment variables; see the guide.",
    )
    _add_location_options(parser)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (127.0.0.1)")
    parser.add_argument("--port", help="port to listen on, 0 for any free one (PORT, or 3001)")
    parser.add_argument(
        "--workers", type=_workers, default=1, help="number of processes; more than one needs PostgreSQL (1)"
    )
    _add_commands(parser)
    return parser


def _add_location_options(parser: argparse.ArgumentParser, default: str | None = None) -> None:
    parser.add_argument(
        "--data-dir",
        default=default,
        help="folder of the server's files (STELLARY_DATA_DIR, or ./stellary-data)",
    )
    parser.add_argument(
        "--database-url",
        default=default,
        help="postgresql://… (STELLARY_DATABASE_URL, or SQLite in the data directory)",
    )


def _add_commands(parser: argparse.ArgumentParser) -> None:
    # Options before the command must keep their values.
    common = argparse.ArgumentParser(add_help=False)
    _add_location_options(common, argparse.SUPPRESS)
    commands = parser.add_subparsers(dest="command", metavar="")
    parsers = {
        name: commands.add_parser(name, parents=[common], help=help) for name, help in _COMMANDS.items()
    }
    sweeping = "first make the file store belong to this database; no other one may use it"
    parsers["sweep"].add_argument("--adopt-files", action="store_true", help=sweeping)
    parsers["usage"].add_argument("--json", action="store_true", help="print JSON")
    parsers["backup"].add_argument("folder", type=Path, help="the folder to create")
    _add_copy_options(parsers["copy"])
    for name in ("reset-password", "remove-second-factor"):
        parsers[name].add_argument("email", help="the e-mail address of the account")
    jobs = commands.add_parser("jobs", help="list or retry jobs").add_subparsers(dest="do", required=True)
    listing = jobs.add_parser("list", parents=[common], help="list waiting jobs")
    listing.add_argument("--given-up", action="store_true", help="list jobs that failed too often instead")
    retry = jobs.add_parser("retry", parents=[common], help="retry jobs that failed too often")
    retry.add_argument("ids", nargs="*", help="ids of jobs; all by default")


def _add_copy_options(copy: argparse.ArgumentParser) -> None:
    copy.add_argument(
        "--to",
        type=_build_type(database_url),
        metavar="URL",
        help="an empty database (a SQLite file in --to-data-dir)",
    )
    copy.add_argument(
        "--to-data-dir",
        type=Path,
        metavar="DIR",
        help="the folder for the copy's files and secret (the same one)",
    )
    copy.add_argument(
        "--to-files",
        type=_build_type(blobs_url),
        metavar="URL",
        help="the store for the copy's files (the same one)",
    )


def _build_type(check: Callable[[str], str]) -> Callable[[str], str]:
    """Return the check of a setting as the type of an option, so that argparse shows its messages."""

    def convert(text: str) -> str:
        try:
            return check(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return convert


def _workers(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 64:
        raise argparse.ArgumentTypeError("must be a number from 1 to 64")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
