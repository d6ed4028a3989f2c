"""The domain: rules and their persistence, synchronous and embeddable. ``Core`` is the entry point."""

from stellary.core.accounts.provisioning import Membership
from stellary.core.app import Core
from stellary.core.kernel.unit import Actor, UnitOfWork

__all__ = ["Actor", "Core", "Membership", "UnitOfWork"]
