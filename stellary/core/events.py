"""What can happen: frozen values in the past tense, raised by services, settled by ``reactions`` before the commit."""

from __future__ import annotations

import attrs


@attrs.frozen
class Event:
    """Something that has happened; it is undone with the transaction in which it happened."""
