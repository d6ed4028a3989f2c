"""Account commands: logging in and out, and tokens for scripts."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, cast, get_args

import click

from stellary import Forbidden, Stellary, StellaryError, Unauthenticated
from stellary.cli.config import COMPLETIONS
from stellary.cli.finding import match_one
from stellary.cli.options import Group, has_terminal, with_json
from stellary.cli.output import (
    JsonCommand,
    print_fields,
    print_json,
    print_line,
    print_result,
    show,
)
from stellary.cli.session import CommandContext, pass_session
from stellary.client.calling.settings import DEFAULT_URL
from stellary.contract.auth import ConfirmedAction, User
from stellary.contract.endpoint import TOKEN_SCOPES
from stellary.contract.notifications import DeliveryTime, DigestPeriod, Weekday
from stellary.contract.redaction import SecretStr
from stellary.contract.wire import UNSET

_URL = click.option(
    "--url", metavar="URL", help=f"The URL of the API. Default: the one used last, or {DEFAULT_URL}."
)


def _read_secret(prompt: str, *, twice: bool = False) -> str:
    """Prompt for a secret without echoing it, or read the first line of standard input. A secret is never an argument.

    Args:
        prompt: The name of the secret.
        twice: Whether to prompt for it again, since nobody can see a typing error.
    """
    if has_terminal():
        return SecretStr(click.prompt(prompt, hide_input=True, err=True, confirmation_prompt=twice))
    line = SecretStr(sys.stdin.readline().rstrip("\r\n"))
    if not line:
        raise click.ClickException(f"no {prompt.lower()} on the standard input")
    return line


def _resolve_url(session: CommandContext, url: str | None) -> str:
    return url or session.setting("url") or DEFAULT_URL


@click.command(short_help="Log in, and save the login.")
@_URL
@click.option("--email", metavar="ADDRESS", help="The address of your account. Prompted for if omitted.")
@click.option("--token", is_flag=True, help="Use a personal access token instead of a password.")
@pass_session
def login(session: CommandContext, url: str | None, email: str | None, token: bool) -> None:
    """Log in with a password or a token. The login is saved in a file that only you can read.

    The command prompts for the secret, or reads it from standard input. It is not an option, because other users of
    the machine can see options. If your account has a second factor, it also prompts for a code, or reads it from the
    second line.

    \b
    Example:
      stellary login --url https://stellary.example.com --email jane@example.com
      echo "$TOKEN" | stellary login --token
    """
    api_url = _resolve_url(session, url)
    if token:
        access_token = _read_secret("Token").strip()
    else:
        email = email or click.prompt("E-mail", err=True)
        with Stellary(api_url) as client:
            access_token = _log_in(client, email, _read_secret("Password"))
    _start_session(session, api_url, access_token)


def _log_in(client: Stellary, email: str, password: str) -> str:
    """Return a token for a password, and for a code if the account has a second factor."""
    try:
        try:
            return client.auth.login(email=email, password=password).access_token
        except Unauthenticated as error:
            if error.code != "code_required":
                raise
        return client.auth.login(email=email, password=password, code=_read_secret("Code")).access_token
    except Unauthenticated as error:
        raise click.ClickException(error.message) from None


@click.command(short_help="Create an account, and log in.")
@_URL
@click.option("--email", metavar="ADDRESS", prompt="E-mail", help="The address of the new account.")
@click.option("--name", metavar="NAME", help="Your display name. Default: derived from the address.")
@pass_session
def register(session: CommandContext, url: str | None, email: str, name: str | None) -> None:
    """Create an account with its own workspace, and log in.

    \b
    Example:
      stellary register --email jane@example.com --name "Jane Doe"
    """
    api_url = _resolve_url(session, url)
    with Stellary(api_url) as client:
        tokens = client.auth.register(
            email=email, password=_read_secret("Password", twice=True), name=name or UNSET
        )
    _start_session(session, api_url, tokens.access_token)


@click.command("forgot-password", short_help="Get a link to reset your password.")
@_URL
@click.option("--email", metavar="ADDRESS", prompt="E-mail", help="The address of your account.")
@pass_session
def forgot_password(session: CommandContext, url: str | None, email: str) -> None:
    """Send a link to your e-mail address, with which you can choose a new password.

    \b
    Example:
      stellary forgot-password --email jane@example.com
    """
    with Stellary(_resolve_url(session, url)) as client:
        client.auth.forgot_password(email=email)
    print_line(f"If there is an account with the address {email}, a link is on its way to it.")


def _start_session(session: CommandContext, url: str, token: str) -> None:
    """Save a valid token, and select the workspace if there is exactly one."""
    with Stellary(url, token) as client:
        try:
            suffix = f" as {_format_user(client.auth.me().user)}"
        except Forbidden:
            # The scopes of a token may not include reading the account.
            suffix = ""
        session.save(url=url, token=token, org=None, workspace=None, project=None)
        print_line(f"Logged in at {url}{suffix}.")
        workspaces = [
            (org.slug, workspace.slug)
            for org in client.organizations.iterate()
            for workspace in client.organization(org.slug).workspaces.iterate()
        ]
    if len(workspaces) == 1:
        ((org_slug, workspace_slug),) = workspaces
        session.save(org=org_slug, workspace=workspace_slug)
        print_line(f"Now working in {org_slug}/{workspace_slug}.")
    else:
        example = "/".join(workspaces[0]) if workspaces else "ORG/SLUG"
        print_line(f"Select a workspace: stellary use {example}")


def _format_user(user: User) -> str:
    return f"{user.name} <{user.email}>"


@click.command()
@pass_session
def logout(session: CommandContext) -> None:
    """End the saved login on the server, and delete it with the selected workspace and project.

    A personal access token stays valid; "stellary tokens revoke" revokes it.

    \b
    Example:
      stellary logout
    """
    token = session.setting("token")
    if token:
        with suppress(StellaryError), Stellary(_resolve_url(session, None), token) as client:
            client.auth.logout()
    session.save(token=None, org=None, workspace=None, project=None)
    session.path.with_name(COMPLETIONS).unlink(missing_ok=True)
    print_line("Logged out.")


_by_link = click.option(
    "--by-link",
    is_flag=True,
    help="Confirm with a link that is sent to your present address, if your account has no password.",
)


def _confirm(session: CommandContext, action: ConfirmedAction, by_link: bool) -> dict[str, str]:
    """Return the field of a request that confirms a change: the password, or the link of an account without one."""
    if not by_link:
        return {"current_password": _read_secret("Password")}
    session.client.auth.send_confirmation(action=action)
    print_line("Open the e-mail that is on its way to you, and copy the link.", err=True)
    return {"confirmation": SecretStr(_read_secret("Link").strip().rpartition("/")[2])}


@click.command("change-email", short_help="Change your e-mail address.")
@click.argument("email", metavar="ADDRESS")
@_by_link
@pass_session
def change_email(session: CommandContext, email: str, by_link: bool) -> None:
    """Send a link to a new e-mail address. Your address changes once you open the link.

    The command asks for your password, or with --by-link for the link that it sends to your present address, or reads
    it from standard input.

    \b
    Example:
      stellary change-email jane.doe@example.com
    """
    session.client.auth.change_email(email=email, **_confirm(session, "change_email", by_link))
    print_line(f"Open the link that is on its way to {email}.")


@click.command("confirm-email", short_help="Confirm your e-mail address.")
@_URL
@pass_session
def confirm_email(session: CommandContext, url: str | None) -> None:
    """Confirm the address of a new account, or a new address, with the link in the e-mail.

    The command asks for the link or the token at its end, or reads it from standard input. "stellary change-email" with
    your present address sends another link.

    \b
    Example:
      stellary confirm-email
    """
    token = _read_secret("Link").strip().rpartition("/")[2]
    with Stellary(_resolve_url(session, url)) as client:
        client.auth.confirm_email(token=token)
    print_line("Your address is confirmed.")


@click.command("delete-account", short_help="Delete your account.")
@_by_link
@pass_session
def delete_account(session: CommandContext, by_link: bool) -> None:
    """Delete your account, and the organizations of which you are the only member. This cannot be undone.

    The command asks for your password, or with --by-link for the link that it sends to you, or reads it from standard
    input. What you have shared with others stays, under the name "former member".

    \b
    Example:
      stellary delete-account
    """
    session.client.auth.delete_account(**_confirm(session, "delete_account", by_link))
    session.save(token=None, org=None, workspace=None, project=None)
    print_line("Your account is deleted.")


@click.command(cls=JsonCommand)
@with_json
def whoami(session: CommandContext) -> None:
    """Show your account, and the selected workspace and project.

    \b
    Example:
      stellary whoami
    """
    user = session.client.auth.me().user
    if session.json:
        print_json(user, session.json)
        return
    workspace = "/".join(filter(None, (session.setting("org"), session.setting("workspace"))))
    print_line(f"{_format_user(user)} at {session.setting('url') or DEFAULT_URL}")
    if not user.email_verified:
        print_line(
            "Your e-mail address is not confirmed yet: open the link in the e-mail, or use stellary confirm-email"
        )
    print_line(f"workspace {workspace or 'none'}, project {session.setting('project') or 'none'}")


@click.group(cls=Group)
def sessions() -> None:
    """List and end your logins on all devices.

    \b
    Example:
      stellary sessions list
    """


@sessions.command("list")
@with_json
def list_sessions(session: CommandContext) -> None:
    """List your logins that have not ended.

    \b
    Example:
      stellary sessions list
    """
    show(list(session.client.auth.iterate_sessions()), session.json, "You have no sessions.")


@sessions.command("revoke")
@click.argument("session_id", metavar="SESSION")
@pass_session
def revoke_session(session: CommandContext, session_id: str) -> None:
    """End a login, given its id or its device.

    \b
    Example:
      stellary sessions revoke Phone
    """
    client = session.client
    match = match_one(
        "session",
        session_id,
        client.auth.iterate_sessions(),
        lambda item: (item.device or item.id, item.id),
        lambda item: f"{item.device or 'without a name'} ({item.id})",
    )
    client.auth.revoke_session(match.id)
    print_line("Ended the session.")


@click.group(cls=Group)
def identities() -> None:
    """List and unlink the identities by which a sign-in service such as your company's signs you in.

    \b
    Example:
      stellary identities list
    """


@identities.command("list")
@with_json
def list_identities(session: CommandContext) -> None:
    """List the identities that sign you in.

    \b
    Example:
      stellary identities list
    """
    show(list(session.client.auth.iterate_identities()), session.json, "You have no identities.")


@identities.command("unlink")
@click.argument("identity", metavar="IDENTITY")
@pass_session
def unlink_identity(session: CommandContext, identity: str) -> None:
    """Unlink an identity, given its id or its subject. The last way to sign in cannot be unlinked.

    \b
    Example:
      stellary identities unlink 248289761001
    """
    client = session.client
    match = match_one(
        "identity",
        identity,
        client.auth.iterate_identities(),
        lambda item: (item.subject, item.id),
        lambda item: f"{item.subject} at {item.issuer} ({item.id})",
    )
    client.auth.unlink_identity(match.id)
    print_line(f"Unlinked {match.subject} at {match.issuer}.")


@click.group("second-factor", cls=Group)
def second_factor() -> None:
    """Require a code of an authenticator app at each login.

    \b
    Example:
      stellary second-factor enroll
    """


@second_factor.command("status")
@with_json
def show_second_factor(session: CommandContext) -> None:
    """Show whether your logins need a code, and how many recovery codes you have left.

    \b
    Example:
      stellary second-factor status
    """
    factor = session.client.auth.get_second_factor()
    state = f"enabled; {factor.recovery_codes} recovery codes are left" if factor.enabled else "not enabled"
    print_result(factor, f"The second factor is {state}.", session.json)


@second_factor.command("enroll")
@pass_session
def enroll_second_factor(session: CommandContext) -> None:
    """Print a new key for your authenticator app, as a text and as a URI. "confirm" enables it.

    The command asks for your password, or reads it from standard input.

    \b
    Example:
      stellary second-factor enroll
    """
    enrollment = session.client.auth.enroll_second_factor(current_password=_read_secret("Password"))
    click.echo(enrollment.secret)
    click.echo(enrollment.uri)
    print_line("Add the key to your app, then run: stellary second-factor confirm", err=True)


@second_factor.command("confirm")
@pass_session
def confirm_second_factor(session: CommandContext) -> None:
    """Enable the second factor, and print your recovery codes, which cannot be shown again.

    The command asks for the code that the app shows, or reads it from standard input.

    \b
    Example:
      stellary second-factor confirm
    """
    for code in session.client.auth.confirm_second_factor(code=_read_secret("Code")).codes:
        click.echo(code)
    print_line(
        "The second factor is enabled. Keep these codes: each lets you in once if you lose the app.", err=True
    )


@second_factor.command("disable")
@pass_session
def disable_second_factor(session: CommandContext) -> None:
    """Disable the second factor. The recovery codes end as well.

    The command asks for your password and a code, or reads them from two lines of standard input.

    \b
    Example:
      stellary second-factor disable
    """
    session.client.auth.disable_second_factor(
        current_password=_read_secret("Password"), code=_read_secret("Code")
    )
    print_line("The second factor is disabled.")


@click.group(cls=Group)
def tokens() -> None:
    """Manage personal access tokens, for scripts and services.

    \b
    Example:
      stellary tokens create CI --scope projects:read --days 90
    """


@tokens.command("list")
@with_json
def list_tokens(session: CommandContext) -> None:
    """List your tokens, without their secrets.

    \b
    Example:
      stellary tokens list
    """
    show(list(session.client.api_tokens.iterate()), session.json, "You have no tokens.")


@tokens.command("create")
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice(TOKEN_SCOPES),
    help="What the token may access; repeatable. Default: everything.",
)
@click.option("--days", type=click.IntRange(1, 3650), help="Days until it expires. Default: never.")
@with_json
def create_token(session: CommandContext, name: str, scopes: tuple[str, ...], days: int | None) -> None:
    """Create a token, and print its secret, which cannot be shown again.

    \b
    Example:
      stellary tokens create CI --scope projects:read --scope projects:write --days 90
    """
    expires_at = datetime.now(UTC) + timedelta(days=days) if days else UNSET
    token = session.client.api_tokens.create(name=name, scopes=list(scopes) or UNSET, expires_at=expires_at)  # type: ignore[arg-type]
    print_result(token, token.token, session.json)


@tokens.command("revoke")
@click.argument("token")
@pass_session
def revoke_token(session: CommandContext, token: str) -> None:
    """Revoke a token, given its name, the start of its secret as the list shows it, or its id.

    \b
    Example:
      stellary tokens revoke CI
    """
    client = session.client
    match = match_one(
        "token",
        token,
        client.api_tokens.iterate(),
        lambda item: (item.name, item.prefix, item.id),
        lambda item: f'"{item.name}" ({item.prefix}…, {item.id})',
    )
    client.api_tokens.delete(match)
    print_line(f'Revoked "{match.name}".')


@click.command(cls=JsonCommand, short_help="Show or change when channels notify you.")
@click.argument("choices", nargs=-1, metavar="[CHANNEL.KIND=TIME]...")
@click.option("--time-zone", metavar="NAME", help="The time zone of the digest, such as Europe/Berlin.")
@click.option("--digest", type=click.Choice(get_args(DigestPeriod)), help="How often there is a digest.")
@click.option("--hour", "digest_hour", type=click.IntRange(0, 23), help="The local hour of the digest.")
@click.option(
    "--weekday", "digest_weekday", type=click.Choice(get_args(Weekday)), help="The day of a weekly digest."
)
@with_json
def notify(session: CommandContext, /, choices: Sequence[str], **settings: Any) -> None:
    """Show or change when channels of the server, such as mail, deliver your notifications.

    TIME is immediate, digest or never.

    \b
    Examples:
      stellary notify
      stellary notify mail.card=never mail.assignment=digest --digest week --time-zone Europe/Berlin
    """
    channels: dict[str, dict[str, DeliveryTime | None]] = defaultdict(dict)
    for choice in choices:
        name, _, time = choice.partition("=")
        channel, _, kind = name.partition(".")
        if not (kind and time):
            raise click.UsageError(f"{choice!r} must look like mail.card=never")
        channels[channel][kind] = cast("DeliveryTime", time)
    changes = {name: value for name, value in settings.items() if value is not None}
    preferences = session.client.notifications.preferences()
    if changes or channels:
        preferences = session.client.notifications.update_preferences(**changes, channels=channels)
    if session.json:
        print_json(preferences, session.json)
        return
    periods = {
        "hour": "every hour",
        "day": f"every day at {preferences.digest_hour}:00",
        "week": f"every {preferences.digest_weekday} at {preferences.digest_hour}:00",
    }
    print_line(f"The digest is sent {periods[preferences.digest]} ({preferences.time_zone}).")
    for channel, times in preferences.channels.items():
        for kind, time in times.items():
            print_fields((f"{channel}.{kind}", time))
    if not preferences.channels:
        print_line("The server has no channel: notifications are only listed.")
