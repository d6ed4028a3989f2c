"""The page of an invitation: sign in or create an account, and become a member."""

from __future__ import annotations

import attrs

from reference_server.pages.layout import (
    alert,
    form,
    heading,
    hidden_field,
    link,
    new_password_field,
    paragraph,
    render_page,
    text_field,
)
from reference_server.pages.requests import SESSION_COOKIE, PageApi, PageRequest
from reference_server.pages.sessions import (
    PageLogin,
    build_provider_link,
    log_in,
    render_code_form,
)
from stellary.contract.auth import LOGOUT, REGISTER
from stellary.contract.errors import Forbidden, NotFound, Unauthenticated
from stellary.contract.port import RawResponse
from stellary.contract.refs import InvitationTokenRef
from stellary.contract.workspaces import ACCEPT_INVITATION
from stellary.core.accounts.addresses import address_key
from stellary.core.accounts.invitations import PendingInvitation, find_pending_invitation

NEW, EXISTING, SIGNED_IN = "new", "existing", "signed-in"
"""The values of the field ``account``: whether the form creates the account, or the browser has a login of it."""


def show_invitation(request: PageRequest, api: PageApi) -> RawResponse:
    """Return the page with the invitation, and a form for each way to accept it."""
    invitation = api.read(lambda uow: find_pending_invitation(uow, request.token))
    return _render_invalid() if invitation is None else _render_invitation(request, api, invitation)


def submit_invitation(request: PageRequest, api: PageApi) -> RawResponse:
    """Sign in or create the account, and accept the invitation."""
    invitation = api.read(lambda uow: find_pending_invitation(uow, request.token))
    if invitation is None:
        return _render_invalid()
    account = request.form.get("account")
    if account == SIGNED_IN:
        return _accept_signed_in(request, api, invitation)
    login = (
        _register(request, api, invitation.email)
        if account == NEW
        else log_in(request, api, invitation.email)
    )
    if login.pending is not None:
        return render_code_form(request, login, hidden_field("account", EXISTING))
    if login.problem is not None:
        return _render_invitation(request, api, invitation, login.problem, login.status)
    token = login.token
    accepted = api.call(ACCEPT_INVITATION, {}, ref=InvitationTokenRef(request.token), token=token)
    if accepted.problem is not None:
        api.call(LOGOUT, {}, token=token)
        return _render_invalid()
    page = _render_accepted(request, invitation)
    return attrs.evolve(page, cookies=(request.build_cookie(SESSION_COOKIE, token),))


def _accept_signed_in(request: PageRequest, api: PageApi, invitation: PendingInvitation) -> RawResponse:
    """Accept the invitation as the user who has signed in."""
    client = api.open_client()
    try:
        if client is not None:
            client.invitations.accept(request.token)
            return _render_accepted(request, invitation)
    except (Unauthenticated, Forbidden, NotFound):
        # The session has ended, or belongs to someone else.
        pass
    return _render_invitation(request, api, invitation)


def _render_accepted(request: PageRequest, invitation: PendingInvitation) -> RawResponse:
    return render_page(
        f"You are a member of {invitation.workspace}",
        link(f"{request.prefix}/home", "See your projects"),
        paragraph(
            f"You can also sign in as {invitation.email} with the command line, the SDK, or a program that uses them."
        ),
        link(f"{request.prefix}/docs", "The API of this server"),
    )


def _register(request: PageRequest, api: PageApi, email: str) -> PageLogin:
    name = request.form.get("name", "").strip()
    credentials = {"email": email, "password": request.form.get("password", "")}
    response = api.call(REGISTER, credentials | ({"name": name} if name else {}))
    if response.problem is not None:
        return PageLogin(problem=response.problem, status=response.status)
    return PageLogin(token=str(response.body["access_token"]))


def _is_signed_in(api: PageApi, invitation: PendingInvitation) -> bool:
    """Return whether the user who has signed in is the one who is invited."""
    client = api.open_client()
    try:
        return client is not None and address_key(client.auth.me().user.email) == address_key(
            invitation.email
        )
    except Unauthenticated:
        return False


def _render_invitation(
    request: PageRequest,
    api: PageApi,
    invitation: PendingInvitation,
    problem: str | None = None,
    status: int = 200,
) -> RawResponse:
    introduction = [
        paragraph(f"{invitation.inviter} invites you to the workspace {invitation.workspace}."),
        paragraph(f"The invitation is for {invitation.email}."),
    ]
    if _is_signed_in(api, invitation):
        accept = form(request, "Accept", choice=("account", SIGNED_IN))
        return render_page(f"Join {invitation.workspace}", *introduction, accept, status=status)
    # Both forms are always there: the page does not reveal to the inviter, who may open it, whether there is an account.
    email, chosen = invitation.email, request.form.get("account")
    sign_in = form(
        request,
        "Sign in and accept",
        text_field("email", "E-mail address", "email", "username", text=email, is_fixed=True),
        text_field("password", "Password", "password", "current-password", length_max=128),
        choice=("account", EXISTING),
    )
    register = form(
        request,
        "Create the account and accept",
        text_field("email", "E-mail address", "email", "username", text=email, is_fixed=True, id="new-email"),
        text_field("name", "Your name", "text", "name", text=request.form.get("name", ""), length_max=100),
        new_password_field("password", "Password", id="new-password"),
        choice=("account", NEW),
    )
    return render_page(
        f"Join {invitation.workspace}",
        *introduction,
        *build_provider_link(request, request.path),
        heading("I have an account"),
        alert(problem if chosen != NEW else None),
        sign_in,
        link(f"{request.prefix}/forgot-password", "Forgot your password?"),
        *(
            (heading("I am new here"), alert(problem if chosen == NEW else None), register)
            if invitation.may_register
            else ()
        ),
        status=status,
    )


def _render_invalid() -> RawResponse:
    return render_page(
        "This invitation is no longer valid",
        paragraph("It has expired, was accepted or revoked, or a newer one has replaced it."),
        paragraph("Ask the person who invited you for a new one."),
        status=404,
    )
