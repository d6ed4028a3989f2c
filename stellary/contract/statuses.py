"""The statuses of errors that an endpoint can return, for OpenAPI and for the documentation of methods."""

from __future__ import annotations

from stellary.contract.addressing import Ref
from stellary.contract.endpoint import Nothing
from stellary.contract.router import AnyEndpoint


def statuses(endpoint: AnyEndpoint, *, guarded: bool = False) -> list[int]:
    """Return the statuses of the errors that an endpoint can return, sorted.

    Args:
        endpoint: The endpoint.
        guarded: Whether it honors ``If-Match``.
    """
    takes = endpoint.takes is not Nothing or endpoint.takes_file
    needs_token = endpoint.policy.token != "public"
    writes = endpoint.method != "GET"
    possible = {
        400: takes or endpoint.idempotent,
        401: needs_token,
        # A server can restrict who registers.
        403: needs_token or endpoint.operation == "auth.register",
        404: endpoint.ref is not Ref,
        409: writes,
        412: guarded,
        413: takes and not endpoint.in_query,
        415: takes and not endpoint.in_query,
        422: endpoint.idempotent,
        429: True,
        500: True,
        503: True,
        507: writes,
    }
    return sorted({status for status, is_possible in possible.items() if is_possible} | {*endpoint.also})
