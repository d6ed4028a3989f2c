"""Attachments: the files on a card."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, overload

from stellary.client.calling.call import CallPlan
from stellary.client.calling.form import FileSource, Form, ReportProgress
from stellary.client.calling.method import Async, C, IdLike, Later, Resource, Sync
from stellary.client.calling.steps import Steps
from stellary.client.calling.target import open_target
from stellary.client.transfer.byte_ranges import count_received, find_next_start
from stellary.client.transfer.progress import Progress, run_showing_progress, show_progress
from stellary.contract.attachments import DOWNLOAD_ATTACHMENT, UPLOAD_ATTACHMENT, Attachment

PART = 1024 * 1024
"""The size of a range request, in bytes; after a failure, at most that much is downloaded again."""
_UPLOAD = CallPlan(UPLOAD_ATTACHMENT)
_DOWNLOAD = CallPlan(DOWNLOAD_ATTACHMENT)


class AttachmentFiles(Resource[C]):
    """Methods of a card's attachments beside their endpoints: they send and receive files in blocks."""

    @overload
    def upload(
        self: AttachmentFiles[Sync],
        file: FileSource,
        *,
        name: str | None = None,
        mime_type: str | None = None,
        progress: Progress | None = None,
    ) -> Attachment: ...
    @overload
    def upload(
        self: AttachmentFiles[Async],
        file: FileSource,
        *,
        name: str | None = None,
        mime_type: str | None = None,
        progress: Progress | None = None,
    ) -> Later[Attachment]: ...
    def upload(
        self,
        file: FileSource,
        *,
        name: str | None = None,
        mime_type: str | None = None,
        progress: Progress | None = None,
    ) -> Any:
        """Upload a file of up to 10 MB. It is sent block by block, and never held in memory as a whole.

        Args:
            file: A path, bytes, or a file open for reading bytes. An open file is sent from its current position, by each
                attempt, and stays open.
            name: The file name; by default the name of the path or the open file. Required for bytes.
            mime_type: The MIME type; by default guessed from the name.
            progress: True for a progress bar; or a callback that receives the number of bytes sent and of all bytes after each
                block, with AsyncStellary in another thread.

        Returns:
            The attachment.

        Raises:
            TooLarge: The file is larger than 10 MB; nothing has been sent.
            TypeError: The file has no name.
        """

        def work(report: ReportProgress | None) -> Any:
            return self._caller.one(_UPLOAD, self._path_params, None, Form(file, name, mime_type, report))

        return show_progress(progress, "upload", "B", work, awaits=self._awaits)

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

    @overload
    def download_to(
        self: AttachmentFiles[Sync],
        attachment: IdLike,
        path: str | os.PathLike[str],
        *,
        progress: Progress | None = None,
    ) -> Path: ...
    @overload
    def download_to(
        self: AttachmentFiles[Async],
        attachment: IdLike,
        path: str | os.PathLike[str],
        *,
        progress: Progress | None = None,
    ) -> Later[Path]: ...
    def download_to(
        self, attachment: IdLike, path: str | os.PathLike[str], *, progress: Progress | None = None
    ) -> Any:
        """Download a file to a path. An existing file is replaced when the download is complete, and stays if it fails.

        Args:
            attachment: The id of the attachment, or a value that has one.
            path: The path of the file, not of a folder.
            progress: True for a progress bar; or a callback that receives the number of bytes received and of all bytes,
                with AsyncStellary in another thread.

        Returns:
            The path.
        """
        steps = partial(_download, self._part_loader(attachment), Path(path))
        return run_showing_progress(self, steps, progress, "download", "B")

    def _part_loader(self, attachment: IdLike) -> Callable[[int], Any]:
        """Return a function that requests the part of a file that starts at an offset; see ``find_next_start``."""
        path_params = self._extend_path(attachment_id=attachment)

        def request_part(start: int) -> Any:
            handle: Any = self.with_options(headers={"range": f"bytes={start}-{start + PART - 1}"})
            return handle._caller.response(_DOWNLOAD, path_params)

        return request_part


def _download(request_part: Callable[[int], Any], path: Path, report: ReportProgress | None) -> Steps[Path]:
    with open_target(path) as target:
        start: int | None = 0
        while start is not None:
            response = yield partial(request_part, start)
            target.write(response.body)
            if report is not None:
                report(*count_received(response, start))
            start = find_next_start(response, start)
    return path


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
