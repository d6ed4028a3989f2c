"""Records of changes without the name of a deleted account. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from stellary.core.accounts.rules import FORMER_NAME

StoredFields = Mapping[str, object]
"""An object in JSON: the meta or the item of an activity, or one of its changes."""

_NAMES_OF_PEOPLE: Final = ("assignee", "formerAssignee", "member", "owner")
"""The fields of a meta that contain the name of a person."""


def forget_member(
    meta: StoredFields, changes: Sequence[StoredFields] | None, user_id: str
) -> tuple[dict[str, object], list[dict[str, object]] | None]:
    """Return the meta and the changes of an activity about a membership without the name of the member.

    Args:
        meta: The meta.
        changes: The changes; None if there are none.
        user_id: The member, whose account was deleted.
    """
    new_meta = {key: FORMER_NAME if key in ("name", "member") else value for key, value in meta.items()}
    if changes is None:
        return new_meta, None
    return new_meta, [_forget_in_membership(change, user_id) for change in changes]


def _forget_in_membership(change: StoredFields, user_id: str) -> dict[str, object]:
    if change.get("field") != "name":
        return _forget_in_change(change, user_id)
    values = {key: change.get(key) for key in ("from", "to")}
    return {**change, **{key: value if value is None else FORMER_NAME for key, value in values.items()}}


def _forget_in_change(change: StoredFields, user_id: str) -> dict[str, object]:
    names = change.get("names")
    if isinstance(names, Mapping) and user_id in names:
        return {**change, "names": {**names, user_id: FORMER_NAME}}
    return dict(change)


def forget_changes(changes: Sequence[StoredFields], user_id: str) -> list[dict[str, object]]:
    """Return the changes of an activity in which a deleted account has the name ``FORMER_NAME``.

    Args:
        changes: The changes.
        user_id: The deleted account.
    """
    return [_forget_in_change(change, user_id) for change in changes]


def find_names(changes: Sequence[StoredFields], user_id: str) -> set[str]:
    """Return the names that the changes of an activity contain for a user, who may have had another one then.

    Args:
        changes: The changes.
        user_id: The user.
    """
    recorded = (change.get("names") for change in changes)
    return {str(names[user_id]) for names in recorded if isinstance(names, Mapping) and user_id in names}


def forget_meta(meta: StoredFields, names: set[str]) -> dict[str, object]:
    """Return the meta of an activity with ``FORMER_NAME`` in place of the names of a deleted account.

    Args:
        meta: The meta, which contains the names of people without their ids.
        names: The names of the account.
    """
    new_meta = {
        key: FORMER_NAME if key in _NAMES_OF_PEOPLE and value in names else value
        for key, value in meta.items()
    }
    mentioned = meta.get("mentioned")
    if isinstance(mentioned, list):
        new_meta["mentioned"] = [FORMER_NAME if name in names else name for name in mentioned]
    return new_meta


def forget_item(item: StoredFields | None, user_id: str) -> dict[str, object] | None:
    """Return the item of an activity in which a deleted account has the name ``FORMER_NAME``.

    Args:
        item: The item, such as a document with ``authorId`` and ``authorName``; None if there is none.
        user_id: The deleted account.
    """
    if item is None:
        return None
    own_fields = {f"{key.removesuffix('Id')}Name" for key, value in item.items() if value == user_id}
    return {key: FORMER_NAME if key in own_fields else value for key, value in item.items()}
