"""A server of one's own, and completion for the shell."""

from __future__ import annotations

import importlib.util

import click

SHELLS = ("bash", "zsh", "fish")
NEEDED = ("aiohttp", "alembic", "sqlalchemy", "structlog")


@click.command(
    short_help="Run a server of your own.",
    context_settings={"ignore_unknown_options": True, "help_option_names": []},
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def serve(ctx: click.Context, arguments: tuple[str, ...]) -> int:
    """Run the reference server until Ctrl-C. Its options are the server's own: --host, --port, --data-dir …

    It needs the extra server: pip install 'stellary[cli,server]'.

    \b
    Example:
      stellary serve --port 3001 --data-dir ./data
    """
    if {"-h", "--help"} & set(arguments):
        click.echo(ctx.get_help())
        if not _installed():
            return 0
        click.echo()
    if not _installed():
        raise click.ClickException("a server needs some packages more: pip install 'stellary[cli,server]'")
    from reference_server.__main__ import main

    return main(arguments)


def _installed() -> bool:
    return all(importlib.util.find_spec(name) is not None for name in NEEDED)


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print what makes a shell complete commands and options.

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


COMMANDS = (serve, completion)
