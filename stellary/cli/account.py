"""Accounts: logging in and out, and tokens for scripts."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta

import click

from stellary import Forbidden, Stellary, Unauthenticated
from stellary.cli.finding import one
from stellary.cli.output import as_json, show, tell, tell_json
from stellary.cli.session import Session, pass_session
from stellary.client.calling.settings import DEFAULT_URL
from stellary.contract.auth import User
from stellary.contract.endpoint import TOKEN_SCOPES
from stellary.contract.redaction import SecretStr
from stellary.contract.unset import UNSET


def _secret(prompt: str) -> str:
    """A secret that is asked for without being shown, or the first line of the standard input. Never an argument."""
    if _at_a_terminal():
        return SecretStr(click.prompt(prompt, hide_input=True, err=True))
    line = SecretStr(sys.stdin.readline().rstrip("\r\n"))
    if not line:
        raise click.ClickException(f"no {prompt.lower()} on the standard input")
    return line


def _at_a_terminal() -> bool:
    return sys.stdin.isatty()


def _url(session: Session, url: str | None) -> str:
    return url or session.setting("url") or DEFAULT_URL


@click.command(short_help="Log in, and remember that.")
@click.option("--url", metavar="URL", help=f"Where the API is ({DEFAULT_URL}, or where you were last).")
@click.option("--email", metavar="ADDRESS", help="Of your account; asked for if not given.")
@click.option("--token", is_flag=True, help="With a personal access token in place of a password.")
@pass_session
def login(session: Session, url: str | None, email: str | None, token: bool) -> None:
    """Log in with a password or a token, and remember that in a file that only you can read.

    The secret is asked for, or read from the standard input. It is no option, since others may see those.

    \b
    Example:
      stellary login --url https://stellary.example.com --email jane@example.com
      echo "$TOKEN" | stellary login --token
    """
    where = _url(session, url)
    if token:
        found = _secret("Token").strip()
    else:
        email = email or click.prompt("E-mail", err=True)
        try:
            with Stellary(where) as client:
                found = client.auth.login(email=email, password=_secret("Password")).access_token
        except Unauthenticated as error:
            raise click.ClickException(error.message) from None
    _enter(session, where, found)


@click.command(short_help="Make an account, and log in.")
@click.option("--url", metavar="URL", help=f"Where the API is ({DEFAULT_URL}, or where you were last).")
@click.option("--email", metavar="ADDRESS", prompt="E-mail", help="Of the account to be.")
@click.option("--name", metavar="NAME", help="What others call you; made from the address if not given.")
@pass_session
def register(session: Session, url: str | None, email: str, name: str | None) -> None:
    """Make an account, with a workspace of its own, and log in with it.

    \b
    Example:
      stellary register --email jane@example.com --name "Jane Doe"
    """
    where = _url(session, url)
    with Stellary(where) as client:
        made = client.auth.register(email=email, password=_secret("Password"), name=name or UNSET)
    _enter(session, where, made.access_token)


def _enter(session: Session, url: str, token: str) -> None:
    """Remember a token that is good, and where there is only one place to work, that place."""
    with Stellary(url, token) as client:
        try:
            who = f" as {_called(client.auth.me().user)}"
        except Forbidden:
            # A token need not reach the account whose it is.
            who = ""
        session.remember(url=url, token=token, org=None, workspace=None, project=None)
        tell(f"Logged in at {url}{who}.")
        places = [
            (org.slug, each.slug)
            for org in client.organizations.iterate()
            for each in client.organization(org.slug).workspaces.iterate()
        ]
    if len(places) == 1:
        ((org, workspace),) = places
        session.remember(org=org, workspace=workspace)
        tell(f"You work in {org}/{workspace}.")
    else:
        example = "/".join(places[0]) if places else "ORG/SLUG"
        tell(f"Say where you work: stellary use {example}")


def _called(user: User) -> str:
    return f"{user.name} <{user.email}>"


@click.command()
@pass_session
def logout(session: Session) -> None:
    """Forget the login, and where you work.

    \b
    Example:
      stellary logout
    """
    session.remember(token=None, org=None, workspace=None, project=None)
    tell("Logged out.")


@click.command()
@as_json
@pass_session
def whoami(session: Session, as_json: bool) -> None:
    """Show who you are, and where you work.

    \b
    Example:
      stellary whoami
    """
    user = session.client.auth.me().user
    if as_json:
        tell_json(user)
        return
    place = "/".join(filter(None, (session.setting("org"), session.setting("workspace"))))
    tell(f"{_called(user)} at {session.setting('url') or DEFAULT_URL}")
    tell(f"workspace {place or 'none'}, project {session.setting('project') or 'none'}")


@click.group()
def tokens() -> None:
    """Personal access tokens, for scripts and services.

    \b
    Example:
      stellary tokens create CI --scope projects:read --days 90
    """


@tokens.command("list")
@as_json
@pass_session
def list_tokens(session: Session, as_json: bool) -> None:
    """List your tokens, without their secrets.

    \b
    Example:
      stellary tokens list
    """
    show(list(session.client.api_tokens.iterate()), as_json, "You have no tokens.")


@tokens.command("create")
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice(TOKEN_SCOPES),
    help="What it reaches; all if none is given.",
)
@click.option("--days", type=click.IntRange(1, 3650), help="After which it expires; never if not given.")
@as_json
@pass_session
def create_token(
    session: Session, name: str, scopes: tuple[str, ...], days: int | None, as_json: bool
) -> None:
    """Make a token. Its secret is printed, this once.

    \b
    Example:
      stellary tokens create CI --scope projects:read --scope projects:write --days 90
    """
    expires = datetime.now(UTC) + timedelta(days=days) if days else UNSET
    made = session.client.api_tokens.create(name=name, scopes=list(scopes) or UNSET, expires_at=expires)  # type: ignore[arg-type]
    if as_json:
        tell_json(made)
    else:
        click.echo(made.token)


@tokens.command("revoke")
@click.argument("token")
@pass_session
def revoke_token(session: Session, token: str) -> None:
    """Revoke a token, by its name, the beginning of its secret, or its id.

    \b
    Example:
      stellary tokens revoke CI
    """
    client = session.client
    found = one(
        "token",
        token,
        client.api_tokens.iterate(),
        lambda each: (each.name, each.prefix, each.id),
        lambda each: f'"{each.name}" ({each.prefix}…, {each.id})',
    )
    client.api_tokens.delete(found)
    tell(f'Revoked "{found.name}".')


COMMANDS = (login, register, logout, whoami, tokens)
