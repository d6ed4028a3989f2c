"""The ``stellary`` program: its commands, its one-line errors and its exit codes.

0 success · 1 failure · 2 invalid usage · 3 a plan has changes (``setup plan --exit-code``)
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

import click

from stellary import StellaryError, __version__
from stellary.cli.options import Group
from stellary.cli.output import print_error
from stellary.cli.session import CommandContext

SECTIONS: dict[str, dict[str, tuple[str, ...]]] = {
    "Account": {
        "account": (
            "login",
            "register",
            "forgot-password",
            "logout",
            "whoami",
            "sessions",
            "identities",
            "second-factor",
            "tokens",
            "change-email",
            "confirm-email",
            "notify",
            "delete-account",
        )
    },
    "Workspaces and projects": {
        "places": ("orgs", "workspaces", "projects", "project", "use", "usage"),
        "people": ("member",),
    },
    "Boards": {
        "boards": ("board", "flow", "search", "filter"),
        "cards": ("card", "work"),
        "card_changes": ("column", "document"),
        "time_entries": ("time",),
        "history": ("undo", "trash"),
    },
    "Projects as files": {"setups": ("setup",), "files": ("import", "export", "template")},
    "The API": {"requests": ("api", "watch")},
    "More": {"serving": ("serve", "completion")},
}
"""The commands by section and module. A module is imported only when one of its commands is needed."""
MODULES = {
    name: module for section in SECTIONS.values() for module, names in section.items() for name in names
}


class Program(Group):
    """A command group that reports errors in one line."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run a command, and exit with its code."""
        kwargs["standalone_mode"] = False
        sys.exit(_run(super().main, *args, **kwargs))

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return list(MODULES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return the command with a name; None if there is none."""
        if cmd_name not in MODULES:
            return None
        module = import_module(f"stellary.cli.{MODULES[cmd_name]}")
        commands = (member for member in vars(module).values() if isinstance(member, click.Command))
        return next(command for command in commands if command.name == cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands by section."""
        for title, modules in SECTIONS.items():
            with formatter.section(title):
                names = [name for names in modules.values() for name in names]
                commands = [(name, self.get_command(ctx, name)) for name in names]
                rows = [(name, command.get_short_help_str(70)) for name, command in commands if command]
                formatter.write_dl(rows)


def _run(main: Any, *args: Any, **kwargs: Any) -> int:
    try:
        code = main(*args, **kwargs)
    except click.UsageError as error:
        command_path = error.ctx.command_path if error.ctx else "stellary"
        print_error(f"{_join_lines(error.format_message())} (see {command_path} --help)")
        return 2
    except click.ClickException as error:
        print_error(_join_lines(error.format_message()))
    except (click.Abort, KeyboardInterrupt):
        print_error("interrupted")
        return 130
    except OSError as error:
        print_error(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    except (StellaryError, ImportError, ValueError) as error:
        print_error(str(error))
    else:
        return code if isinstance(code, int) else 0
    return 1


def _join_lines(text: str) -> str:
    return " ".join(text.split())


@click.group(
    cls=Program,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Every command has a --help with an example. STELLARY_URL, STELLARY_TOKEN, STELLARY_ORG, STELLARY_WORKSPACE and"
    " STELLARY_PROJECT take precedence over the saved login and selection.",
)
@click.version_option(__version__, "-V", "--version", prog_name="stellary", message="%(prog)s %(version)s")
@click.option("--url", metavar="URL", help="The URL of the API.")
@click.pass_context
def cli(ctx: click.Context, url: str | None) -> None:
    """Stellary on the command line: boards, cards, and projects as files.

    \b
    Example, with your own server (run stellary serve in another terminal):
      stellary register --email jane@example.com
      stellary setup apply launch.yaml
      stellary use --project LAUNCH
      stellary board
      stellary card add "Write the spec" --column "To do"
      stellary card done "Write"
    """
    ctx.obj = CommandContext(url=url)
    ctx.call_on_close(ctx.obj.close)
