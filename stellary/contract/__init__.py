"""The contract: what may be said over the wire. Data only, no I/O.

``ENDPOINTS`` has every operation of the API. It is put together when it is first asked for, so that importing one
resource does not pay for all.
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
