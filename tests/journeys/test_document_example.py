"""The example of documents runs over HTTP, on both databases."""

import pytest

from stellary.core import Core
from tests.journeys.test_examples import example
from tests.server.running import running


def test_documents(core: Core, capsys: pytest.CaptureFixture[str]):
    with running(core) as server:
        example("documents").main(f"http://127.0.0.1:{server.port}")

    assert capsys.readouterr().out.splitlines() == [
        "the current version is 2",
        "Jane Doe: @Rob Roe, is this what you mean?",
        "Rob Roe: Nearly.",
        "authors cannot approve their own documents",
        "2: approved by Rob Roe",
        "1: changes_requested by Rob Roe",
    ]
