"""Team: invite a user, set a role, create a token for a script, and revoke everything.

Start a server with ``python3 dev.py serve``, then run ``python docs/examples/team.py``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from stellary import NotFound, Stellary, Unauthenticated


def team(
    owner: Stellary, guest: Stellary, organization: str, workspace: str, connect: Callable[[str], Stellary]
) -> list[str]:
    """Invite a guest to an existing workspace, remove the guest again, and return what the guest saw.

    Args:
        connect: A client with a token: ``Stellary(url, token=token)``.
    """
    ws = owner.workspace(organization, workspace)
    observations: list[str] = []

    # --8<-- [start:invite]
    address = guest.auth.me().user.email
    invitation = ws.members.invite(email=address, role="member")
    if invitation.token is not None:  # a server that sends e-mails shows it in the e-mail only
        guest.invitations.accept(invitation.token)
    # --8<-- [end:invite]

    # --8<-- [start:guest]
    project = ws.projects.create(name="Website", visibility="private")
    invitation = ws.members.invite(
        email="client@example.com", role="guest", project_id=project.id, project_role="commenter"
    )
    # --8<-- [end:guest]
    observations.append(f"{invitation.role} of {project.name}")

    # --8<-- [start:roles]
    member = next(member for member in ws.members.list() if member.email == address)
    ws.members.update(member, role="admin", pilotage_role="reviewer")
    # --8<-- [end:roles]
    observations.append(f"{len(ws.members.list())} members")

    # --8<-- [start:token]
    token = guest.api_tokens.create(
        name="Nightly report",
        scopes=["projects:read"],
        expires_at=(datetime.now(UTC) + timedelta(days=90)).date(),
    )
    script = connect(token.token)
    observations.append(f"{len(script.workspace(organization, workspace).projects.list())} projects")
    # --8<-- [end:token]

    # --8<-- [start:forgotten]
    guest.auth.forgot_password(email=address)  # no login needed; the link is e-mailed
    # --8<-- [end:forgotten]

    # --8<-- [start:out]
    removed = ws.members.remove(member)  # also from its projects, rules, notifications and streams
    observations.append(f"{removed.ended.webhooks} webhooks to check")
    try:
        script.workspace(organization, workspace).projects.list()
    except NotFound:
        observations.append("the workspace is no longer visible, not even with the token")
    guest.api_tokens.delete(token.id)
    try:
        script.organizations.list()
    except Unauthenticated:
        observations.append("the token is revoked")
    # --8<-- [end:out]
    return observations


def end_other_sessions(
    client: Stellary, email: str, password: str, connect: Callable[[str], Stellary]
) -> int:
    """Log in, end all other sessions of the account, log out, and return how many there were.

    Args:
        connect: A client with a token: ``Stellary(url, token=token)``.
    """
    # --8<-- [start:sessions]
    login = client.auth.login(email=email, password=password, device="Laptop")
    laptop = connect(login.access_token)
    other_sessions = [session for session in laptop.auth.list_sessions() if not session.is_current]
    for session in other_sessions:
        laptop.auth.revoke_session(session)
    laptop.auth.logout()
    # --8<-- [end:sessions]
    return len(other_sessions)


def protect_logins(client: Stellary, email: str, password: str, read_code: Callable[[str], str]) -> int:
    """Require a code at each login, log in with a recovery code, and return how many are left.

    Args:
        read_code: Returns the code that an authenticator app with a secret shows.
    """
    # --8<-- [start:factor]
    enrollment = client.auth.enroll_second_factor(current_password=password)
    print(enrollment.uri)  # the user adds it to an authenticator app, such as by a QR code
    confirmation = client.auth.confirm_second_factor(code=read_code(enrollment.secret))
    recovery_codes = confirmation.codes  # shown only once

    try:
        client.auth.login(email=email, password=password)
    except Unauthenticated as error:
        print(error.code)  # code_required
    client.auth.login(email=email, password=password, code=recovery_codes[0])
    # --8<-- [end:factor]
    return client.auth.get_second_factor().recovery_codes


def unlink_identities(client: Stellary, issuer: str) -> int:
    """Unlink the identities of a provider that the company no longer uses, and return how many are left.

    Args:
        issuer: The URL of the provider.
    """
    # --8<-- [start:identities]
    for identity in client.auth.list_identities():
        print(identity.issuer, identity.subject, identity.created_at)
        if identity.issuer == issuer:
            client.auth.unlink_identity(identity)
    # --8<-- [end:identities]
    return len(client.auth.list_identities())


def change_address(client: Stellary, password: str, new_email: str, read_token: Callable[[], str]) -> bool:
    """Give an account another address, and return whether the server trusts it.

    Args:
        read_token: Returns the token at the end of the link in the e-mail.
    """
    # --8<-- [start:address]
    client.auth.change_email(
        email=new_email, current_password=password
    )  # a link is mailed to the new address
    client.auth.confirm_email(token=read_token())  # or the user opens the link
    user = client.auth.me().user
    # --8<-- [end:address]
    assert user.email == new_email
    return user.email_verified


def delete_account(client: Stellary, password: str) -> None:
    """Delete the account of a client: cards and comments that others can see stay."""
    # --8<-- [start:deletion]
    client.auth.delete_account(current_password=password)
    # --8<-- [end:deletion]


def delete_account_without_password(client: Stellary, read_token: Callable[[], str]) -> None:
    """Delete an account that an OpenID Connect provider signs in.

    Args:
        read_token: Returns the token at the end of the link in the e-mail.
    """
    # --8<-- [start:confirmation]
    client.auth.send_confirmation(action="delete_account")  # a link is mailed to the address of the account
    client.auth.delete_account(confirmation=read_token())  # or the user opens the link
    # --8<-- [end:confirmation]


def main(url: str) -> None:
    def register(name: str) -> Stellary:
        return Stellary.register(url, f"{name}-{uuid4().hex[:8]}@example.com", "a-long-password", name=name)

    with ExitStack() as clients:

        def connect(token: str) -> Stellary:
            return clients.enter_context(Stellary(url, token=token))

        owner, guest = clients.enter_context(register("jane")), clients.enter_context(register("joe"))
        slug = f"acme-{uuid4().hex[:8]}"
        owner.organizations.create(name="Acme", slug=slug)
        owner.organization(slug).workspaces.create(name="Engineering", slug="eng")
        observations = team(owner, guest, slug, "eng", connect)
        print(*observations, sep="\n")
        email = guest.auth.me().user.email
        print(end_other_sessions(guest, email, "a-long-password", connect))  # also that of ``guest``
        session = guest.auth.login(email=email, password="a-long-password")
        delete_account(connect(session.access_token), "a-long-password")


if __name__ == "__main__":
    main(*sys.argv[1:] or ["http://localhost:3001"])
