"""Sign-in by an OpenID Connect provider: the authorization code flow with PKCE, and the checks of the ID token.

joserfc verifies signatures and imports keys. The rest of the flow is one URL and one form, for which a client library would
bring a second HTTP client.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

import attrs
import orjson

from reference_server.settings import OidcSettings
from stellary.core.accounts.identities import Identity

if TYPE_CHECKING:
    from joserfc.jwk import KeySet

SECONDS_MAX = 5.0
"""The seconds to wait for a connection to the provider, and for each part of its response."""
BYTES_MAX = 1024 * 1024
KEPT_SECONDS = 3600.0
"""The seconds for which the provider's description and keys are kept."""
RENEWAL_SECONDS = 60.0
"""The seconds between two requests for the keys because of a key that is not among them."""
LEEWAY_SECONDS = 60
"""The seconds by which the clock of the provider may be wrong."""
ALGORITHMS = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA", "Ed25519"),
)
"""The accepted signatures: those with public keys."""


class ProviderUnavailable(Exception):
    """The provider does not answer, or not as OpenID Connect demands. The text is for the log."""


class SignInRefused(Exception):
    """The provider has not signed the user in, or the response is not valid. The text is a sentence for the user."""


@attrs.frozen
class SignInRequest:
    """A sign-in that has begun, which the browser keeps until it comes back.

    Attributes:
        state: A random text that the provider sends back.
        nonce: A random text that the ID token must contain.
        verifier: The secret of PKCE.
    """

    state: str = attrs.field(factory=lambda: secrets.token_urlsafe(24))
    nonce: str = attrs.field(factory=lambda: secrets.token_urlsafe(24))
    verifier: str = attrs.field(factory=lambda: secrets.token_urlsafe(48), repr=False)


class OidcProvider:
    """A provider. Its description and its keys are fetched when they are needed, and kept. Safe to share between threads.

    Args:
        settings: The provider, and the client that the server is there.
        redirect_uri: The URL to which the provider sends users back.
    """

    def __init__(self, settings: OidcSettings, redirect_uri: str) -> None:
        self.settings = settings
        self._redirect_uri = redirect_uri
        self._lock = threading.Lock()
        self._metadata: Mapping[str, object] = {}
        self._metadata_expires_at = 0.0
        self._keys: KeySet | None = None
        self._keys_expire_at = 0.0
        self._renewable_at = 0.0

    def build_authorization_url(self, request: SignInRequest) -> str:
        """Return the URL of the provider at which the user signs in.

        Args:
            request: The sign-in that begins.

        Raises:
            ProviderUnavailable: The provider does not answer.
        """
        endpoint = self._read_url("authorization_endpoint")
        challenge = hashlib.sha256(request.verifier.encode()).digest()
        parameters = {
            "response_type": "code",
            "client_id": self.settings.client_id,
            "redirect_uri": self._redirect_uri,
            "scope": "openid email profile",
            "state": request.state,
            "nonce": request.nonce,
            "code_challenge": base64.urlsafe_b64encode(challenge).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(parameters)}"

    def fetch_identity(self, request: SignInRequest, code: str) -> Identity:
        """Exchange the code of a sign-in for the identity of the user.

        Args:
            request: The sign-in, as it began in the same browser.
            code: The code from the provider.

        Raises:
            ProviderUnavailable: The provider does not answer.
            SignInRefused: The code or the ID token is not valid, or the provider has not verified the user's address.
        """
        tokens = self._exchange(code, request.verifier)
        claims = self._verify(str(tokens.get("id_token", "")), request.nonce)
        subject = claims["sub"]
        if "email" not in claims and "userinfo_endpoint" in self._load_metadata():
            headers = {"authorization": f"Bearer {tokens.get('access_token', '')}"}
            profile = _fetch_json(self._read_url("userinfo_endpoint"), headers=headers)
            if profile.get("sub") != subject:
                raise SignInRefused("The sign-in service has answered for another user.")
            # The address is that of the profile, and so is the word that it is verified.
            claims = profile
        email, name = claims.get("email"), claims.get("name")
        if not isinstance(email, str) or claims.get("email_verified") is not True:
            raise SignInRefused(f"{self.settings.label} has not verified your e-mail address.")
        return Identity(
            issuer=self.settings.issuer,
            subject=str(subject),
            email=email,
            name=name if isinstance(name, str) else "",
        )

    # ------------------------------------------------------------------------------------------ the ID token

    def _verify(self, token: str, nonce: str) -> Mapping[str, object]:
        """Return the claims of an ID token."""
        from joserfc import jwt
        from joserfc.errors import InvalidKeyIdError, JoseError

        try:
            try:
                decoded = jwt.decode(token, self._load_keys(), algorithms=ALGORITHMS)
            except InvalidKeyIdError:
                # The provider may have begun to use another key.
                decoded = jwt.decode(token, self._load_keys(renew=True), algorithms=ALGORITHMS)
            registry = jwt.JWTClaimsRegistry(
                leeway=LEEWAY_SECONDS,
                iss={"essential": True, "value": self.settings.issuer},
                aud={"essential": True, "value": self.settings.client_id},
                sub={"essential": True},
                exp={"essential": True},
                nonce={"essential": True, "value": nonce},
            )
            registry.validate(decoded.claims)
        except (JoseError, ValueError) as error:
            raise SignInRefused("The answer of the sign-in service is not valid.") from error
        claims: Mapping[str, object] = decoded.claims
        audience, subject = claims["aud"], claims["sub"]
        is_shared = isinstance(audience, list) and len(audience) > 1
        if (is_shared or "azp" in claims) and claims.get("azp") != self.settings.client_id:
            raise SignInRefused("The answer of the sign-in service is meant for another program.")
        if not isinstance(subject, str) or not 1 <= len(subject) <= 255:
            raise SignInRefused("The answer of the sign-in service is not valid.")
        return claims

    def _load_keys(self, *, renew: bool = False) -> KeySet:
        """Return the keys of the provider, fetched at most once an hour, or once a minute to find a new one."""
        from joserfc.errors import JoseError
        from joserfc.jwk import KeySet

        now = time.monotonic()
        with self._lock:
            may_renew = renew and now >= self._renewable_at
            if self._keys is not None and now < self._keys_expire_at and not may_renew:
                return self._keys
            if may_renew:
                self._renewable_at = now + RENEWAL_SECONDS
        try:
            keys = KeySet.import_key_set(_fetch_json(self._read_url("jwks_uri")))  # type: ignore[arg-type]
        except (JoseError, KeyError, TypeError, ValueError) as error:
            raise ProviderUnavailable(f"its keys cannot be read: {error}") from error
        with self._lock:
            self._keys, self._keys_expire_at = keys, now + KEPT_SECONDS
        return keys

    # ------------------------------------------------------------------------------------------ requests

    def _exchange(self, code: str, verifier: str) -> Mapping[str, object]:
        fields = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._redirect_uri,
            "code_verifier": verifier,
        }
        headers = {"content-type": "application/x-www-form-urlencoded"}
        settings = self.settings
        methods = self._load_metadata().get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        if settings.client_secret is None:
            fields["client_id"] = settings.client_id
        elif isinstance(methods, list) and "client_secret_basic" not in methods:
            fields |= {"client_id": settings.client_id, "client_secret": settings.client_secret}
        else:
            # Each is encoded like a field of a form: section 2.3.1 of RFC 6749.
            account = f"{quote(settings.client_id, safe='')}:{quote(settings.client_secret, safe='')}"
            headers["authorization"] = f"Basic {base64.b64encode(account.encode()).decode()}"
        return _fetch_json(self._read_url("token_endpoint"), urlencode(fields).encode(), headers)

    def _read_url(self, name: str) -> str:
        """Return a URL in the description of the provider."""
        url = self._load_metadata().get(name)
        if not isinstance(url, str) or not url.startswith(("https://", "http://")):
            raise ProviderUnavailable(f"its description has no {name}")
        return url

    def _load_metadata(self) -> Mapping[str, object]:
        """Return the description of the provider, fetched at most once an hour."""
        with self._lock:
            if time.monotonic() < self._metadata_expires_at:
                return self._metadata
        issuer = self.settings.issuer
        metadata = _fetch_json(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        if metadata.get("issuer") != issuer:
            raise ProviderUnavailable(f"it calls itself {metadata.get('issuer')!r}, not {issuer!r}")
        with self._lock:
            self._metadata, self._metadata_expires_at = metadata, time.monotonic() + KEPT_SECONDS
        return metadata


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A handler that follows no redirects, since they could lead secrets elsewhere."""

    def redirect_request(self, *_: object) -> None:
        return None


_OPENER = urllib.request.build_opener(_NoRedirects)


def _fetch_json(
    url: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
) -> Mapping[str, object]:
    """Return the JSON object at a URL.

    Raises:
        SignInRefused: The provider has rejected the request.
        ProviderUnavailable: It does not answer, or with something else.
    """
    request = urllib.request.Request(url, body, {"accept": "application/json", **(headers or {})})  # noqa: S310
    try:
        with _OPENER.open(request, timeout=SECONDS_MAX) as response:
            parsed = orjson.loads(response.read(BYTES_MAX))
    except urllib.error.HTTPError as error:
        with error:
            if error.code in (400, 401) and body is not None:
                raise SignInRefused("The sign-in service has rejected this sign-in.") from error
            raise ProviderUnavailable(f"{url} answers with the status {error.code}") from error
    except (OSError, HTTPException, ValueError) as error:
        raise ProviderUnavailable(f"{url} does not answer: {error}") from error
    if not isinstance(parsed, dict):
        raise ProviderUnavailable(f"{url} does not answer with an object")
    return parsed
