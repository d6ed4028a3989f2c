"""An OpenID Connect provider for tests: it signs in whoever comes, and can be made to answer wrongly."""

import base64
import hashlib
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import orjson
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

CLIENT_ID, CLIENT_SECRET = "stellary", "s3cret with : and %"
ANN = {"sub": "1001", "email": "ann@example.com", "email_verified": True, "name": "Ann Lee"}


class OidcProvider:
    """A provider in a thread, on a port of this machine.

    Attributes:
        user: The claims of the user who signs in next.
        token_claims: Claims that replace those of the ID token; None removes one.
        profile: The response of the userinfo endpoint.
        metadata: Fields that replace those of the description.
        keys: The published keys.
        signing_key: The key that signs ID tokens.
        calls: The paths that were requested.
    """

    def __init__(self) -> None:
        self.user: dict[str, Any] = dict(ANN)
        self.token_claims: dict[str, Any] = {}
        self.profile: dict[str, Any] = {}
        self.metadata: dict[str, Any] = {}
        self.calls: list[str] = []
        self.keys: list[ECKey] = []
        self.signing_key = self.add_key()
        self._codes: dict[str, dict[str, str]] = {}
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider.answer(self, {})

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"])).decode()
                provider.answer(self, {name: values[0] for name, values in parse_qs(body).items()})

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.issuer = f"http://127.0.0.1:{self.server.server_address[1]}/realm"

    def add_key(self) -> ECKey:
        """Publish a new key, and return it."""
        key = ECKey.generate_key("P-256", {"kid": secrets.token_hex(4), "use": "sig"})
        self.keys.append(key)
        return key

    def answer(self, request: BaseHTTPRequestHandler, form: dict[str, str]) -> None:
        """Answer a request."""
        parts = urlsplit(request.path)
        self.calls.append(parts.path)
        status, body, headers = 200, {}, {"content-type": "application/json"}
        if parts.path.endswith("/openid-configuration"):
            body = {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/keys",
                **self.metadata,
            }
        elif parts.path.endswith("/keys"):
            body = KeySet(self.keys).as_dict(private=False)
        elif parts.path.endswith("/userinfo"):
            body = self.profile
        elif parts.path.endswith("/authorize"):
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            assert (query["response_type"], query["code_challenge_method"]) == ("code", "S256")
            code = secrets.token_urlsafe(8)
            self._codes[code] = query
            answer = urlencode({"code": code, "state": query["state"]})
            status, headers = 302, {"location": f"{query['redirect_uri']}?{answer}"}
        else:
            status, body = self._exchange(request.headers.get("authorization", ""), form)
        data = orjson.dumps(body)
        request.send_response(status)
        for name, text in headers.items():
            request.send_header(name, text)
        request.send_header("content-length", str(len(data)))
        request.end_headers()
        request.wfile.write(data)

    def _exchange(self, authorization: str, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """Return the response of the token endpoint."""
        account = f"{CLIENT_ID}:s3cret%20with%20%3A%20and%20%25"
        is_client = authorization == f"Basic {base64.b64encode(account.encode()).decode()}" or (
            (form.get("client_id"), form.get("client_secret")) == (CLIENT_ID, CLIENT_SECRET)
        )
        if not is_client:
            return 401, {"error": "invalid_client"}
        sign_in_query = self._codes.pop(form["code"], None)
        challenge = hashlib.sha256(form["code_verifier"].encode()).digest()
        if (
            sign_in_query is None
            or base64.urlsafe_b64encode(challenge).rstrip(b"=").decode() != sign_in_query["code_challenge"]
            or form["redirect_uri"] != sign_in_query["redirect_uri"]
        ):
            return 400, {"error": "invalid_grant"}
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": CLIENT_ID,
            "iat": now,
            "exp": now + 300,
            "nonce": sign_in_query["nonce"],
            **self.user,
            **self.token_claims,
        }
        claims = {name: claim for name, claim in claims.items() if claim is not None}
        token = jwt.encode({"alg": "ES256", "kid": self.signing_key.kid}, claims, self.signing_key)
        return 200, {"access_token": "at", "token_type": "Bearer", "id_token": token}

    def sign_in(self, url: str) -> str:
        """Visit the URL of the provider as a browser does, and return the path and query of the URL to go back to."""
        parts = urlsplit(url)
        connection = HTTPConnection(parts.netloc, timeout=20)
        connection.request("GET", f"{parts.path}?{parts.query}")
        response = connection.getresponse()
        assert response.status == 302
        back = urlsplit(response.headers["location"])
        connection.close()
        return f"{back.path}?{back.query}"


@contextmanager
def open_provider() -> Iterator[OidcProvider]:
    """Yield a running provider."""
    provider = OidcProvider()
    thread = threading.Thread(target=provider.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield provider
    finally:
        provider.server.shutdown()
        provider.server.server_close()
        thread.join()
