"""The program: its commands, and how it tells what went wrong: in one line, and by an exit code.

0 it was done · 1 it could not be · 2 the command makes no sense · 3 a plan has something to do (``setup plan --exit-code``)
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

import click

from stellary import StellaryError, __version__
from stellary.cli.output import warn
from stellary.cli.session import Session

SECTIONS: dict[str, dict[str, tuple[str, ...]]] = {
    "Account": {"account": ("login", "register", "logout", "whoami", "tokens")},
    "Where you work": {"places": ("orgs", "workspaces", "projects", "use")},
    "Boards": {"boards": ("board",), "cards": ("card",)},
    "Projects as files": {"setups": ("setup",), "files": ("import", "export")},
    "More": {"serving": ("serve", "completion")},
}
"""The commands by what they are about, and in which module they are: it is loaded when one of them is asked for."""
MODULES = {name: module for part in SECTIONS.values() for module, names in part.items() for name in names}


class Program(click.Group):
    """Tells errors in one line."""

    def main(self, *args: Any, **named: Any) -> Any:
        """Run, and end the process with the exit code."""
        named["standalone_mode"] = False
        sys.exit(_run(super().main, *args, **named))

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names."""
        return list(MODULES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, whose module is loaded by this."""
        if cmd_name not in MODULES:
            return None
        module = import_module(f"stellary.cli.{MODULES[cmd_name]}")
        commands: tuple[click.Command, ...] = module.COMMANDS
        return next(each for each in commands if each.name == cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands by what they are about."""
        for title, modules in SECTIONS.items():
            with formatter.section(title):
                found = [(name, self.get_command(ctx, name)) for names in modules.values() for name in names]
                formatter.write_dl([(name, each.get_short_help_str(70)) for name, each in found if each])


def _run(main: Any, *args: Any, **named: Any) -> int:
    try:
        code = main(*args, **named)
    except click.UsageError as error:
        asked = error.ctx.command_path if error.ctx else "stellary"
        warn(f"{_line(error.format_message())} (see {asked} --help)")
        return 2
    except click.ClickException as error:
        warn(_line(error.format_message()))
    except (click.Abort, KeyboardInterrupt):
        warn("interrupted")
        return 130
    except OSError as error:
        warn(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    except (StellaryError, ImportError, ValueError) as error:
        warn(str(error))
    else:
        return code if isinstance(code, int) else 0
    return 1


def _line(text: str) -> str:
    return " ".join(text.split())


@click.group(
    cls=Program,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Each command has a --help with an example. STELLARY_URL, STELLARY_TOKEN, STELLARY_ORG, STELLARY_WORKSPACE and"
    " STELLARY_PROJECT say the same as what is remembered, and win over it.",
)
@click.version_option(__version__, "-V", "--version", prog_name="stellary", message="%(prog)s %(version)s")
@click.option("--url", metavar="URL", help="Where the API is.")
@click.pass_context
def cli(ctx: click.Context, url: str | None) -> None:
    """Stellary at the command line: boards, cards, and projects as files.

    \b
    Example, against a server of your own (stellary serve, in another terminal):
      stellary register --email jane@example.com
      stellary setup apply launch.yaml
      stellary use --project LAUNCH
      stellary board
      stellary card add "Write the spec" --column "To do"
      stellary card done "Write"
    """
    ctx.obj = Session(url=url)
    ctx.call_on_close(ctx.obj.close)
