"""Conditional reads: responses have an entity tag, and a client that has the same response already gets a 304."""

from __future__ import annotations

import hashlib

from stellary.core.api.dispatch import ServiceResponse
from stellary.core.api.transfers import matches_tag

TAGGED_MAX = 32 * 1024
"""The maximum size of a body that gets a tag, in bytes. A list of 200 cards is larger only if it is not compressed: its
hash would take a twelfth of the time of the response."""


def answer_conditionally(answer: ServiceResponse, if_none_match: str | None) -> ServiceResponse:
    """Return a response with an entity tag, or a 304 without a body if the client has the same response.

    The tag is a hash of the bytes that would be sent: it depends on the rights of the caller and on the query, and no
    change can be missed. A response whose tag is a version gets no other one: the order of a card, for example,
    changes without its version.

    Args:
        answer: The response to a read, after its compression.
        if_none_match: The ``If-None-Match`` header of the request.
    """
    headers = answer.headers
    if answer.status != 200 or headers.get("content-type") != "application/json" or "etag" in headers:
        return answer
    if answer.blocks is not None or len(answer.body) > TAGGED_MAX:
        return answer
    # The link to the next page can change while the items of the page stay the same.
    content = b"\0".join((headers.get("link", "").encode(), answer.body))
    tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    if if_none_match is not None and matches_tag(if_none_match, tag):
        same_headers = {name: headers[name] for name in ("link", "vary") if name in headers}
        return ServiceResponse(304, {**same_headers, "etag": tag}, actor=answer.actor)
    return ServiceResponse(200, {**headers, "etag": tag}, answer.body, actor=answer.actor)
