"""The routes of the pages, and the function that makes each page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar

import attrs

from reference_server.pages import emails, invitations, passwords
from reference_server.pages.requests import PageApi, PageRequest
from stellary.contract.endpoint import acts, reads
from stellary.contract.policies import PUBLIC
from stellary.contract.port import RawResponse
from stellary.contract.refs import InvitationTokenRef, Ref
from stellary.contract.router import AnyEndpoint

PageFunction = Callable[[PageRequest, PageApi], RawResponse]


@attrs.frozen
class PasswordResetRef(Ref):
    """The page of a link to reset a password."""

    template: ClassVar[str] = "/reset-password/:token"
    token: str = attrs.field(repr=False)


@attrs.frozen
class EmailChangeRef(Ref):
    """The page of a link that confirms a new address."""

    template: ClassVar[str] = "/confirm-email/:token"
    token: str = attrs.field(repr=False)


def _build_page(
    name: str, ref: type[Ref], tail: str, summary: str, show: PageFunction, submit: PageFunction
) -> dict[AnyEndpoint, PageFunction]:
    """Return the endpoints of a page, which shows a form and takes it."""
    common = {"summary": summary, "returns": str, "policy": PUBLIC, "media": "text/html"}
    return {
        reads(f"pages.show_{name}", ref, tail, **common): show,  # type: ignore[call-overload]
        acts(f"pages.submit_{name}", ref, tail, **common): submit,  # type: ignore[call-overload]
    }


PAGES: Mapping[AnyEndpoint, PageFunction] = {
    **_build_page(
        "forgot_password",
        Ref,
        "forgot-password",
        "Ask for a link to reset a password.",
        passwords.show_forgot_password,
        passwords.submit_forgot_password,
    ),
    **_build_page(
        "reset_password",
        PasswordResetRef,
        "",
        "Choose a new password.",
        passwords.show_reset_password,
        passwords.submit_reset_password,
    ),
    **_build_page(
        "confirm_email",
        EmailChangeRef,
        "",
        "Confirm a new e-mail address.",
        emails.show_confirm_email,
        emails.submit_confirm_email,
    ),
    **_build_page(
        "invitation",
        InvitationTokenRef,
        "",
        "Accept an invitation.",
        invitations.show_invitation,
        invitations.submit_invitation,
    ),
}
"""The function of each page, by its endpoint. They are not part of the API."""
