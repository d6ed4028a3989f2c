"""Imports: the steps that create a project from a file, in one request or in parts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import orjson

from stellary.client.calling.call import CallPlan
from stellary.client.calling.method import Resource
from stellary.client.calling.steps import Steps
from stellary.client.errors import UnsuitableFile
from stellary.client.transfer.bulk_steps import renumber_rows, with_own_key
from stellary.client.transfer.json_file import JsonFile, parse_json_file, to_list
from stellary.contract.errors import ApiError
from stellary.contract.multipart_imports import (
    ADD_IMPORT_PART,
    COMPLETE_IMPORT,
    CREATE_IMPORT,
    DELETE_IMPORT,
    GET_IMPORT,
    MultipartImport,
)
from stellary.contract.project_exports import ProjectFile
from stellary.contract.project_imports import (
    CARDS_MAX,
    COLUMNS_MAX,
    FILE_MAX,
    IMPORT_PROJECT,
    IN_ALL_MAX,
    ImportProject,
    ProjectImport,
)
from stellary.contract.wire import dump

if TYPE_CHECKING:
    from stellary.client.calling.form import ReportProgress

PART_BYTES = 4 << 20
"""The size of a part, in bytes, if its cards are long."""
_CREATE, _GET, _DELETE = CallPlan(CREATE_IMPORT), CallPlan(GET_IMPORT), CallPlan(DELETE_IMPORT)
_ADD_PART, _COMPLETE, _IMPORT = CallPlan(ADD_IMPORT_PART), CallPlan(COMPLETE_IMPORT), CallPlan(IMPORT_PROJECT)
JsonMapping = Mapping[str, Any]


def import_file(
    projects: Resource[Any],
    file: JsonFile | ProjectFile | ImportProject,
    *,
    progress: ReportProgress | None = None,
) -> Steps[ProjectImport]:
    """Create a project from a file that ``export_to`` has written, completely or not at all.

    A file of more than 500 cards is sent in parts; the project appears when all of them have arrived. With your own
    idempotency key you can repeat an interrupted import within a day, and it continues where it stopped.

    Args:
        projects: The projects of the workspace.
        file: A path, bytes, a file open for reading, or a dict with the content; or the result of ``export``, or of an
            importer.
        progress: Called with the number of cards sent and of all cards, with AsyncStellary in another thread. A file that is
            sent in one request reports nothing.

    Raises:
        UnsuitableFile: The file is not a JSON object; nothing has been sent.
        Invalid: The file refers to something that it does not contain, or exceeds a limit; nothing was created.
        OSError: The file cannot be read.
    """
    payload = (
        file
        if isinstance(file, ProjectFile | ImportProject)
        else parse_json_file(file, "an exported project")
    )
    content = payload if isinstance(payload, dict) else orjson.loads(dump(payload))
    project = content.get("project")
    if not isinstance(project, dict) or "name" not in project:
        raise UnsuitableFile("this is not an exported project: it has no 'project' with a 'name'")
    if not _needs_parts(content):
        created: ProjectImport = yield _call(projects, _IMPORT, payload)
        return created
    return (yield from _import_in_parts(projects, content, progress))


def _needs_parts(content: JsonMapping) -> bool:
    cards, columns = to_list(content.get("cards")), to_list(content.get("columns"))
    if len(cards) > CARDS_MAX or len(columns) > COLUMNS_MAX:
        return True
    total = max(sum(_count(card, name) for card in cards) for name in ("comments", "relations"))
    return total > IN_ALL_MAX or len(orjson.dumps(content)) > FILE_MAX


def _import_in_parts(
    projects: Resource[Any], content: JsonMapping, progress: ReportProgress | None
) -> Steps[ProjectImport]:
    """Import a project in parts; with an idempotency key of the caller, continue an earlier attempt.

    Without a key nothing can continue the import after an error, so it is deleted.
    """
    key = projects._caller.options.idempotency_key
    cards = to_list(content.get("cards"))
    started: MultipartImport = yield _call(with_own_key(projects, 0), _CREATE, _build_header(content))
    without_key = projects.with_options(idempotency_key=None)
    at = {"import_id": started.id}
    sent = 0
    try:
        # With a key, an earlier attempt may have added parts.
        current: MultipartImport = started if key is None else (yield _call(without_key, _GET, **at))
        for number, part in enumerate(_split(cards)):
            if number >= current.parts and current.status == "open":
                payload = {"part": number, "cards": part}
                try:
                    yield _call(with_own_key(projects, number + 1), _ADD_PART, payload, **at)
                except ApiError as error:
                    renumber_rows(error, "cards", range(sent, sent + len(part)))
                    raise
            sent += len(part)
            if progress is not None:
                progress(sent, len(cards))
        completed: ProjectImport = yield _call(with_own_key(projects, -1), _COMPLETE, **at)
    except BaseException:
        if key is None:
            # If it cannot be deleted, it expires by itself, and the error that led here is raised.
            with suppress(Exception):
                yield _call(without_key, _DELETE, **at)
        raise
    return completed


def _call(
    handle: Resource[Any], plan: CallPlan, payload: Any = None, **path_params: str
) -> Callable[[], Any]:
    """Return a call; it sends JSON as it is, with the fields that only a newer server knows."""
    path = {**handle._path_params, **path_params}
    return partial(handle._caller.one, plan, path, payload)


def _build_header(content: JsonMapping) -> JsonMapping:
    """Return a file without its cards. Numbers are assigned after those of all cards, which the server does not see at once."""
    header = {name: value for name, value in content.items() if name != "cards"}
    project = header.get("project")
    numbers = [
        card["number"]
        for card in to_list(content.get("cards"))
        if isinstance(card, dict) and isinstance(card.get("number"), int)
    ]
    if isinstance(project, dict) and numbers and isinstance(project.get("lastNumber", 0), int):
        header["project"] = {**project, "lastNumber": max(project.get("lastNumber", 0), *numbers)}
    return header


def _split(cards: Sequence[Any]) -> Iterator[list[Any]]:
    """Yield cards in parts, always the same ones for the same file."""
    part: list[Any] = []
    size = comments = 0
    for card in cards:
        card_size, card_comments = len(orjson.dumps(card)), _count(card, "comments")
        is_full = (
            len(part) == CARDS_MAX or size + card_size > PART_BYTES or comments + card_comments > IN_ALL_MAX
        )
        if part and is_full:
            yield part
            part, size, comments = [], 0, 0
        part.append(card)
        size += card_size
        comments += card_comments
    if part:
        yield part


def _count(card: Any, name: str) -> int:
    return len(to_list(card.get(name))) if isinstance(card, dict) else 0
