"""The page on which a user who has signed in enables or disables the second factor, and unlinks identities."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from reference_server.pages.layout import (
    alert,
    code_list,
    form,
    heading,
    hidden_field,
    link,
    paragraph,
    qr_code,
    render_page,
    text_field,
)
from reference_server.pages.requests import ApiResponse, PageApi, PageRequest
from reference_server.pages.sessions import build_header, render_sign_in
from stellary.contract.auth import (
    CONFIRM_SECOND_FACTOR,
    DISABLE_SECOND_FACTOR,
    ENROLL_SECOND_FACTOR,
    GET_SECOND_FACTOR,
)
from stellary.contract.errors import ApiError
from stellary.contract.port import RawResponse

_TITLE = "Second factor"
URI_LENGTH_MAX = 1000
_ENROLL, _CONFIRM, _DISABLE, _UNLINK = "enroll", "confirm", "disable", "unlink"
"""The values of the field ``do``."""


def show_second_factor(request: PageRequest, api: PageApi) -> RawResponse:
    """Return the page with the state of the second factor."""
    return _render_state(request, api)


def submit_second_factor(request: PageRequest, api: PageApi) -> RawResponse:
    """Create a secret, confirm it, or disable the second factor."""
    submit = _ACTIONS.get(request.form.get("do", ""), _submit_password)
    return submit(request, api)


def _submit_password(request: PageRequest, api: PageApi) -> RawResponse:
    response = api.call(
        ENROLL_SECOND_FACTOR,
        {"currentPassword": request.form.get("password", "")},
        token=request.session,
    )
    if response.problem is not None:
        return _render_state(request, api, response)
    return _render_secret(request, str(response.body["secret"]), str(response.body["uri"]))


def _submit_code(request: PageRequest, api: PageApi) -> RawResponse:
    code = request.form.get("code", "").strip()
    response = api.call(CONFIRM_SECOND_FACTOR, {"code": code}, token=request.session)
    if response.status == 400:
        secret, uri = request.form.get("secret", ""), request.form.get("uri", "")
        return _render_secret(request, secret, uri, response)
    if response.problem is not None:
        return _render_state(request, api, response)
    codes = response.body["codes"]
    assert isinstance(codes, list)
    return render_page(
        "Keep your recovery codes",
        paragraph("The second factor is enabled. From now on, you need a code of the app to sign in."),
        paragraph(
            "If you lose the app, each of these codes lets you in once. They are not shown again: print them, or store them"
            " where you do not keep your password."
        ),
        code_list([str(code) for code in codes]),
        link(f"{request.prefix}/home", "See your projects"),
        header=build_header(request),
    )


def _submit_disabling(request: PageRequest, api: PageApi) -> RawResponse:
    body = {
        "currentPassword": request.form.get("password", ""),
        "code": request.form.get("code", "").strip(),
    }
    response = api.call(DISABLE_SECOND_FACTOR, body, token=request.session)
    return _render_state(request, api, response)


def _submit_unlinking(request: PageRequest, api: PageApi) -> RawResponse:
    client, response = api.open_client(), None
    if client is not None:
        try:
            client.auth.unlink_identity(request.form.get("identity", ""))
        except ApiError as error:
            response = ApiResponse(error.status, error.to_body())
    return _render_state(request, api, response)


_ACTIONS: Mapping[str, Callable[[PageRequest, PageApi], RawResponse]] = {
    _ENROLL: _submit_password,
    _CONFIRM: _submit_code,
    _DISABLE: _submit_disabling,
    _UNLINK: _submit_unlinking,
}


def _render_state(request: PageRequest, api: PageApi, response: ApiResponse | None = None) -> RawResponse:
    """Return the page with the state, and the problem of the last form if there was one."""
    factor = api.call(GET_SECOND_FACTOR, {}, token=request.session)
    if factor.problem is not None:
        return render_sign_in(request, request.path, status=401)
    problem, status = (None, 200) if response is None else (response.problem, response.status)
    return render_page(
        _TITLE,
        alert(problem),
        *(_build_disabling(request, factor) if factor.body["enabled"] else _build_enrolling(request)),
        *_build_unlinking(request, api),
        status=status,
        header=build_header(request),
    )


def _build_unlinking(request: PageRequest, api: PageApi) -> list[str]:
    """Return a form for each identity of the user; nothing without one."""
    client = api.open_client()
    identities = [] if client is None else client.auth.list_identities()
    if not identities:
        return []
    return [
        heading("Sign-in services"),
        paragraph("These identities sign you in without your password and without a code."),
        *(
            form(
                request,
                f"Unlink {identity.subject} at {identity.issuer}",
                hidden_field("identity", identity.id),
                choice=("do", _UNLINK),
            )
            for identity in identities
        ),
    ]


def _build_enrolling(request: PageRequest) -> list[str]:
    return [
        paragraph("You sign in with your password alone."),
        paragraph(
            "With a second factor, you also need a code of an authenticator app on your phone, such as Aegis, 2FAS or"
            " Google Authenticator. Nobody can sign in with a stolen password."
        ),
        form(
            request,
            "Set up the second factor",
            text_field("password", "Your password", "password", "current-password", length_max=128),
            choice=("do", _ENROLL),
        ),
    ]


def _build_disabling(request: PageRequest, factor: ApiResponse) -> list[str]:
    return [
        paragraph(
            "The second factor is enabled: you sign in with your password and a code of your authenticator app."
        ),
        paragraph(f"Recovery codes that you have not used: {factor.body['recoveryCodes']}."),
        heading("Disable it"),
        paragraph("Your recovery codes end as well. Set it up again to get a new secret and new codes."),
        form(
            request,
            "Disable the second factor",
            text_field("password", "Your password", "password", "current-password", length_max=128),
            text_field("code", "Code", "text", "one-time-code", length_max=40),
            choice=("do", _DISABLE),
        ),
    ]


def _render_secret(
    request: PageRequest, secret: str, uri: str, response: ApiResponse | None = None
) -> RawResponse:
    # The form sends both back, so they may be other texts.
    is_uri = uri.startswith("otpauth://") and len(uri) <= URI_LENGTH_MAX
    groups = [secret[start : start + 4] for start in range(0, len(secret), 4)]
    return render_page(
        "Add Stellary to your app",
        alert(None if response is None else response.problem),
        paragraph("Scan this code with your authenticator app, or type the key into it."),
        qr_code(uri, "QR code with the key") if is_uri else "",
        code_list([" ".join(groups)]),
        link(uri, "Open the app on this device") if is_uri else "",
        form(
            request,
            "Enable the second factor",
            hidden_field("secret", secret),
            hidden_field("uri", uri),
            text_field(
                "code",
                "Code",
                "text",
                "one-time-code",
                hint="The six digits that the app shows now.",
                length_max=40,
            ),
            choice=("do", _CONFIRM),
        ),
        status=200 if response is None else response.status,
        header=build_header(request),
    )
