"""The domain: rules and their persistence, synchronous and embeddable. ``Core`` is the entry point.

The names below are loaded on first access, so that settings and limits can be read without the domain.
"""

from __future__ import annotations

TYPE_CHECKING = False

if TYPE_CHECKING:
    from stellary.core.accounts.provisioning import Membership
    from stellary.core.agents.brains import Brain, Task, ToolAnswer, ToolCall, Turn
    from stellary.core.api.measures import Measure
    from stellary.core.app import Core
    from stellary.core.automations.triggers import Trigger
    from stellary.core.board import resolve_names
    from stellary.core.kernel import events
    from stellary.core.kernel.actions import Action
    from stellary.core.kernel.event_handlers import EventDelivery
    from stellary.core.kernel.retention_days import Retention
    from stellary.core.kernel.unit import NOBODY, Actor, UnitOfWork
    from stellary.core.kernel.unit_times import UnitObserver, UnitTimes
    from stellary.core.migrations import include_name
    from stellary.core.notifications.channels import (
        Channel,
        Message,
        MessageChannel,
        NotificationDelivery,
    )
    from stellary.core.ports.blob_stores import FolderBlobs, ObjectStoreBlobs, open_blobs
    from stellary.core.ports.blobs import Blobs, StoredFile
    from stellary.core.ports.mail import Email, Mailer, log_email
    from stellary.core.ports.model_budgets import ModelBudgets
    from stellary.core.ports.planner import Brief, Planner, Refinement
    from stellary.core.ports.webhook_sender import DeliveryResult, OutgoingRequest, WebhookSender

__all__ = ["Action", "Actor", "Blobs", "Brain", "Brief", "Channel", "Core", "DeliveryResult", "Email"]
__all__ += ["NOBODY", "EventDelivery", "FolderBlobs", "Mailer", "Measure", "Membership", "Message"]
__all__ += ["MessageChannel", "ModelBudgets", "NotificationDelivery", "ObjectStoreBlobs", "OutgoingRequest"]
__all__ += ["Planner", "Refinement", "Retention", "StoredFile", "Task", "ToolAnswer", "ToolCall", "Trigger"]
__all__ += ["Turn", "UnitObserver", "UnitOfWork", "UnitTimes"]
__all__ += ["WebhookSender", "events", "include_name", "log_email", "open_blobs", "resolve_names"]

_NAMES = {
    "accounts.provisioning": "Membership",
    "agents.brains": "Brain Task ToolAnswer ToolCall Turn",
    "api.measures": "Measure",
    "app": "Core",
    "automations.triggers": "Trigger",
    "board": "resolve_names",
    "kernel": "events",
    "kernel.actions": "Action",
    "kernel.event_handlers": "EventDelivery",
    "kernel.retention_days": "Retention",
    "kernel.unit": "NOBODY Actor UnitOfWork",
    "kernel.unit_times": "UnitObserver UnitTimes",
    "migrations": "include_name",
    "notifications.channels": "Channel Message MessageChannel NotificationDelivery",
    "ports.blob_stores": "FolderBlobs ObjectStoreBlobs open_blobs",
    "ports.blobs": "Blobs StoredFile",
    "ports.mail": "Email Mailer log_email",
    "ports.model_budgets": "ModelBudgets",
    "ports.planner": "Brief Planner Refinement",
    "ports.webhook_sender": "DeliveryResult OutgoingRequest WebhookSender",
}
"""The public names, by the module that defines them."""

_MODULES = {name: module for module, names in _NAMES.items() for name in names.split()}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    module = import_module(f"{__name__}.{_MODULES[name]}")
    value: object = getattr(module, name, None) or import_module(f"{module.__name__}.{name}")
    globals()[name] = value
    return value
