"""The domain: rules and their persistence. Synchronous, embeddable; ``Core`` is the way in."""

from stellary.core.app import Core
from stellary.core.kernel.unit import Actor, UnitOfWork

__all__ = ["Actor", "Core", "UnitOfWork"]
