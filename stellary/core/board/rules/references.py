"""References: ids in a request that name other resources."""

from __future__ import annotations

from stellary.contract.errors import Invalid
from stellary.contract.wire import invalid


def unknown(field: str) -> Invalid:
    """Return the 400 for an id in a body that is unknown, deleted, or not visible to the caller."""
    return invalid((field, "must be the id of an existing item"))
