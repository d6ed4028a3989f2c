"""Attachments: the files on a card, sent and received in blocks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any, overload

from stellary.client.calling.call import CallPlan
from stellary.client.calling.form import FileSource, Form, ReportProgress
from stellary.client.calling.method import Async, C, IdLike, Resource, Sync
from stellary.client.calling.steps import Steps, wrap_call
from stellary.client.calling.target import open_target
from stellary.client.transfer.byte_ranges import count_received, find_next_start
from stellary.contract.attachments import DOWNLOAD_ATTACHMENT, UPLOAD_ATTACHMENT, Attachment

PART = 1024 * 1024
"""The size of a range request, in bytes; after a failure, at most that much is downloaded again."""
_UPLOAD = CallPlan(UPLOAD_ATTACHMENT)
_DOWNLOAD = CallPlan(DOWNLOAD_ATTACHMENT)


class AttachmentFiles(Resource[C]):
    """A method of a card's attachments beside their endpoints: it receives a file in blocks."""

    @overload
    def blocks(self: AttachmentFiles[Sync], attachment: IdLike) -> Iterator[bytes]: ...
    @overload
    def blocks(self: AttachmentFiles[Async], attachment: IdLike) -> AsyncIterator[bytes]: ...
    def blocks(self, attachment: IdLike) -> Any:
        """Iterate over the bytes of a file, up to 1 MB at a time. Each block is requested when it is needed, with retries.

        Args:
            attachment: The id of the attachment, or a value that has one.
        """
        request_part = self._part_loader(attachment)
        return _async_blocks(request_part) if self._awaits else _blocks(request_part)

    def _part_loader(self, attachment: IdLike) -> Callable[[int], Any]:
        """Return a function that requests the part of a file that starts at an offset; see ``find_next_start``."""
        path_params = self._extend_path(attachment_id=attachment)

        def request_part(start: int) -> Any:
            handle: Any = self.with_options(headers={"range": f"bytes={start}-{start + PART - 1}"})
            return handle._caller.response(_DOWNLOAD, path_params)

        return request_part


def upload(
    files: AttachmentFiles[Any],
    file: FileSource,
    *,
    name: str | None = None,
    mime_type: str | None = None,
    progress: ReportProgress | None = None,
) -> Steps[Attachment]:
    """Upload a file of up to 10 MB. It is sent block by block, and never held in memory as a whole.

    Args:
        files: The attachments of the card.
        file: A path, bytes, or a file open for reading bytes. An open file is sent from its current position, by each
            attempt, and stays open.
        name: The file name; by default the name of the path or the open file. Required for bytes.
        mime_type: The MIME type; by default guessed from the name.
        progress: Called with the number of bytes sent and of all bytes after each block, with AsyncStellary in another
            thread.

    Returns:
        The attachment.

    Raises:
        TooLarge: The file is larger than 10 MB; nothing has been sent.
        TypeError: The file has no name.
    """
    form = Form(file, name, mime_type, progress)
    return wrap_call(partial(files._caller.one, _UPLOAD, files._path_params, None, form))


def download_to(
    files: AttachmentFiles[Any],
    attachment: IdLike,
    path: str | PathLike[str],
    *,
    progress: ReportProgress | None = None,
) -> Steps[Path]:
    """Download a file to a path. An existing file is replaced when the download is complete, and stays if it fails.

    Args:
        files: The attachments of the card.
        attachment: The id of the attachment, or a value that has one.
        path: The path of the file, not of a folder.
        progress: Called with the number of bytes received and of all bytes, with AsyncStellary in another thread.

    Returns:
        The path.
    """
    request_part, target_path = files._part_loader(attachment), Path(path)
    with open_target(target_path) as target:
        start: int | None = 0
        while start is not None:
            response = yield partial(request_part, start)
            target.write(response.body)
            if progress is not None:
                progress(*count_received(response, start))
            start = find_next_start(response, start)
    return target_path


def _blocks(request_part: Callable[[int], Any]) -> Iterator[bytes]:
    start: int | None = 0
    while start is not None:
        response = request_part(start)
        yield response.body
        start = find_next_start(response, start)


async def _async_blocks(request_part: Callable[[int], Any]) -> AsyncIterator[bytes]:
    start: int | None = 0
    while start is not None:
        response = await request_part(start)
        yield response.body
        start = find_next_start(response, start)
