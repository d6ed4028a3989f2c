"""A language server, spoken to as an editor does: over standard input and output, with JSON-RPC."""

import json
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Self


class LanguageServer:
    """A language server process.

    Args:
        command: The program and its arguments.
        root: The folder that is open in the editor.
        settings: Settings of the server.

    Attributes:
        diagnostics: The last diagnostics of each document, by URI.
    """

    def __init__(self, command: Iterable[str | Path], root: Path, settings: object = None) -> None:
        self.diagnostics: dict[str, list[dict[str, Any]]] = {}
        self._process = subprocess.Popen(
            [str(part) for part in command],
            cwd=root,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self._last_id = 0
        capabilities = {
            "textDocument": {
                "hover": {"contentFormat": ["plaintext"]},
                "signatureHelp": {"signatureInformation": {"documentationFormat": ["plaintext"]}},
                "publishDiagnostics": {},
            },
            "workspace": {"configuration": True, "workspaceFolders": True},
        }
        folder = {"uri": root.as_uri(), "name": root.name}
        self.request(
            "initialize",
            processId=None,
            rootUri=root.as_uri(),
            workspaceFolders=[folder],
            capabilities=capabilities,
            initializationOptions=settings,
        )
        self.notify("initialized")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.request("shutdown")
            self._send({"method": "exit"})
            self._process.wait(10)
        finally:
            self._process.kill()
            self._process.communicate()

    def open(self, path: Path, text: str) -> str:
        """Open a document, which need not be on the disk, and return its URI."""
        uri = path.as_uri()
        document = {"uri": uri, "languageId": "python", "version": 1, "text": text}
        self.notify("textDocument/didOpen", textDocument=document)
        return uri

    def wait_for_diagnostics(self, uri: str) -> list[dict[str, Any]]:
        """Return the diagnostics of a document as soon as the server has checked it."""
        while uri not in self.diagnostics:
            self._handle(self._receive())
        return self.diagnostics[uri]

    def ask_at(self, method: str, uri: str, line: int, character: int) -> Any:
        """Return the result of a request about a position, such as ``textDocument/hover``."""
        position = {"line": line, "character": character}
        return self.request(method, textDocument={"uri": uri}, position=position)

    def request(self, method: str, **params: Any) -> Any:
        """Send a request, and return its result."""
        self._last_id += 1
        self._send({"id": self._last_id, "method": method} | ({"params": params} if params else {}))
        while True:
            message = self._receive()
            if message.get("id") == self._last_id and "method" not in message:
                assert "error" not in message, message["error"]
                return message["result"]
            self._handle(message)

    def notify(self, method: str, **params: Any) -> None:
        """Send a notification, which has no result."""
        self._send({"method": method, "params": params})

    def _handle(self, message: dict[str, Any]) -> None:
        """Store diagnostics, and answer the requests of the server."""
        if message.get("method") == "textDocument/publishDiagnostics":
            self.diagnostics[message["params"]["uri"]] = message["params"]["diagnostics"]
        elif "id" in message and "method" in message:
            items = message["params"].get("items") if message["method"] == "workspace/configuration" else None
            self._send({"id": message["id"], "result": None if items is None else [{} for _ in items]})

    def _send(self, message: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        self._process.stdin.flush()

    def _receive(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        length = 0
        while line := self._process.stdout.readline().strip():
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        assert length, "the language server has ended"
        return json.loads(self._process.stdout.read(length))
