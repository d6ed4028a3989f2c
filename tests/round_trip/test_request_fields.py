"""Every field of every request body changes something that can be read back."""

import re
import time
from collections.abc import Iterator, Mapping
from typing import Any, get_args

import attrs
import orjson
import pytest

from stellary.contract.naming import base, members, whole, wire_fields
from tests.round_trip.field_trials import (
    CALLER,
    NOT_READ_BACK,
    ROWS,
    TRIALS,
    Conversation,
    FieldTrial,
    readers_of,
    sample_value,
)
from tests.security.each_row import each_row
from tests.security.good_requests import GOOD_REQUESTS, resolve, send
from tests.security.permission_world import PermissionWorld
from tests.security.table import ROW_BY_OPERATION, SERVED, Row
from tests.support.core_parts import SERVICES

pytestmark = pytest.mark.slow("changes each field in turn")

BULK = {"cards.create_many": "cards.create", "cards.update_many": "cards.update"}
"""Operations that take a list of what another operation takes one of."""


def fields_of(row: Row) -> dict[str, Any]:
    """Return the fields of a request body by wire name; of one item, where the body is a list of items."""
    endpoint = SERVICES[row.operation].endpoint
    if row.method not in ("POST", "PATCH") or endpoint.takes_file or whole(endpoint.request_class):
        return {}
    fields = wire_fields(endpoint.request_class)
    if row.operation in BULK:
        (items,) = fields.values()
        return wire_fields(get_args(base(items.type))[0])
    return fields


WRITES = [row for row in SERVED if fields_of(row) and row.operation not in NOT_READ_BACK]
UPDATES = [row for row in WRITES if row.method == "PATCH" and row.operation not in BULK]


@each_row([row for row in WRITES if row.operation not in BULK])
def test_each_field_of_a_request_body_is_read_back(permission_world: PermissionWorld, row: Row):
    assert find_problems(permission_world, row) == {}


@each_row([row for row in WRITES if row.operation in BULK])
def test_each_field_of_an_item_of_a_list_is_read_back(permission_world: PermissionWorld, row: Row):
    assert find_problems(permission_world, row) == {}


def find_problems(permission_world: PermissionWorld, row: Row) -> dict[str, str]:
    """Return the fields that were ignored, and how."""
    wrong = {}
    for name in fields_of(row):
        if f"{row.operation}.{name}" in NOT_READ_BACK:
            continue
        with permission_world.sandbox.discard_changes():
            if problem := find_problem(permission_world, row, name):
                wrong[name] = problem
    return wrong


def find_problem(permission_world: PermissionWorld, row: Row, name: str) -> str | None:
    """Send a request with one field set; return how the field was ignored, or None if it was not."""
    trial = _trial_of(row, name)
    conversation = Conversation(permission_world, row)
    body = _prepare(conversation, trial, name)
    value = body[name]
    if row.operation in BULK:
        body = {"cards": [body]}
    response = send(permission_world, row, CALLER, conversation.params, body=body)
    conversation.answer = orjson.loads(response.body)
    if response.status >= 300:
        return f"{response.status} {conversation.answer['message']}"
    if row.operation in BULK:
        (conversation.answer,) = conversation.answer
    expected = value if trial.expected is ... else trial.expected
    if trial.read:
        actual = trial.read(conversation)
        return None if contains(actual, expected) else f"{actual!r} is read, {expected!r} expected"
    things = {row.operation: conversation.answer, **read_all(row, conversation)}
    read = {operation: thing[name] for operation, thing in things.items() if name in thing}
    wrong = {operation: value for operation, value in read.items() if not contains(value, expected)}
    if wrong:
        return f"{wrong} is read, {expected!r} expected"
    return None if read.keys() - {row.operation} else "no GET endpoint answers it"


def _trial_of(row: Row, name: str) -> FieldTrial:
    """Return how a field is tried; in a list of items as in a single one."""
    single = BULK.get(row.operation, row.operation)
    owners = (row.operation, single, single.partition(".")[0])
    return next(filter(None, (TRIALS.get(f"{owner}.{name}") for owner in owners)), FieldTrial())


def _prepare(conversation: Conversation, trial: FieldTrial, name: str) -> dict[str, Any]:
    """Prepare the trial of a field, and return the body with its value."""
    permission_world, row = conversation.permission_world, conversation.row
    usual = _usual_body(permission_world, row, trial)
    value = resolve(trial.value, permission_world)
    if value is ...:
        field = fields_of(row)[name]
        default = field.default if isinstance(field.default, bool) else None
        value = sample_value(permission_world, name, field.type, usual.get(name, default))
    if trial.prepare:
        trial.prepare(conversation)
    return {**usual, name: value}


def _usual_body(permission_world: PermissionWorld, row: Row, trial: FieldTrial) -> dict[str, Any]:
    """Return the rest of the body: what the trial says, or what a creation requires."""
    usual = trial.body
    if usual is ...:
        usual = None if row in UPDATES else GOOD_REQUESTS[row.operation].body
    body: dict[str, Any] = resolve(usual, permission_world) or {}
    return body.get("cards", [body])[0] if row.operation in BULK else body


def read_all(row: Row, conversation: Conversation) -> dict[str, dict[str, Any]]:
    """Return the written resource as each GET endpoint of its kind answers it."""
    resources = {}
    for reader in readers_of(row):
        parameters = _parameters(reader, conversation)
        if parameters is None:
            continue
        response = send(conversation.permission_world, reader, CALLER, parameters)
        thing = _same_thing(orjson.loads(response.body), conversation.answer)
        if response.status == 200 and thing is not None:
            resources[reader.operation] = thing
    return resources


def _parameters(reader: Row, conversation: Conversation) -> dict[str, str] | None:
    """Return the path parameters of a reader, the last of which identifies the written resource."""
    answer, params = conversation.answer, dict(conversation.params)
    if reader.parameters and reader.path.endswith(f":{reader.parameters[-1]}"):
        name = reader.parameters[-1]
        key = "slug" if name.endswith("Slug") else "id"
        if key not in answer:
            return None
        params[name] = answer[key]
    return params


def _same_thing(content: Any, answer: Any) -> dict[str, Any] | None:
    """Return the object of the same id within JSON."""
    key = next((key for key in ("id", "_id", "userId") if key in answer), None)
    if isinstance(content, dict) and key and content.get(key) == answer[key]:
        return content
    inner: Iterator[Any] = iter(
        content if isinstance(content, list) else content.values() if isinstance(content, dict) else ()
    )
    return next((thing for item in inner if (thing := _same_thing(item, answer)) is not None), None)


def contains(actual: Any, expected: Any) -> bool:
    """Return whether JSON holds at least what is expected of it."""
    if isinstance(expected, dict):
        return isinstance(actual, dict) and all(
            name in actual and contains(actual[name], value) for name, value in expected.items()
        )
    if isinstance(expected, list):
        return (
            isinstance(actual, list) and len(actual) == len(expected) and all(map(contains, actual, expected))
        )
    return bool(actual == expected)


# ---------------------------------------------------------------------------------------------- other fields, and repetitions

PARTIAL = [
    row
    for row in UPDATES
    if row.operation not in ("automations.toggle", "notifications.update_preferences")
    and all(field.default is not attrs.NOTHING for field in fields_of(row).values())
]
"""Updates of which an empty one changes nothing. A toggle without a value is a change; preferences are stored as they are."""
FOLLOWING: Mapping[str, set[str]] = {
    "auth.update_me.name": {"user"},
    "automations.update.action": {"actions", "ownerId"},
    "automations.update.actions": {"action", "ownerId"},
    "automations.update.conditions": {"ownerId"},
    "automations.update.schedule": {"actions", "nextRunAt", "ownerId"},
    "automations.update.trigger": {"ownerId"},
    "cards.update.after": {"order"},
    "cards.update.applyTo": {"recurrence"},
    "cards.update.archived": {"order"},
    # A rule of the project reacts.
    "cards.update.assigneeId": {"completedAt", "status"},
    "cards.update.before": {"order"},
    "cards.update.checklist": {"checklistProgress"},
    "cards.update.status": {"completedAt"},
    "checklist.update.checked": {"done"},
    "custom_fields.update.options": {"optionIds"},
    "documents.update.contextId": {"projectId"},
    "documents.update.contextType": {"projectId"},
    "pilotage.update_priority.status": {"completedAt"},
    "pilotage.update_todo.status": {"completedAt"},
    "scopes.set_view.settings": {"views"},
    "scopes.set_view.type": {"views"},
}
"""What else changes with a field."""
COUNTING = ("version", "updatedAt")
"""The fields that every change increases, if the item has them."""
NOT_REPEATED: Mapping[str, str] = {
    "cards.update.checklist": "items without an id are new ones",
    "custom_fields.update.optionIds": "options without an id are new ones",
    "organizations.update.slug": "is part of the path",
    "webhooks.update.active": "sets the time of the update",
    "webhooks.update.events": "sets the time of the update",
    "webhooks.update.url": "sets the time of the update",
    "workspaces.update.slug": "is part of the path",
}
"""Fields that have another effect if they are sent again, with the reason."""


@each_row(PARTIAL)
def test_update_changes_only_given_fields_and_only_once(permission_world: PermissionWorld, row: Row):
    wrong = {}
    for name in fields_of(row):
        key = f"{row.operation}.{name}"
        if key in NOT_READ_BACK:
            continue
        with permission_world.sandbox.discard_changes():
            conversation = Conversation(permission_world, row)
            body = _prepare(conversation, _trial_of(row, name), name)
            before = conversation.ask(row.operation, {})
            # Times have milliseconds.
            time.sleep(0.001)
            after = conversation.ask(row.operation, body)
            changed = {key for key in after if after[key] != before[key]} - {*COUNTING}
            if changed and not all(after[key] > before[key] for key in COUNTING if key in after):
                wrong[name] = "no new version or time"
            if not_given := changed - {*body} - FOLLOWING.get(key, set()):
                wrong[name] = not_given
            if key not in NOT_REPEATED and conversation.ask(row.operation, body) != after:
                wrong[name] = "repeated"
    assert wrong == {}


@each_row(PARTIAL)
def test_empty_update_changes_nothing(permission_world: PermissionWorld, row: Row):
    with permission_world.sandbox.discard_changes():
        conversation = Conversation(permission_world, row)
        conversation.ask(row.operation, {})
        assert permission_world.sandbox.find_changes() == []


# ---------------------------------------------------------------------------------------------- clearing and records

CLEARABLE = [
    row for row in UPDATES if any(type(None) in members(field.type) for field in fields_of(row).values())
]


@each_row(CLEARABLE)
def test_null_clears_each_nullable_field(permission_world: PermissionWorld, row: Row):
    wrong = {}
    for name, field in fields_of(row).items():
        if type(None) not in members(field.type):
            continue
        with permission_world.sandbox.discard_changes():
            assert find_problem(permission_world, row, name) is None
            conversation = Conversation(permission_world, row)
            body = {**_BESIDE_NULL.get(f"{row.operation}.{name}", {}), name: None}
            response = send(permission_world, row, CALLER, conversation.params, body=body)
            conversation.answer = orjson.loads(response.body)
            things = {row.operation: conversation.answer, **read_all(row, conversation)}
            read = {operation: thing[name] for operation, thing in things.items() if name in thing}
            if restored := _RESTORED.get(f"{row.operation}.{name}"):
                operation, default = restored
                read[operation] = conversation.ask(operation)[name]
                is_cleared = set(read.values()) == {default}
            else:
                is_cleared = set(map(str, read.values())) in _EMPTY
            if response.status != 200 or len(read) < 2 or not is_cleared:
                wrong[name] = response.status, read or conversation.answer
    assert wrong == {}


_BESIDE_NULL = {"agents.update.model": {"runtime": "built_in"}}
"""What must change together with a field that is cleared."""
_RESTORED = {"notifications.update_preferences.timeZone": ("notifications.preferences", "UTC")}
"""Fields for which null restores the default, the operation that reads it, and the default."""
_EMPTY = ({"None"}, {"{}"})
"""How nothing is read; conditions that are cleared are none."""


NOT_EXPORTED: Mapping[str, str] = {
    "scopes.set_view.type": "says which view the settings are of",
    "documents.update.contentFormat": "says in which format the content is",
    "documents.update.contextType": "the file is about one project",
    "documents.update.contextId": "the file is about one project",
    "cards.update.applyTo": "says which cards change; an import names the fields of later cards as lost",
}
"""Fields of what an export holds that it leaves out, with the reason."""

EXPORTED = [
    row
    for row in UPDATES
    if row.operation
    in (
        "projects.update",
        "scopes.update",
        "scopes.set_view",
        "columns.update",
        "cards.update",
        "checklist.update",
        "comments.update",
        "labels.update",
        "custom_fields.update",
        "documents.update",
        "document_comments.update",
        "automations.update",
    )
]


@each_row(EXPORTED)
def test_each_change_is_in_the_export_and_in_its_import(permission_world: PermissionWorld, row: Row):
    wrong = {}
    if row.operation in ("documents.update", "document_comments.update"):
        conversation = Conversation(permission_world, ROW_BY_OPERATION["documents.update"])
        in_project = {"contextType": "project", "contextId": permission_world.here["projectId"]}
        for id in ("documentId", "pendingDocumentId"):
            conversation.ask("documents.update", in_project, documentId=permission_world.here[id])
    exported_before, imported_before = _export_twice(Conversation(permission_world, row))
    for name in fields_of(row):
        if f"{row.operation}.{name}" in NOT_EXPORTED:
            continue
        with permission_world.sandbox.discard_changes():
            assert find_problem(permission_world, row, name) is None
            exported, imported = _export_twice(Conversation(permission_world, row))
        in_export = _find_differences(exported_before, exported)
        in_import = _find_differences(imported_before, imported)
        if not in_export:
            wrong[name] = "not exported"
        elif in_import != in_export:
            wrong[name] = f"exported as {in_export}, imported as {in_import}"
    assert wrong == {}, wrong


def _export_twice(conversation: Conversation) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a project's export, and the export of the project that an import makes of it, both by path."""
    exported = conversation.ask("projects.export")
    with conversation.permission_world.sandbox.discard_changes():
        imported = conversation.ask("projects.import", exported)
        again = conversation.ask("projects.export", projectId=imported["id"])
    return flatten_file(exported), flatten_file(again)


def _find_differences(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """Return what has another value after a change, by path; None for what is no longer there."""
    paths = before.keys() | after.keys()
    return {path: after.get(path) for path in sorted(paths) if before.get(path) != after.get(path)}


_NOT_KEPT = re.compile(r"\.attachments\[|\.(owner|author|createdBy)\.")
"""What belongs to the user who imports a file, or is not in the file."""
_NOT_COMPARED = (".id", ".updatedAt", ".createdAt", ".exportedAt", ".project.key", ".targetKey")


def flatten_file(file: Any) -> dict[str, Any]:
    """Return the leaves of a project file by path, without times of writing, keys, authors and attachments.

    Ids differ from file to file, so each one is replaced by the path of the thing that has it. The key of a project is
    free only once, and the content of attachments is not in the file.
    """
    leaves = dict(_list_leaves(file, ""))
    paths_by_id = {value: path.removesuffix(".id") for path, value in leaves.items() if path.endswith(".id")}
    renamed = {}
    for path, value in leaves.items():
        if not path.endswith(_NOT_COMPARED) and not _NOT_KEPT.search(path):
            names = [paths_by_id.get(name, name) for name in path.split(".")]
            renamed[".".join(names)] = paths_by_id.get(value, value)
    return renamed


def _list_leaves(content: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(content, dict):
        for name, value in content.items():
            yield from _list_leaves(value, f"{path}.{name}")
    elif isinstance(content, list):
        for index, item in enumerate(content):
            yield from _list_leaves(item, f"{path}[{index}]")
    else:
        yield path, content


def test_flattened_file_names_things_by_their_path():
    files = [
        {
            "columns": [{"id": column_id, "name": "Done"}],
            "cards": [{"columnId": column_id, "customFields": {column_id: 1}, "updatedAt": column_id}],
        }
        for column_id in ("11", "22")
    ]
    assert [flatten_file(file) for file in files] == [
        {
            ".columns[0].name": "Done",
            ".cards[0].columnId": ".columns[0]",
            ".cards[0].customFields..columns[0]": 1,
        }
    ] * 2


def test_each_change_of_a_card_is_in_the_activity(permission_world: PermissionWorld):
    row = ROWS["cards.update"]
    wrong = {}
    for name in fields_of(row):
        with permission_world.sandbox.discard_changes():
            assert find_problem(permission_world, row, name) is None
            # The world's rule adds one of its own to an assignment.
            latest = Conversation(permission_world, row).ask("projects.activity", query="limit=2")
        recorded = [(item["type"], item["meta"].get("changed", [])) for item in latest]
        if _ACTIVITY.get(name, ("card_updated", [_ACTIVITY_NAMES.get(name, name)])) not in recorded:
            wrong[name] = recorded
    assert wrong == {}


_ACTIVITY = {
    "columnId": ("card_moved", []),
    "archived": ("card_archived", []),
    "applyTo": ("card_updated", ["title", "recurrence"]),
    "assigneeId": ("card_assigned", []),
    "status": ("card_updated", ["status", "completedAt"]),
}
"""What is recorded for a field that is more than an update."""
_ACTIVITY_NAMES = {"before": "order", "after": "order"}
