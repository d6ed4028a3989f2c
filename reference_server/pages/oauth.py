"""OAuth for programs that connect by a URL: metadata, registration, the page on which a user consents, and tokens.

Registered programs are not stored: a client id is a signed text with their name and redirect URIs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from urllib.parse import urlencode, urlsplit

import orjson

from reference_server.pages.rendering import build_headers, redirect, render_message, render_page
from reference_server.pages.requests import PageApi, PageRequest
from reference_server.pages.sessions import render_sign_in
from stellary.contract.endpoint import TOKEN_SCOPES
from stellary.contract.errors import Invalid
from stellary.contract.jsonic import parse
from stellary.contract.port import RawResponse
from stellary.core.accounts import oauth_grants
from stellary.core.accounts.oauth_grants import digest_proof

METADATA_PATH = "/.well-known/oauth-authorization-server"
AUTHORIZE_PATH, TOKEN_PATH = "/oauth/authorize", "/oauth/token"
REGISTER_PATH, REVOKE_PATH = "/oauth/register", "/oauth/revoke"
CLIENT_LIFETIME = timedelta(days=365)
CONSENT_LIFETIME = timedelta(minutes=10)
URIS_MAX = 8
CLIENT_ID_MAX = 2_500
"""The number of redirect URIs, and the length of a client id, which is part of a URL."""
_CLIENT, _CONSENT = "oauth-client", "oauth-consent"
"""The purposes of signed texts."""
_GRANT_TYPES = ["authorization_code", "refresh_token"]
_URI = re.compile(r"[a-z][a-z0-9+.-]*://([A-Za-z0-9.-]+|\[::1\])(:[0-9]{1,5})?([/?][!-\"$-~]*)?")
_UNSAFE_SCHEMES = {"javascript", "data", "vbscript", "file", "blob", "about", "ftp", "ws", "wss"}
_LOOPBACK = re.compile(r"(http://(?:127\.0\.0\.1|\[::1\]|localhost))(?::[0-9]+)?(?![^/?])")
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
SCOPE_SENTENCES = {
    "projects:read": "Read projects, cards and documents.",
    "projects:write": "Change projects, cards and documents.",
    "pilotage:read": "Read missions, priorities, todos and decisions.",
    "pilotage:write": "Change missions, priorities, todos and decisions.",
    "notifications:read": "Read your notifications.",
    "account:read": "Read your profile.",
    "account:write": "Change your profile.",
}


def show_resource(request: PageRequest, api: PageApi) -> RawResponse:
    """Return the metadata of the MCP endpoint as a protected resource (RFC 9728)."""
    return _respond(
        {
            "resource": _resource(api),
            "authorization_servers": [api.public_url],
            "scopes_supported": TOKEN_SCOPES,
            "bearer_methods_supported": ["header"],
        }
    )


def show_server(request: PageRequest, api: PageApi) -> RawResponse:
    """Return the metadata of the authorization server (RFC 8414)."""
    url = api.public_url
    return _respond(
        {
            "issuer": url,
            "authorization_endpoint": f"{url}{AUTHORIZE_PATH}",
            "token_endpoint": f"{url}{TOKEN_PATH}",
            "registration_endpoint": f"{url}{REGISTER_PATH}",
            "revocation_endpoint": f"{url}{REVOKE_PATH}",
            "scopes_supported": TOKEN_SCOPES,
            "response_types_supported": ["code"],
            "grant_types_supported": _GRANT_TYPES,
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["none"],
            "revocation_endpoint_auth_methods_supported": ["none"],
            "authorization_response_iss_parameter_supported": True,
        }
    )


def register(request: PageRequest, api: PageApi) -> RawResponse:
    """Register a program (RFC 7591), and return its client id."""
    try:
        body = parse(request.body)
    except Invalid as error:
        return _refuse("invalid_client_metadata", error.message)
    if not isinstance(body, dict):
        return _refuse("invalid_client_metadata", "the body must be an object")
    name, uris = body.get("client_name", "A program"), body.get("redirect_uris")
    if not (isinstance(name, str) and 0 < len(name.strip()) <= 100 and name.isprintable()):
        return _refuse("invalid_client_metadata", "client_name must be 1 to 100 printable characters")
    if not isinstance(uris, list) or not 0 < len(uris) <= URIS_MAX or not all(map(_is_safe, uris)):
        reason = f"redirect_uris must be 1 to {URIS_MAX} URIs of https, of a loopback host, or of an app"
        return _refuse("invalid_redirect_uri", reason)
    client = {"name": name.strip(), "uris": " ".join(uris)}
    client_id = api.seal(_CLIENT, client, CLIENT_LIFETIME)
    if len(client_id) > CLIENT_ID_MAX:
        return _refuse("invalid_client_metadata", "client_name and redirect_uris are too long together")
    return _respond(
        {
            "client_id": client_id,
            "client_name": client["name"],
            "redirect_uris": uris,
            "grant_types": _GRANT_TYPES,
            "response_types": ["code"],
            "token_endpoint_auth_method": "none",
        },
        201,
    )


def show_consent(request: PageRequest, api: PageApi) -> RawResponse:
    """Return the page on which a user decides whether a program may act for them."""
    query = request.query
    client = api.unseal(_CLIENT, query.get("client_id", ""))
    target = query.get("redirect_uri", "")
    if client is None or not _is_registered(target, client["uris"].split()):
        sentence = "It is not registered, or wants to send you to another address than it has registered."
        return render_message(request, "This program cannot connect", sentence, status=400)
    data = {key: query.get(key, "") for key in ("client_id", "redirect_uri", "state", "code_challenge")}
    scopes = [scope for scope in TOKEN_SCOPES if scope in query.get("scope", " ".join(TOKEN_SCOPES)).split()]
    problem = _find_problem(query, scopes, api)
    if problem is not None:
        return redirect(_lead_back(api, data, error=problem[0], error_description=problem[1]))
    if api.user is None:
        return render_sign_in(request, f"{request.path}?{urlencode(query)}", status=401)
    parts = urlsplit(target)
    source = f"{parts.scheme}://{parts.netloc}" if parts.scheme in ("http", "https") else f"{parts.scheme}:"
    return render_page(
        request,
        "consent",
        headers=build_headers(source),
        user=api.user,
        name=client["name"],
        host=parts.netloc if parts.scheme == "https" else f"{parts.scheme}://{parts.netloc}",
        sentences=[SCOPE_SENTENCES[scope] for scope in scopes],
        sealed=api.seal(
            _CONSENT, {**data, "scopes": " ".join(scopes), "name": client["name"]}, CONSENT_LIFETIME
        ),
    )


def submit_consent(request: PageRequest, api: PageApi) -> RawResponse:
    """Send the user back to the program, with a code if they have consented."""
    data = api.unseal(_CONSENT, request.form.get("request", ""))
    if data is None:
        sentence = "It took longer than ten minutes. Begin again in the program."
        return render_message(request, "This page has expired", sentence, status=400)
    if request.form.get("do") != "allow":
        return redirect(_lead_back(api, data, error="access_denied"))
    proof = digest_proof(data["client_id"], data["redirect_uri"], data["code_challenge"])
    code = api.write(
        lambda uow: oauth_grants.create_grant(uow, data["name"], data["scopes"].split(), proof),
        as_user=True,
    )
    return redirect(_lead_back(api, data, code=code))


def issue_tokens(request: PageRequest, api: PageApi) -> RawResponse:
    """Return an access token and a refresh token for a code, or for the last refresh token."""
    form = request.form
    client_id, kind = form.get("client_id", ""), form.get("grant_type")
    if api.unseal(_CLIENT, client_id) is None:
        return _refuse("invalid_client", "register the program again", 401)
    if form.get("resource", _resource(api)) != _resource(api):
        return _refuse("invalid_target", f"resource must be {_resource(api)}")
    if kind == "authorization_code":
        proof = form.get("redirect_uri", ""), form.get("code_verifier", "")
        issued = api.write(lambda uow: oauth_grants.redeem_code(uow, form.get("code", ""), client_id, *proof))
    elif kind == "refresh_token":
        secret = form.get("refresh_token", "")
        issued = api.write(lambda uow: oauth_grants.refresh_tokens(uow, secret, client_id))
    else:
        return _refuse("unsupported_grant_type", f"grant_type must be one of {', '.join(_GRANT_TYPES)}")
    if issued is None:
        return _refuse("invalid_grant", "it is not valid, has expired, or was used before")
    return _respond(issued)


def revoke_token(request: PageRequest, api: PageApi) -> RawResponse:
    """End the grant that a token belongs to (RFC 7009). An unknown token is no error."""
    api.write(lambda uow: oauth_grants.end_grant(uow, request.form.get("token", "")))
    return _respond({})


def _find_problem(query: Mapping[str, str], scopes: Sequence[str], api: PageApi) -> tuple[str, str] | None:
    """Return the code and the description of the error in a request for a code; None if there is none."""
    if query.get("response_type") != "code":
        return "unsupported_response_type", "response_type must be code"
    if query.get("code_challenge_method") != "S256" or not _CHALLENGE.fullmatch(
        query.get("code_challenge", "")
    ):
        return "invalid_request", "a code_challenge with the method S256 is required"
    if query.get("resource", _resource(api)) != _resource(api):
        return "invalid_target", f"resource must be {_resource(api)}"
    if not scopes:
        return "invalid_scope", f"scope must name some of {', '.join(TOKEN_SCOPES)}"
    return None


def _resource(api: PageApi) -> str:
    return f"{api.public_url}/mcp"


def _is_safe(uri: object) -> bool:
    """Return whether a user may be sent to a URI: of https, of a loopback host, or of an app with its own scheme."""
    if not isinstance(uri, str) or not _URI.fullmatch(uri):
        return False
    scheme = uri.partition(":")[0]
    return scheme not in _UNSAFE_SCHEMES and (scheme != "http" or _LOOPBACK.match(uri) is not None)


def _is_registered(uri: str, registered: Sequence[str]) -> bool:
    """Return whether a redirect URI is registered. The port of a loopback host may be another one (RFC 8252)."""
    return _is_safe(uri) and _LOOPBACK.sub(r"\1", uri) in [
        _LOOPBACK.sub(r"\1", allowed_uri) for allowed_uri in registered
    ]


def _lead_back(api: PageApi, data: Mapping[str, str], **answer: str) -> str:
    uri = data["redirect_uri"]
    state = {"state": data["state"]} if data["state"] else {}
    return f"{uri}{'&' if '?' in uri else '?'}{urlencode({**answer, **state, 'iss': api.public_url})}"


def _respond(body: Mapping[str, object], status: int = 200) -> RawResponse:
    return RawResponse(status, {"content-type": "application/json"}, orjson.dumps(body))


def _refuse(error: str, description: str, status: int = 400) -> RawResponse:
    return _respond({"error": error, "error_description": description}, status)
