"""The wheel, installed alone and with each of its extras in new environments."""

import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server.processes import clean_environment

ROOT = Path(__file__).resolve().parents[2]
UV = ROOT / ".uv" / "bin" / "uv"

pytestmark = [pytest.mark.packaging, pytest.mark.slow("builds and installs the wheel")]

SDK_ALONE = {
    "anyio", "attrs", "cattrs", "certifi", "h11", "httpcore", "httpx", "idna", "orjson", "stellary",
    "typing-extensions",
}  # fmt: skip

EXTRAS = {
    "core": """
from stellary import Stellary
from stellary.core import Core
core = Core("sqlite://", bcrypt_rounds=4)
core.migrate()
client = Stellary.embedded(core.port(core.user(external_id="1", email="jane@example.com")))
client.organizations.create(name="Acme", slug="acme")
assert [organization.slug for organization in client.organizations.list()][-1] == "acme"
from stellary.asgi import AsgiApp
from stellary.wsgi import WsgiApp
AsgiApp(core), WsgiApp(core)
""",
    "postgres,core": """
from stellary.core import Core
Core("postgresql://localhost/unused").close()
""",
    "redis": """
from stellary.core.ports.redis_store import RedisStore
RedisStore("redis://localhost").close()
""",
    "oidc": """
from joserfc.jwk import KeySet
from reference_server.oidc import OidcProvider
from reference_server.settings import from_environment
settings = from_environment({"STELLARY_OIDC_ISSUER": "https://id.example.com", "STELLARY_OIDC_CLIENT_ID": "stellary"})
OidcProvider(settings.oidc, "https://pm.example.com/sign-in/oidc/callback")
""",
    "telemetry,core": """
import opentelemetry.trace
from stellary.core import Core
with_spans = Core("sqlite://")
assert len(with_spans.units.observers) == 1
""",
    "setup": """
from stellary.client import project_setup
assert project_setup.loads(b"project: {name: Launch}", ".yaml").project.name == "Launch"
""",
    "notebook": """
from stellary.client import display
from stellary.client.testing import example
from stellary.contract.cards import GET_CARD
assert "<" in example(GET_CARD)._repr_mimebundle_()["text/html"]
import rich, tqdm
""",
    "frames": """
from stellary.client import to_frame
import narwhals
try:
    to_frame([])
except ModuleNotFoundError as error:
    assert str(error) == "a frame needs pandas or polars, which is not installed: pip install pandas"
""",
    "cli": """
import subprocess, sys
from pathlib import Path
program = Path(sys.executable).with_name("stellary")
for words in (["--help"], ["card", "--help"]):
    assert "Usage" in subprocess.run([program, *words], capture_output=True, text=True, check=True).stdout
""",
    "agents": """
from pydantic_ai.models.function import FunctionModel
from stellary.core.agents.models import ModelBrain
ModelBrain().close()
""",
    "django": """
from django.conf import settings
settings.configure(
    SECRET_KEY="a key for the test of the wheel",
    INSTALLED_APPS=["stellary.contrib.django"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "db.sqlite3"}},
)
import django
from django.core.management import call_command
django.setup()
call_command("migrate", verbosity=0)
from stellary.contrib.django.models import Card
assert not Card.objects.exists()
""",
    "mcp": """
import mcp
from stellary.core.http.mcp import endpoint
""",
}
"""By extra, what must run where the wheel was installed with it."""
ENVIRONMENT = {
    **{name: text for name, text in clean_environment().items() if name != "PYTHONPATH"},
    "UV_PYTHON_DOWNLOADS": "never",
}
"""Without the path of the checkout, so that only the wheel is imported."""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel of this checkout."""
    directory = tmp_path_factory.mktemp("wheel")
    run(UV, "build", "--quiet", "--wheel", "--out-dir", directory, ROOT)
    (path,) = directory.glob("*.whl")
    return path


def run(*command: str | Path, cwd: Path = ROOT) -> str:
    """Run a program that must succeed, and return its output."""
    done = subprocess.run(command, cwd=cwd, env=ENVIRONMENT, capture_output=True, text=True)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def install(wheel: Path, directory: Path, extras: str = "") -> Path:
    """Return the interpreter of a new environment with the wheel and some of its extras."""
    run(UV, "venv", "--quiet", "--python", sys.executable, directory)
    python = directory / "bin" / "python"
    run(UV, "pip", "install", "--quiet", "--python", python, f"{wheel}[{extras}]" if extras else str(wheel))
    return python


@pytest.fixture(scope="module")
def sdk(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the interpreter of an environment with the wheel alone."""
    return install(wheel, tmp_path_factory.mktemp("sdk") / "venv")


@pytest.fixture(scope="module")
def server(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run a server from the wheel, and return its URL."""
    tmp_path = tmp_path_factory.mktemp("server")
    python = install(wheel, tmp_path / "venv", "server")
    command = [python, "-m", "reference_server", "--port", "0", "--data-dir", tmp_path / "data"]
    process = subprocess.Popen(command, cwd=tmp_path, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        lines = iter(process.stdout.readline, "")
        yield next(url[0] for line in lines if (url := re.search(r"http://[\w.]+:\d+", line)))
    finally:
        process.terminate()
        process.wait(30)
        process.stdout.close()


def test_the_sdk_alone_installs_little(sdk: Path):
    listed = run(UV, "pip", "freeze", "--python", sdk)
    assert {re.split(r"[ =@]", line)[0] for line in listed.splitlines()} == SDK_ALONE


def test_no_file_of_the_wheel_is_large(wheel: Path):
    with zipfile.ZipFile(wheel) as packed:
        assert [file.filename for file in packed.infolist() if file.file_size > 500_000] == []


def test_values_are_shown_and_described_from_within_the_wheel(wheel: Path, tmp_path: Path):
    code = f"""
import sys
sys.path.insert(0, {str(wheel)!r})
from stellary.client import display
from stellary.client.testing import example
from stellary.contract.labels import LIST_LABELS
from stellary.contract.openapi import document
assert "<" in example(LIST_LABELS)[0]._repr_mimebundle_()["text/html"]
assert document()["components"]["schemas"]["Error"]
"""
    run(sys.executable, "-c", code, cwd=tmp_path)


def test_the_sdk_alone_talks_to_a_server_from_the_wheel(sdk: Path, server: str, tmp_path: Path):
    code = f"""
from stellary import Stellary
client = Stellary.register({server!r}, "jane@example.com", "a-long-password", name="Jane Doe")
client.organizations.create(name="Acme", slug="acme")
client.organization("acme").workspaces.create(name="Engineering", slug="eng")
project = client.workspace("acme", "eng").projects.create(name="Launch")
print(project.key)
"""
    assert run(sdk, "-c", code, cwd=tmp_path) == "LAU\n"


def test_a_server_from_the_wheel_has_the_templates_of_its_pages(sdk: Path, server: str, tmp_path: Path):
    code = (
        f"import httpx; assert '<style>:root' in httpx.get({server + '/sign-in'!r}).raise_for_status().text"
    )
    run(sdk, "-c", code, cwd=tmp_path)


@pytest.mark.parametrize("extras", EXTRAS)
def test_each_extra_brings_what_it_is_for(wheel: Path, tmp_path: Path, extras: str):
    python = install(wheel, tmp_path / "venv", extras)
    run(python, "-W", "error::ImportWarning", "-c", EXTRAS[extras], cwd=tmp_path)


def test_every_extra_is_tested(wheel: Path, sdk: Path):
    code = "from importlib.metadata import metadata; print(*metadata('stellary').get_all('Provides-Extra'))"
    tried = {extra for extras in EXTRAS for extra in extras.split(",")} | {"server"}
    assert set(run(sdk, "-c", code).split()) == tried
