"""Commands that run a server, and that set up completion in a shell."""

from __future__ import annotations

import importlib.util

import click

SHELLS = ("bash", "zsh", "fish")
NEEDED = ("aiohttp", "alembic", "sqlalchemy", "uvloop")


@click.command(
    short_help="Run a server of your own.",
    context_settings={"ignore_unknown_options": True, "help_option_names": []},
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def serve(ctx: click.Context, arguments: tuple[str, ...]) -> int:
    """Run the reference server until you press Ctrl-C. All options go to the server, such as --host, --port and --data-dir.

    This needs the server extra: pip install 'stellary[cli,server]'.

    \b
    Example:
      stellary serve --port 3001 --data-dir ./data
    """
    if {"-h", "--help"} & set(arguments):
        click.echo(ctx.get_help())
        if not _has_packages():
            return 0
        click.echo()
    if not _has_packages():
        raise click.ClickException(
            "the server needs more packages; install them with: pip install 'stellary[cli,server]'"
        )
    from reference_server.__main__ import main

    return main(arguments)


def _has_packages() -> bool:
    return all(importlib.util.find_spec(name) is not None for name in NEEDED)


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print a script that makes your shell complete commands and options.

    \b
    Example:
      eval "$(stellary completion bash)"                                   # in ~/.bashrc
      eval "$(stellary completion zsh)"                                    # in ~/.zshrc
      stellary completion fish > ~/.config/fish/completions/stellary.fish
    """
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None
    script = kind(ctx.find_root().command, {}, "stellary", "_STELLARY_COMPLETE")
    click.echo(script.source_template % script.source_vars())
