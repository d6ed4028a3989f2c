"""Projects with their files, out and in: many calls that are one thing to whoever asks, written once for both colours.

The steps are generators that yield what is to be called. They read and write files themselves, so that with
AsyncStellary each step is taken in a thread, and what it yields is awaited on the event loop.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import attrs

from stellary.client.calling.target import Target
from stellary.client.errors import NotImported
from stellary.client.resources.attachments import next_part
from stellary.client.resources.auth import Auth
from stellary.client.transfer.archive import (
    IGNORED_SHOWN,
    ArchiveFile,
    PackedFile,
    ReadArchive,
    WrittenArchive,
    packed,
)
from stellary.client.transfer.json_file import parsed
from stellary.client.transfer.progress import Told
from stellary.contract.errors import NotFound
from stellary.contract.project_imports import NotCarried

if TYPE_CHECKING:
    from stellary.client.resources.attachments import Attachments
    from stellary.client.resources.projects import ProjectHandle, Projects

TRIES = 3
"""How often an export is made, if files are deleted while it goes on."""
Steps = Generator[Callable[[], Any], Any, Any]


# ---------------------------------------------------------------------------------------------- out


def exporting(project: ProjectHandle[Any], export: Callable[[], Any], path: Path, told: Told | None) -> Steps:
    """Write a project and its files to a path.

    Args:
        project: Whose files.
        export: Asks for its JSON, as it comes.
        path: Is replaced once all is there.
        told: How many bytes of files have come, and how many there are.

    Returns:
        The path.
    """
    with Target(path) as target:
        tries = 1
        while not (yield from _exported(project, export, target.file, told, last=tries == TRIES)):
            tries += 1
            target.file.seek(0)
            target.file.truncate()
    return path


def _exported(
    project: ProjectHandle[Any],
    export: Callable[[], Any],
    file: IO[bytes],
    told: Told | None,
    *,
    last: bool,
) -> Steps:
    """Write it, and tell whether it is whole: a file that is deleted meanwhile makes what was read before untrue."""
    with WrittenArchive(file) as archive:
        data = (yield export).body
        archive.project(data)
        found = parsed(data, "an exported project")
        try:
            yield from _downloaded(project, list(packed(found)), found["cards"], archive, told)
        except NotFound:
            if last:
                raise
            return False
    return True


def _downloaded(
    project: ProjectHandle[Any],
    files: Sequence[PackedFile],
    cards: Sequence[dict[str, Any]],
    archive: WrittenArchive,
    told: Told | None,
) -> Steps:
    came, total = 0, sum(each.size for each in files)
    for each in files:
        ask = project.card(cards[each.card]["id"]).attachments._parts(each.id)  # noqa: SLF001 - of this package
        start: int | None = 0
        with archive.file(each.id) as member:
            while start is not None:
                response = yield partial(ask, start)
                member.write(response.body)
                came += len(response.body)
                if told is not None:
                    told(came, total)
                start = next_part(response, start)


# ---------------------------------------------------------------------------------------------- in


def importing(projects: Projects[Any], file: ArchiveFile, told: Told | None) -> Steps:
    """Make a project of an archive, and undo that if one of its files cannot be uploaded.

    With an idempotency key of the caller's nothing is undone: the project may be there since long, by an earlier import
    with that key. Repeating it goes on where it ended.

    Args:
        projects: Of the workspace in which it shall be.
        file: Which is read to its end before anything is sent.
        told: How many bytes of files have been sent, and how many there are.

    Returns:
        What the import has answered, but that files are carried.
    """
    with ReadArchive(file) as archive:
        key = projects._caller.options.idempotency_key  # noqa: SLF001 - of this package
        bare = projects.with_options(idempotency_key=None, if_match=None)
        me = (yield Auth(bare._caller, {}).me) if archive.files else None  # noqa: SLF001 - of this package
        made = yield partial(projects.import_file, archive.project)
        sent, total = 0, sum(each.size for each in archive.files)
        current = ""
        try:
            for each in archive.files:
                current = each.name
                card = bare(made.id).card(made.card_ids[each.card])
                progress = told and partial(_told, told, sent, total)
                yield from _uploaded(card.attachments, archive, each, key, progress)
                sent += each.size
        except BaseException as error:
            left = made.id if key else (yield from _undone(bare, made.id))
            became = _became(left, key)
            if not isinstance(error, Exception):
                error.add_note(became)
                raise
            raise NotImported(
                f"{current} could not be uploaded, and {became}: {error}", current, left
            ) from error
        return _answer(made, archive, me.user.email if me else "")


def _uploaded(
    files: Attachments[Any], archive: ReadArchive, packed: PackedFile, key: str | None, told: Told | None
) -> Steps:
    # Each upload is a call of its own; with a key of the caller's, an import that is repeated uploads nothing twice.
    own = key and hashlib.sha256(f"{key}\n{packed.id}".encode()).hexdigest()
    with tempfile.TemporaryFile() as unpacked:
        archive.unpacked(packed, unpacked)
        upload = files.with_options(idempotency_key=own).upload
        yield partial(upload, unpacked, name=packed.name, mime_type=packed.mime_type, progress=told)


def _told(told: Told, before: int, total: int, sent: int, _: int) -> None:
    told(before + sent, total)


def _undone(projects: Projects[Any], id: str) -> Generator[Callable[[], Any], Any, str | None]:
    """Delete the project again; its id if that cannot be done."""
    try:
        yield partial(projects.delete, id)
    except NotFound:
        return None
    except Exception:  # noqa: BLE001 - whatever it is, it is told in the error that led here
        return id
    return None


def _became(left: str | None, key: str | None) -> str:
    if left is None:
        return "the project was deleted again"
    if key:
        return f"the project {left} lacks files until the import is repeated with the same key"
    return f"the project {left} could not be deleted again"


def _answer(made: Any, archive: ReadArchive, email: str) -> Any:
    ignored = archive.ignored[:IGNORED_SHOWN]
    if len(archive.ignored) > IGNORED_SHOWN:
        ignored.append(f"and {len(archive.ignored) - IGNORED_SHOWN} more files")
    others = _other_uploaders(archive.files, email)
    kept = [each for each in made.not_carried if each.kind != "attachment"]
    return attrs.evolve(made, ignored=[*made.ignored, *ignored], not_carried=[*kept, *others])


def _other_uploaders(files: Sequence[PackedFile], email: str) -> Iterator[NotCarried]:
    found = Counter(
        each.uploader[0] or each.uploader[1]
        for each in files
        if any(each.uploader) and each.uploader[1].casefold() != email.casefold()
    )
    for name, count in found.items():
        yield NotCarried(
            kind="creator",
            path="cards[].attachments[].uploadedBy",
            name=name,
            count=count,
            reason="whoever imports has uploaded the files here",
        )


# ---------------------------------------------------------------------------------------------- the drivers


def taken(steps: Steps) -> Any:
    """Take steps, and give what they return."""
    try:
        step = next(steps)
        while True:
            try:
                answer = step()
            except BaseException as error:  # noqa: BLE001 - the steps raise it again
                step = steps.throw(error)
            else:
                step = steps.send(answer)
    except StopIteration as end:
        return end.value


@attrs.frozen
class _End:
    value: Any


async def awaited(steps: Steps) -> Any:
    """The same, awaiting. Whoever is cancelled waits until what was begun is undone."""
    step = await _in_thread(steps, None)
    while not isinstance(step, _End):
        answer, error = None, None
        try:
            answer = await step()
        except BaseException as failure:  # noqa: BLE001 - the steps raise it again
            error = failure
        step = await _in_thread(steps, answer, error)
    return step.value


async def _in_thread(steps: Steps, answer: Any, error: BaseException | None = None) -> Any:
    import asyncio

    going = asyncio.ensure_future(asyncio.to_thread(_step, steps, answer, error))
    try:
        return await asyncio.shield(going)
    except asyncio.CancelledError as cancelled:
        # A thread cannot be stopped in the midst: what it comes to is told of the end.
        step = await going
        if isinstance(step, _End):
            return step
        return await asyncio.to_thread(_step, steps, None, cancelled)


def _step(steps: Steps, answer: Any, error: BaseException | None) -> Any:
    try:
        return steps.send(answer) if error is None else steps.throw(error)
    except StopIteration as end:
        return _End(end.value)
