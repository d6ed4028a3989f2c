"""The steps that export a project to a file, and those that export and import it with its files."""

from __future__ import annotations

import tempfile
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from functools import partial
from os import PathLike
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import attrs

from stellary.client.calling.call import CallPlan
from stellary.client.calling.form import ReportProgress
from stellary.client.calling.steps import Steps
from stellary.client.calling.target import open_target
from stellary.client.errors import NotImported
from stellary.client.transfer.archive import (
    FILES,
    IGNORED_SHOWN,
    PROJECT,
    ArchiveFile,
    PackedFile,
    ReadArchive,
    list_attachments,
)
from stellary.client.transfer.bulk_steps import with_own_key
from stellary.client.transfer.byte_ranges import find_next_start
from stellary.client.transfer.handle_types import ProjectHandle, ProjectsHandle
from stellary.client.transfer.json_file import parse_json_file
from stellary.contract.auth import ME
from stellary.contract.errors import NotFound
from stellary.contract.project_exports import EXPORT_PROJECT
from stellary.contract.project_imports import NotCarried, ProjectImport

if TYPE_CHECKING:
    from stellary.contract.port import RawResponse

TRIES = 3
"""The maximum number of attempts to export a project while its files are being deleted."""
_ME, _EXPORT = CallPlan(ME), CallPlan(EXPORT_PROJECT)


# ---------------------------------------------------------------------------------------------- export


def export_to(project: ProjectHandle, path: str | PathLike[str]) -> Steps[Path]:
    """Export the project to a file, which ``projects.import_file`` reads. An existing file is replaced.

    Args:
        project: The project.
        path: The path of the file, not of a folder.

    Returns:
        The path.
    """
    target_path = Path(path)
    # Written as it is, so that data of a newer server is preserved.
    target_path.write_bytes((yield _export_call(project)).body)
    return target_path


def export_archive(
    project: ProjectHandle, path: str | PathLike[str], *, progress: ReportProgress | None = None
) -> Steps[Path]:
    """Export the project with its files to an archive, which ``projects.import_archive`` reads.

    An existing file is replaced when the archive is complete, and stays if the export fails.

    Args:
        project: The project.
        path: The path of the ZIP file to write.
        progress: Called with the number of bytes of files received and of all bytes, with AsyncStellary in another thread.

    Returns:
        The path.
    """
    target_path = Path(path)
    with open_target(target_path) as target:
        tries = 1
        while not (yield from _write(project, target, progress, last=tries == TRIES)):
            tries += 1
            target.seek(0)
            target.truncate()
    return target_path


def _export_call(project: ProjectHandle) -> Callable[[], Any]:
    return partial(project._caller.response, _EXPORT, project._path_params)


def _write(
    project: ProjectHandle,
    file: IO[bytes],
    progress: ReportProgress | None,
    *,
    last: bool,
) -> Steps[bool]:
    """Write the archive, and return whether it is complete: False if a file was deleted after the JSON was exported."""
    with zipfile.ZipFile(file, "w") as archive:
        response: RawResponse = yield _export_call(project)
        archive.writestr(zipfile.ZipInfo(PROJECT), response.body, zipfile.ZIP_DEFLATED)
        exported = parse_json_file(response.body, "an exported project")
        try:
            yield from _download(
                project, list(list_attachments(exported)), exported["cards"], archive, progress
            )
        except NotFound:
            if last:
                raise
            return False
    return True


def _download(
    project: ProjectHandle,
    files: Sequence[PackedFile],
    cards: Sequence[dict[str, Any]],
    archive: zipfile.ZipFile,
    progress: ReportProgress | None,
) -> Steps[None]:
    received, total = 0, sum(file.size for file in files)
    for file in files:
        request_part = project.card(cards[file.card]["id"]).attachments._part_loader(file.id)
        start: int | None = 0
        # Without compression, since most attachments are compressed already.
        with archive.open(zipfile.ZipInfo(FILES + file.id), "w") as member:
            while start is not None:
                response: RawResponse = yield partial(request_part, start)
                member.write(response.body)
                received += len(response.body)
                if progress is not None:
                    progress(received, total)
                start = find_next_start(response, start)


# ---------------------------------------------------------------------------------------------- import


def import_archive(
    projects: ProjectsHandle, file: ArchiveFile, *, progress: ReportProgress | None = None
) -> Steps[ProjectImport]:
    """Create a project from an archive that ``export_archive`` has written, including files, completely or not at all.

    The archive is read to its end before anything is sent. If one of the files cannot be uploaded, the project is
    deleted again.

    Args:
        projects: The projects of the workspace.
        file: A path, bytes, or a file open for reading bytes that can be rewound.
        progress: Called with the number of bytes of files sent and of all bytes, with AsyncStellary in another thread.

    Returns:
        The new project, and anything that could not be imported.

    Raises:
        UnsuitableFile: The file is not an archive, is damaged, or lacks a file; nothing has been sent.
        Invalid: As for ``import_file``.
        NotImported: A file could not be uploaded. The project was deleted again, or else the error has its id.
        OSError: The file cannot be read.
    """
    with closing(ReadArchive(file)) as archive:
        key = projects._caller.options.idempotency_key
        unconditional = projects.with_options(idempotency_key=key, if_match=None)
        without_key = unconditional.with_options(idempotency_key=None)
        # The caller becomes the uploader of the files.
        session = (yield partial(without_key._caller.one, _ME, {})) if archive.files else None
        created: ProjectImport = yield partial(projects.import_file, archive.project)
        sent, total = 0, sum(packed.size for packed in archive.files)
        current = ""
        try:
            for packed in archive.files:
                current = packed.name
                card = unconditional(created.id).card(created.card_ids[packed.card])
                file_progress = progress and partial(_add_progress, progress, sent, total)
                # With a key derived from the caller's, so that a repeated import uploads no file twice.
                upload = with_own_key(card.attachments, packed.id).upload
                with tempfile.TemporaryFile() as unpacked:
                    archive.unpack(packed, unpacked)
                    yield partial(
                        upload, unpacked, name=packed.name, mime_type=packed.mime_type, progress=file_progress
                    )
                sent += packed.size
        except BaseException as error:
            # With a key, an earlier import may have created it long ago, and repeating the import completes it.
            remaining_id = created.id if key else (yield from _delete_again(without_key, created.id))
            outcome = _describe_outcome(remaining_id, key)
            if not isinstance(error, Exception):
                error.add_note(outcome)
                raise
            raise NotImported(
                f"{current} could not be uploaded, and {outcome}: {error}", current, remaining_id
            ) from error
        corrected: ProjectImport = _correct(created, archive, session.user.email if session else "")
        return corrected


def _add_progress(progress: ReportProgress, before: int, total: int, sent: int, _: int) -> None:
    progress(before + sent, total)


def _delete_again(projects: ProjectsHandle, id: str) -> Steps[str | None]:
    """Delete the project, and return its id if that fails."""
    try:
        yield partial(projects.delete, id)
    except NotFound:
        return None
    except Exception:  # noqa: BLE001 - the error that led here reports that the project remains
        return id
    return None


def _describe_outcome(remaining_id: str | None, key: str | None) -> str:
    if remaining_id is None:
        return "the project was deleted again"
    if key:
        return f"the project {remaining_id} lacks files until the import is repeated with the same key"
    return f"the project {remaining_id} could not be deleted again"


def _correct(created: Any, archive: ReadArchive, email: str) -> Any:
    """Return the response to the import, with the report on the files added."""
    ignored = archive.ignored[:IGNORED_SHOWN]
    if len(archive.ignored) > IGNORED_SHOWN:
        ignored.append(f"and {len(archive.ignored) - IGNORED_SHOWN} more files")
    losses = [loss for loss in created.not_carried if loss.kind != "attachment"]
    return attrs.evolve(
        created,
        ignored=[*created.ignored, *ignored],
        not_carried=[*losses, *_list_other_uploaders(archive.files, email)],
    )


def _list_other_uploaders(files: Sequence[PackedFile], email: str) -> Iterator[NotCarried]:
    counts = Counter(
        file.uploader[0] or file.uploader[1]
        for file in files
        if any(file.uploader) and file.uploader[1].casefold() != email.casefold()
    )
    for name, count in counts.items():
        yield NotCarried(
            kind="creator",
            path="cards[].attachments[].uploadedBy",
            name=name,
            count=count,
            reason="imported files are uploaded by the person who imports them",
        )
