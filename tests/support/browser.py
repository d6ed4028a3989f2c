"""A headless Chromium, driven over the DevTools protocol: it opens pages and fills in forms."""

import asyncio
import json
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import ClientSession, ClientWebSocketResponse

PROGRAM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
"""The path of the browser; None if none is installed."""
SECONDS_MAX = 60.0
_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-extensions",
    "--disable-background-networking",
    "--remote-debugging-port=0",
)


class Page:
    """The page in a browser.

    Args:
        socket: The connection to the DevTools of the page.
    """

    def __init__(self, socket: ClientWebSocketResponse) -> None:
        self._socket = socket
        self._number = 0
        self._loads = 0

    async def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command, and return its result."""
        self._number += 1
        await self._socket.send_json({"id": self._number, "method": method, "params": parameters})
        while True:
            message = await self._receive()
            if message.get("id") == self._number:
                assert "error" not in message, message
                result: dict[str, Any] = message["result"]
                return result

    async def open(self, url: str) -> None:
        """Open a URL, and wait until it is loaded."""
        before = self._loads
        await self.send("Page.navigate", url=url)
        await self._wait_for_load(before)

    async def evaluate(self, script: str) -> Any:
        """Return the value of a script. Pages run none, but their content policy does not apply to the DevTools."""
        result = await self.send("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    async def read_text(self) -> str:
        """Return the visible text of the page."""
        text: str = await self.evaluate("document.body.innerText")
        return text

    async def fill_in(self, fields: dict[str, str], button: str) -> None:
        """Fill in the form that has a button, press the button, and wait for the next page.

        Args:
            fields: The text of each field, by its name.
            button: The text of the button or link.
        """
        before = self._loads
        script = """(fields, label) => {
            const buttons = [...document.querySelectorAll("button, a")];
            const button = buttons.find((element) => element.textContent.trim() === label);
            for (const [name, text] of Object.entries(fields)) button.form.elements[name].value = text;
            button.click();
        }"""
        await self.evaluate(f"({script})({json.dumps(fields)}, {json.dumps(button)})")
        await self._wait_for_load(before)

    async def _wait_for_load(self, before: int) -> None:
        while self._loads == before:
            await self._receive()

    async def _receive(self) -> dict[str, Any]:
        async with asyncio.timeout(SECONDS_MAX):
            message: dict[str, Any] = await self._socket.receive_json()
        self._loads += message.get("method") == "Page.loadEventFired"
        return message


@asynccontextmanager
async def open_browser() -> AsyncIterator[Page]:
    """Yield an empty page of a new browser, with a profile of its own."""
    assert PROGRAM is not None
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = await asyncio.create_subprocess_exec(
            PROGRAM,
            *_FLAGS,
            f"--user-data-dir={profile}",
            "about:blank",
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            url = await _read_devtools_url(process)
            async with ClientSession() as session:
                async with session.get(f"{url}/json/list") as response:
                    targets = await response.json(content_type=None)
                page_url = next(
                    target["webSocketDebuggerUrl"] for target in targets if target["type"] == "page"
                )
                async with session.ws_connect(page_url, max_msg_size=0) as socket:
                    page = Page(socket)
                    await page.send("Page.enable")
                    yield page
        finally:
            process.kill()
            await process.wait()


async def _read_devtools_url(process: asyncio.subprocess.Process) -> str:
    assert process.stderr is not None
    async with asyncio.timeout(SECONDS_MAX):
        async for line in process.stderr:
            if b"DevTools listening on ws://" in line:
                return "http://" + line.decode().split("ws://")[1].split("/")[0]
    raise RuntimeError("the browser has not started")
