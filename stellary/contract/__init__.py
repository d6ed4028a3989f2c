"""The contract: the requests, responses, endpoints and errors of the API, without I/O.

``ENDPOINTS`` lists every operation of the API. It is built on first access, so that importing one resource does not
import all of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stellary.contract.endpoints import ENDPOINTS

__all__ = ["ENDPOINTS"]


def __getattr__(name: str) -> Any:
    if name == "ENDPOINTS":
        from stellary.contract.endpoints import ENDPOINTS

        return ENDPOINTS
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
