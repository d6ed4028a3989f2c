"""The signals that end the accounts of users whom Django deletes or deactivates."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models.signals import post_delete, post_save

from stellary.contrib.django.configuration import load_configuration
from stellary.contrib.django.cores import get_core, join_transaction


def connect_signals() -> None:
    """Follow the changes of the user model."""
    post_save.connect(_follow_change, sender=get_user_model())
    post_delete.connect(_follow_deletion, sender=get_user_model())


def _follow_change(
    instance: Any, created: bool, raw: bool, update_fields: Collection[str] | None, using: str, **_: object
) -> None:
    """Deactivate or reactivate the account of a user, if ``is_active`` may have changed."""
    if (
        created
        or raw
        or (update_fields is not None and "is_active" not in update_fields)
        or not _is_followed(using)
    ):
        return
    with join_transaction() as connection:
        core = get_core()
        (core.reactivate if instance.is_active else core.deactivate)(str(instance.pk), connection=connection)


def _follow_deletion(instance: Any, using: str, **_: object) -> None:
    """Deactivate or erase the account of a deleted user. A ``Conflict`` prevents the deletion."""
    if not _is_followed(using):
        return
    with join_transaction() as connection:
        core = get_core()
        end = core.erase if load_configuration().follow_users == "erase" else core.deactivate
        end(str(instance.pk), connection=connection)


def _is_followed(using: str) -> bool:
    configuration = load_configuration()
    return configuration.follow_users != "off" and using == configuration.database
