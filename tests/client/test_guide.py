"""The guide to the SDK: its code runs from the first line to the last against the real core."""

import re
from pathlib import Path

import httpx
import respx

import stellary
from stellary import Stellary
from stellary.client import PortTransport
from stellary.core import Core
from tests.support.colours import create_workspace

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "sdk.md"


def test_the_code_of_the_guide_runs(sqlite_url, capsys):
    core = Core(sqlite_url, bcrypt_rounds=4)
    with httpx.Client(transport=PortTransport(core.port())) as http, respx.mock as router:
        account = ("http://localhost:3001", "jane@example.com", "a long password")
        jane = Stellary.register(*account, http_client=http)
        create_workspace(jane)
        reached = PortTransport(core.port())
        router.route(host="localhost").mock(side_effect=reached.handle_request)
        names = {"token": jane._caller.credentials.token, "core": core}
        for code in re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL):
            exec(compile(code, str(GUIDE), "exec"), names)
        names["client"].close()
    output = capsys.readouterr().out
    assert "404 Not Found: " in output
    assert "[('title', 'must be 1 to 500 characters')]" in output
    core.close()


def test_guide_mentions_every_error():
    words = set(re.findall(r"\w+", GUIDE.read_text()))
    kinds = {name for name in stellary.__all__ if isinstance(getattr(stellary, name), type)}
    errors = {name for name in kinds if issubclass(getattr(stellary, name), stellary.StellaryError)}
    # No method causes a 405; the others are bases of errors that the guide mentions.
    assert errors - words == {"MethodNotAllowed", "Unanswered", "EndlessPages"}
