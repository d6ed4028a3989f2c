"""Attachments: the files on a card."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, overload

from stellary.client.calling.call import Plan
from stellary.client.calling.form import Form, ReportProgress, Source
from stellary.client.calling.method import Async, C, Id, Later, Resource, Sync, by_id, iterates, method
from stellary.client.calling.target import Target
from stellary.client.transfer.byte_ranges import count_received, find_next_start
from stellary.client.transfer.progress import Progress, show_progress
from stellary.contract.attachments import (
    DELETE_ATTACHMENT,
    DOWNLOAD_ATTACHMENT,
    LIST_ATTACHMENTS,
    UPLOAD_ATTACHMENT,
    Attachment,
)

PART = 1024 * 1024
"""Bytes that are asked for at once: after a failure no more than that comes twice."""
_UPLOAD = Plan(UPLOAD_ATTACHMENT)
_DOWNLOAD = Plan(DOWNLOAD_ATTACHMENT)
_NOTHING = _UPLOAD.said({})


class Attachments(Resource[C]):
    """The files on a card, oldest first."""

    list = method(LIST_ATTACHMENTS)
    iterate = iterates(LIST_ATTACHMENTS)
    download = by_id(DOWNLOAD_ATTACHMENT)
    delete = by_id(DELETE_ATTACHMENT)

    @overload
    def upload(
        self: Attachments[Sync],
        file: Source,
        *,
        name: str | None = None,
        mime_type: str | None = None,
        progress: Progress | None = None,
    ) -> Attachment: ...
    @overload
    def upload(
        self: Attachments[Async],
        file: Source,
        *,
        name: str | None = None,
        mime_type: str | None = None,
        progress: Progress | None = None,
    ) -> Later[Attachment]: ...
    def upload(
        self,
        file: Source,
        *,
        name: str | None = None,
        mime_type: str | None = None,
        progress: Progress | None = None,
    ) -> Any:
        """Upload a file of 10 MB at most. It is sent block by block, and never held in memory as a whole.

        Args:
            file: A path, bytes, or a file that is open for reading bytes; that is sent from where it stands, by each
                attempt, and stays open.
            name: What it shall be called; without one, as the path or the open file is. Bytes need one.
            mime_type: Without one, what the name says.
            progress: True for a bar; or what is called with the bytes sent and those that there are, after each block,
                with AsyncStellary in another thread.

        Raises:
            TooLarge: The file is larger than 10 MB; nothing has been sent.
            TypeError: Nothing says what it shall be called.
        """

        def work(report: ReportProgress | None) -> Any:
            return self._caller.one(_UPLOAD, self._place, _NOTHING, Form(file, name, mime_type, report))

        return show_progress(progress, "upload", "B", work, awaits=self._awaits)

    @overload
    def blocks(self: Attachments[Sync], attachment: Id) -> Iterator[bytes]: ...
    @overload
    def blocks(self: Attachments[Async], attachment: Id) -> AsyncIterator[bytes]: ...
    def blocks(self, attachment: Id) -> Any:
        """The bytes of a file, up to 1 MB at a time. Each is asked for when it is wanted, and again if need be.

        Args:
            attachment: Its id, or the value that has it.
        """
        ask = self._parts(attachment)
        return _async_blocks(ask) if self._awaits else _blocks(ask)

    @overload
    def download_to(
        self: Attachments[Sync],
        attachment: Id,
        path: str | os.PathLike[str],
        *,
        progress: Progress | None = None,
    ) -> Path: ...
    @overload
    def download_to(
        self: Attachments[Async],
        attachment: Id,
        path: str | os.PathLike[str],
        *,
        progress: Progress | None = None,
    ) -> Later[Path]: ...
    def download_to(
        self, attachment: Id, path: str | os.PathLike[str], *, progress: Progress | None = None
    ) -> Any:
        """Download a file to a path. What is there is replaced once all of it has come, and stays if that fails.

        Args:
            attachment: Its id, or the value that has it.
            path: Of the file, not of a folder.
            progress: True for a bar; or what is called with the bytes that have come and those that there are.

        Returns:
            The path.
        """
        target = Target(Path(path))
        ask = self._parts(attachment)

        def work(report: ReportProgress | None) -> Any:
            if self._awaits:
                return _awaited(target, _async_blocks(ask, report))
            return _written(target, _blocks(ask, report))

        return show_progress(progress, "download", "B", work, awaits=self._awaits)

    def _parts(self, attachment: Id) -> Callable[[int], Any]:
        """Return a function that requests the part of a file from an offset on; see ``find_next_start``."""
        place = self._below(attachment_id=attachment)

        def ask(start: int) -> Any:
            at: Any = self.with_options(headers={"range": f"bytes={start}-{start + PART - 1}"})
            return at._caller.response(_DOWNLOAD, place, _NOTHING)  # noqa: SLF001 - of this class

        return ask


def _written(target: Target, blocks: Iterator[bytes]) -> Path:
    with target:
        for block in blocks:
            target.file.write(block)
    return target.path


async def _awaited(target: Target, blocks: AsyncIterator[bytes]) -> Path:
    import asyncio

    await asyncio.to_thread(target.__enter__)
    try:
        async for block in blocks:
            await asyncio.to_thread(target.file.write, block)
    except BaseException as error:
        target.__exit__(type(error), error, None)
        raise
    await asyncio.to_thread(target.__exit__, None, None, None)
    return target.path


def _blocks(ask: Callable[[int], Any], report: ReportProgress | None = None) -> Iterator[bytes]:
    start: int | None = 0
    while start is not None:
        response = ask(start)
        yield response.body
        if report is not None:
            report(*count_received(response, start))
        start = find_next_start(response, start)


async def _async_blocks(
    ask: Callable[[int], Any], report: ReportProgress | None = None
) -> AsyncIterator[bytes]:
    start: int | None = 0
    while start is not None:
        response = await ask(start)
        yield response.body
        if report is not None:
            report(*count_received(response, start))
        start = find_next_start(response, start)
