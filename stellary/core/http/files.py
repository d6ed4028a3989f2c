"""File transfers: large bodies in both directions, block by block, with disk access in threads."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing, asynccontextmanager

from stellary.contract.errors import ApiError
from stellary.contract.port import RawRequest
from stellary.core import Core
from stellary.core.api import dispatch
from stellary.core.api.dispatch import ServiceResponse
from stellary.core.api.uploads import FORM_MAX, Upload, too_large
from stellary.core.http.body import body_blocks
from stellary.core.http.context import RequestContext
from stellary.core.http.threads import Threads

_log = logging.getLogger("stellary.server")

SEND_SECONDS = 300.0
"""The seconds after which a client must have received a whole file."""
SWEEP_SECONDS = 3600.0


class LiveBlocks(Iterator[bytes]):
    """The blocks of a body that arise on the event loop, so that no thread waits for them.

    Attributes:
        arriving: Yields the blocks.
    """

    def __init__(self, arriving: AsyncGenerator[bytes]) -> None:
        self.arriving = arriving

    def __next__(self) -> bytes:
        raise TypeError("these blocks arise on the event loop: iterate over `arriving`")


class Files:
    """The uploads and downloads of a core.

    Args:
        core: The core.
        threads: The threads for units and files.
    """

    def __init__(self, core: Core, threads: Threads) -> None:
        self._core = core
        self._threads = threads

    async def receive(self, context: RequestContext) -> ServiceResponse:
        """Answer an upload, after the caller has been admitted.

        Raises:
            ApiError: The body is too large or too slow, or is not a form with a file.
        """
        raw = context.to_raw_request()
        if (context.content_length or 0) > FORM_MAX:
            raise too_large()
        upload = Upload(raw.headers.get("content-type", ""))
        try:
            async for block in body_blocks(context):
                await self._threads.files.run(lambda block=block: upload.feed(block))  # type: ignore[misc]
            storing = self._threads.files.run(lambda: self._store_upload(context, raw, upload))
        except BaseException:
            upload.close()
            raise
        return await storing

    def _store_upload(self, context: RequestContext, raw: RawRequest, upload: Upload) -> ServiceResponse:
        with upload:
            return dispatch.answer(
                self._core.units, raw, context.host_actor, match=context.match, upload=upload
            )

    async def send(self, blocks: Iterator[bytes], write: Callable[[bytes], Awaitable[object]]) -> bool:
        """Send a file, after the headers of its response.

        Args:
            blocks: The file.
            write: Sends a block, and waits while the client is slow.

        Returns:
            Whether the whole file was sent. If not, break off the connection, so that the client notices.
        """
        try:
            async with asyncio.timeout(SEND_SECONDS):
                if isinstance(blocks, LiveBlocks):
                    async with aclosing(blocks.arriving) as arriving:
                        async for arrived in arriving:
                            await write(arrived)
                    return True
                while (block := await self._threads.files.run(lambda: next(blocks, None))) is not None:
                    await write(block)
        except (ApiError, FileNotFoundError, TimeoutError) as error:
            _log.warning("a download broke off: %s: %s", type(error).__name__, error)
            return False
        return True

    @asynccontextmanager
    async def sweeping(self) -> AsyncIterator[None]:
        """Delete unused files and old rows now and then every hour, while the context is open."""
        task = asyncio.create_task(self._sweep_hourly())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait({task})

    async def _sweep_hourly(self) -> None:
        while True:
            try:
                swept = await self._threads.files.run(self._core.sweep)
            except Exception as error:  # noqa: BLE001 - any error is logged, and the sweep is repeated
                _log.warning(
                    "unused files and old rows could not be deleted: %s: %s", type(error).__name__, error
                )
            else:
                if swept:
                    _log.info("deleted %d files that no attachment refers to", swept)
            await asyncio.sleep(SWEEP_SECONDS)
