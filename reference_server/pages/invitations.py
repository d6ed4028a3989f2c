"""The page of an invitation: sign in or create an account, and become a member."""

from __future__ import annotations

import attrs

from reference_server.pages.rendering import render_message, render_page
from reference_server.pages.requests import SESSION_COOKIE, ApiResponse, PageApi, PageRequest
from reference_server.pages.sessions import PageLogin, log_in, render_code_form
from stellary.contract.auth import LOGOUT, REGISTER
from stellary.contract.port import RawResponse
from stellary.contract.refs import InvitationTokenRef
from stellary.contract.workspaces import ACCEPT_INVITATION
from stellary.core.accounts.invitations import PendingInvitation, find_pending_invitation
from stellary.core.accounts.users import address_key

NEW, EXISTING, SIGNED_IN = "new", "existing", "signed-in"
"""The values of the field ``account``: whether the form creates the account, or the browser has a login of it."""


def show_invitation(request: PageRequest, api: PageApi) -> RawResponse:
    """Return the page with the invitation, and a form for each way to accept it."""
    invitation = api.read(lambda uow: find_pending_invitation(uow, request.token))
    return _render_invalid(request) if invitation is None else _render_invitation(request, api, invitation)


def submit_invitation(request: PageRequest, api: PageApi) -> RawResponse:
    """Sign in or create the account, and accept the invitation."""
    invitation = api.read(lambda uow: find_pending_invitation(uow, request.token))
    if invitation is None:
        return _render_invalid(request)
    account = request.form.get("account")
    if account == SIGNED_IN:
        return _accept_signed_in(request, api, invitation)
    enter = _register if account == NEW else log_in
    login = enter(request, api, invitation.email)
    if login.pending is not None:
        return render_code_form(request, login, account=EXISTING)
    if login.response.problem is not None:
        return _render_invitation(request, api, invitation, login.response)
    token = login.token
    accepted = api.call(ACCEPT_INVITATION, {}, ref=InvitationTokenRef(request.token), token=token)
    if accepted.problem is not None:
        api.call(LOGOUT, {}, token=token)
        return _render_invalid(request)
    page = render_page(request, "invitation_accepted", invitation=invitation)
    return attrs.evolve(page, cookies=(request.build_cookie(SESSION_COOKIE, token),))


def _accept_signed_in(request: PageRequest, api: PageApi, invitation: PendingInvitation) -> RawResponse:
    """Accept the invitation as the user who has signed in."""
    accepted = api.call_as_user(ACCEPT_INVITATION, {}, ref=InvitationTokenRef(request.token))
    if accepted.status in (401, 403, 404):
        # The session has ended, or belongs to someone else.
        return _render_invitation(request, api, invitation)
    accepted.check()
    return render_page(request, "invitation_accepted", invitation=invitation)


def _register(request: PageRequest, api: PageApi, email: str) -> PageLogin:
    name = request.form.get("name", "").strip()
    credentials = {"email": email, "password": request.form.get("password", "")}
    return PageLogin(api.call(REGISTER, credentials | ({"name": name} if name else {})))


def _is_signed_in(api: PageApi, invitation: PendingInvitation) -> bool:
    """Return whether the user who has signed in is the one who is invited."""
    return api.user is not None and address_key(api.user["email"]) == address_key(invitation.email)


def _render_invitation(
    request: PageRequest, api: PageApi, invitation: PendingInvitation, response: ApiResponse | None = None
) -> RawResponse:
    is_signed_in = _is_signed_in(api, invitation)
    return render_page(request, "invitation", response, invitation=invitation, is_signed_in=is_signed_in)


def _render_invalid(request: PageRequest) -> RawResponse:
    return render_message(
        request,
        "This invitation is no longer valid",
        "It has expired, was accepted or revoked, or a newer one has replaced it.",
        "Ask the person who invited you for a new one.",
        status=404,
    )
