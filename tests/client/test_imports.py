"""The modules that each import loads, and the names of the package."""

import ast
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import stellary
import stellary.client
from tests.support.each_case import for_each

HEAVY = {
    *("httpx", "sqlalchemy", "aiohttp", "attrs", "cattrs", "orjson", "typing", "asyncio"),
    "importlib.metadata",
}


def loaded_by(code: str) -> set[str]:
    program = f"import sys; sys.path[:] = {sys.path!r}\n{code}\nprint(*sys.modules)"
    command = [sys.executable, "-S", "-c", program]
    process = subprocess.run(command, capture_output=True, text=True, check=True)
    return set(process.stdout.split())


def test_the_package_alone_loads_nothing():
    loaded = loaded_by("import stellary")
    assert loaded & HEAVY == set()
    assert {name for name in loaded if name.startswith("stellary.")} == set()


def test_an_embedded_client_loads_no_http():
    code = "from stellary import Stellary\nfrom stellary.client.testing import RecordingPort\n"
    loaded = loaded_by(code + "Stellary.embedded(RecordingPort()).auth.me()")
    assert loaded & {"httpx", "sqlalchemy", "aiohttp"} == set()


def test_a_client_loads_only_the_resources_that_are_used():
    loaded = loaded_by("from stellary import Stellary\nStellary('http://a').workspace('b', 'c')")
    resources = {"cards", "columns", "comments", "labels", "notifications", "checklists", "projects"}
    folders = ("methods", "resources")
    assert {
        f"stellary.client.{folder}.{resource}" for folder in folders for resource in resources
    } & loaded == set()
    assert "stellary.client.methods.workspaces" in loaded
    assert loaded & {"sqlalchemy", "aiohttp", "stellary.client.display"} == set()


def test_blocking_client_loads_no_event_loop():
    assert "asyncio" not in loaded_by("from stellary import Stellary\nStellary('http://a').organizations")


@for_each("name", stellary.__all__)
def test_every_name_of_the_package_is_there(name):
    assert getattr(stellary, name) is not None
    assert name in dir(stellary)


@for_each("name", stellary.client.__all__)
def test_every_name_of_the_client_is_there(name):
    assert getattr(stellary.client, name) is not None


def test_type_checkers_read_the_same_names():
    tree = ast.parse(Path(stellary.__file__).read_text())
    (block,) = [node for node in tree.body if isinstance(node, ast.If)]
    read = {alias.name: node.module for node in block.body for alias in node.names}
    assert read == stellary._HOMES


@pytest.mark.parametrize("module", [stellary, stellary.client])
def test_type_checkers_read_the_list_of_names(module):
    tree = ast.parse(Path(module.__file__).read_text())
    (names,) = [
        node.value for node in tree.body if isinstance(node, ast.Assign) and "__all__" in ast.unparse(node)
    ]
    # They ignore a list that is computed, and then `from stellary import *` has no names for mypy.
    assert set(ast.literal_eval(names)) == vars(module).get("_HOMES", module._MODULES).keys() - {
        "__version__"
    }


@pytest.mark.parametrize("module", [stellary, stellary.client])
def test_no_other_name_is_there(module):
    with pytest.raises(AttributeError, match="has no attribute 'Stelary'"):
        _ = module.Stelary


def test_the_version_is_that_of_the_package():
    assert stellary.__version__ == version("stellary")
