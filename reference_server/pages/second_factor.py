"""The page on which a user who has signed in enables or disables the second factor, and unlinks identities."""

from __future__ import annotations

from reference_server.pages.account import read_has_password
from reference_server.pages.operations import OperationPage, PageForm, Read
from reference_server.pages.rendering import render_page
from reference_server.pages.requests import ApiResponse, PageRequest
from stellary.contract.port import RawResponse

URI_LENGTH_MAX = 1000
"""The maximum length of a URI in bytes, which fit into a code."""


def show_secret(request: PageRequest, response: ApiResponse) -> RawResponse:
    """Return the page with a new secret, and with the problem of a code that did not confirm it."""
    # Loaded when the first code is shown.
    import segno

    # A form with a code sends the secret and the URI back, so they may be other texts.
    is_new = response.problem is None
    texts = response.body if is_new else request.form
    secret, uri = str(texts.get("secret", "")), str(texts.get("uri", ""))
    qr_code = None
    if uri.startswith("otpauth://") and len(uri.encode()) <= URI_LENGTH_MAX:
        code = segno.make(uri, error="m", micro=False)
        # Dark on light, also in the dark.
        qr_code = code.svg_data_uri(scale=4, border=4, dark="#000", light="#fff")
    return render_page(request, "second_factor_secret", response, secret=secret, uri=uri, qr_code=qr_code)


def show_recovery_codes(request: PageRequest, response: ApiResponse) -> RawResponse:
    """Return the page with the recovery codes, which are not shown again."""
    return render_page(request, "recovery_codes", codes=response.body["codes"])


SECOND_FACTOR = OperationPage(
    "second_factor",
    {
        "factor": Read("auth.get_second_factor"),
        "identities": Read("auth.list_identities"),
        "has_password": read_has_password,
    },
    {
        "enroll": PageForm("auth.enroll_second_factor", then=show_secret),
        "confirm": PageForm("auth.confirm_second_factor", then=show_recovery_codes, failed=show_secret),
        "disable": PageForm("auth.disable_second_factor", "The second factor is disabled."),
        "unlink": PageForm("auth.unlink_identity", "The identity is unlinked."),
    },
)
