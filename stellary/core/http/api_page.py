"""The API page: Swagger UI with this server's OpenAPI document, as one page without external resources."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import attrs

from stellary.contract.auth import LOGIN, REGISTER
from stellary.contract.port import RawResponse

_FILES = Path(__file__).with_name("swagger_ui")

# Registering or logging in on the page also sets the token of "Authorize".
_START = """\
window.onload = () => {
  const issuing = %(issuing)s;
  const ui = SwaggerUIBundle({
    url: %(document)s,
    dom_id: "#page",
    deepLinking: true,
    docExpansion: "none",
    filter: true,
    persistAuthorization: false,
    tryItOutEnabled: true,
    validatorUrl: null,
    presets: [SwaggerUIBundle.presets.apis],
    responseInterceptor: (answer) => {
      const path = new URL(answer.url, location.href).pathname;
      if (answer.ok && issuing.includes(path) && answer.body && answer.body.access_token) {
        ui.preauthorizeApiKey("login", answer.body.access_token);
      }
      return answer;
    },
  });
};
"""

_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Stellary API</title>
<link rel="icon" href="data:,">
<style>%(style)s</style>
</head>
<body>
<div id="page"></div>
<script>%(bundle)s</script>
<script>%(start)s</script>
</body>
</html>
"""


@attrs.frozen
class ApiPage:
    """The page, in the compressed form in which it is sent.

    Attributes:
        packed: The page, compressed by gzip.
        etag: The entity tag, in quotes.
        policy: The content security policy, which allows only the page's own two scripts and calls of this server.
    """

    packed: bytes
    etag: str
    policy: str

    def response(self, headers: Mapping[str, str]) -> RawResponse:
        """Return the response to a request for the page; 304 if the client has it already."""
        # The page is large, so clients revalidate it instead of loading it again.
        cache_headers = {"etag": self.etag, "cache-control": "no-cache", "vary": "accept-encoding"}
        if self.etag in headers.get("if-none-match", ""):
            return RawResponse(304, cache_headers)
        page_headers = {"content-type": "text/html; charset=utf-8", "content-security-policy": self.policy}
        if "gzip" in headers.get("accept-encoding", ""):
            return RawResponse(
                200, {**cache_headers, **page_headers, "content-encoding": "gzip"}, self.packed
            )
        return RawResponse(200, {**cache_headers, **page_headers}, gzip.decompress(self.packed))


def api_page(prefix: str) -> ApiPage:
    """Return the page of a server.

    Args:
        prefix: The prefix of its paths, if it is part of a host's application.
    """
    bundle = _text("swagger-ui-bundle.js")
    start = _START % {
        "document": json.dumps(f"{prefix}/openapi.json"),
        "issuing": json.dumps([f"{prefix}{endpoint.path}" for endpoint in (LOGIN, REGISTER)]),
    }
    scripts = " ".join(f"'sha256-{_sha256(text)}'" for text in (bundle, start))
    policy = (
        "default-src 'none'; connect-src 'self'; img-src data:; style-src 'unsafe-inline'; "
        f"script-src {scripts}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    page = _PAGE % {"style": _text("swagger-ui.css"), "bundle": bundle, "start": start}
    packed = gzip.compress(page.encode(), mtime=0)
    return ApiPage(packed, f'"{hashlib.sha256(packed).hexdigest()[:32]}"', policy)


def _text(name: str) -> str:
    text = gzip.decompress((_FILES / f"{name}.gz").read_bytes()).decode()
    # Without the reference to a source map, which is not served.
    return text.partition("/*# sourceMappingURL=")[0]


def _sha256(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
