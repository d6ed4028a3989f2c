"""The domain: rules and their persistence, synchronous and embeddable. ``Core`` is the entry point.

The names below are loaded on first access, so that settings and limits can be read without the domain.
"""

from __future__ import annotations

TYPE_CHECKING = False

if TYPE_CHECKING:
    from stellary.core.accounts.provisioning import Membership
    from stellary.core.app import Core
    from stellary.core.kernel.retention_days import Retention
    from stellary.core.kernel.unit import Actor, UnitOfWork

__all__ = ["Actor", "Core", "Membership", "Retention", "UnitOfWork"]

_MODULES = {
    "Actor": "kernel.unit",
    "Core": "app",
    "Membership": "accounts.provisioning",
    "Retention": "kernel.retention_days",
    "UnitOfWork": "kernel.unit",
}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value: object = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value
