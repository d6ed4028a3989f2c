"""The page on which a user who has signed in enables or disables the second factor, and unlinks identities."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from reference_server.pages.rendering import render_page
from reference_server.pages.requests import ApiResponse, PageApi, PageRequest
from reference_server.pages.sessions import render_sign_in
from stellary.contract.auth import (
    CONFIRM_SECOND_FACTOR,
    DISABLE_SECOND_FACTOR,
    ENROLL_SECOND_FACTOR,
    GET_SECOND_FACTOR,
)
from stellary.contract.errors import ApiError
from stellary.contract.port import RawResponse

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
    return render_page(request, "recovery_codes", codes=response.body["codes"])


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
    client = api.open_client()
    identities = [] if client is None else client.auth.list_identities()
    return render_page(request, "second_factor", response, factor=factor.body, identities=identities)


def _render_secret(
    request: PageRequest, secret: str, uri: str, response: ApiResponse | None = None
) -> RawResponse:
    # Loaded when the first code is shown.
    import segno

    qr_code = None
    # The form sends both back, so they may be other texts.
    if uri.startswith("otpauth://") and len(uri) <= URI_LENGTH_MAX:
        code = segno.make(uri, error="m", micro=False)
        # Dark on light, also in the dark.
        qr_code = code.svg_data_uri(scale=4, border=4, dark="#000", light="#fff")
    return render_page(request, "second_factor_secret", response, secret=secret, uri=uri, qr_code=qr_code)
