"""References: the ids of other things that a request names."""

from __future__ import annotations

from stellary.contract.errors import Invalid
from stellary.contract.wire import invalid


def unknown(field: str) -> Invalid:
    """The one answer to an id in a body that is unknown, deleted, or somebody else's."""
    return invalid((field, "must be the id of something that is there"))
