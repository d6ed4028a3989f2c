"""A headless Chromium, driven over the DevTools protocol: it opens pages, fills in forms, and checks pages with axe."""

import asyncio
import json
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, ClientWebSocketResponse

PROGRAM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
"""The path of the browser; None if none is installed."""
AXE = Path(__file__).parents[2] / ".axe/node_modules/axe-core/axe.min.js"
IS_INSTALLED = PROGRAM is not None and AXE.exists()
NOT_INSTALLED = "Chromium or axe-core is not installed: python3 dev.py services installs them"
SECONDS_MAX = 60.0
_FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"),
    *("--disable-extensions", "--disable-background-networking", "--remote-debugging-port=0"),
)


class Page:
    """The page in a browser.

    Args:
        socket: The connection to the DevTools of the page.

    Attributes:
        loads: The number of pages that it has loaded.
    """

    def __init__(self, socket: ClientWebSocketResponse) -> None:
        self._socket = socket
        self._number = 0
        self.loads = 0

    async def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command, and return its result."""
        self._number += 1
        await self._socket.send_json({"id": self._number, "method": method, "params": parameters})
        while True:
            message = await self._receive()
            if message.get("id") == self._number:
                assert "error" not in message, message
                return message["result"]

    async def open(self, url: str) -> None:
        """Open a URL, and wait until it is loaded."""
        before = self.loads
        await self.send("Page.navigate", url=url)
        await self.wait_for_load(before)

    async def evaluate(self, script: str) -> Any:
        """Return the value of a script. Pages run none, but their content policy does not apply to the DevTools."""
        result = await self.send("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    async def emulate(self, width: int, scheme: str) -> None:
        """Show pages on a screen of this width, in the colour scheme ``light`` or ``dark``."""
        scheme_feature = {"name": "prefers-color-scheme", "value": scheme}
        await self.send("Emulation.setEmulatedMedia", features=[scheme_feature])
        screen = {"width": width, "height": 844, "deviceScaleFactor": 1, "mobile": width < 600}
        await self.send("Emulation.setDeviceMetricsOverride", **screen)

    async def press(self, key: str, text: str = "") -> None:
        """Press a key of the keyboard, which types a text."""
        for kind in ("keyDown", "keyUp"):
            typed = {"text": text} if text and kind == "keyDown" else {}
            code = {"Tab": 9, "Enter": 13, " ": 32}[key]
            event = {"type": kind, "key": key, "windowsVirtualKeyCode": code, **typed}
            await self.send("Input.dispatchKeyEvent", **event)

    async def find_violations(self) -> list[str]:
        """Return what axe finds on the page, with all of its rules, each with the first element."""
        await self.evaluate(AXE.read_text())
        script = "axe.run().then(found => found.violations.map(rule => `${rule.id}: ${rule.nodes[0].html}`))"
        return await self.evaluate(script)

    async def read_text(self) -> str:
        """Return the visible text of the page."""
        return await self.evaluate("document.body.innerText")

    async def fill_in(self, fields: dict[str, str], button: str) -> None:
        """Fill in the form that has a button, press the button, and wait for the next page.

        Args:
            fields: The text of each field, by its name.
            button: The text of the button or link.
        """
        before = self.loads
        script = """(fields, label) => {
            const buttons = [...document.querySelectorAll("button, a")];
            const button = buttons.find((element) => element.textContent.trim() === label);
            for (const [name, text] of Object.entries(fields)) button.form.elements[name].value = text;
            button.click();
        }"""
        await self.evaluate(f"({script})({json.dumps(fields)}, {json.dumps(button)})")
        await self.wait_for_load(before)

    async def wait_for_load(self, before: int) -> None:
        """Wait until more pages have been loaded than before."""
        while self.loads == before:
            await self._receive()

    async def _receive(self) -> dict[str, Any]:
        async with asyncio.timeout(SECONDS_MAX):
            message: dict[str, Any] = await self._socket.receive_json()
        self.loads += message.get("method") == "Page.loadEventFired"
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
