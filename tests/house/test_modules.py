"""The length, the docstring and the name of each module."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINES_MAX = 600
"""Modules stay near 400 lines; one that is cohesive may be longer."""
# Names that say nothing: whatever is put there belongs where it is used, or to something that has a name.
DRAWERS = {"utils", "util", "helpers", "helper", "common", "manager", "managers", "misc"}

MODULES = {
    path.relative_to(ROOT): path.read_text()
    for package in ("stellary", "reference_server")
    for path in (ROOT / package).rglob("*.py")
    if "versions" not in path.parts
}
"""The text of each module."""


def test_length_of_each_module_is_limited():
    lengths = {str(path): len(text.splitlines()) for path, text in MODULES.items()}
    assert {path: length for path, length in lengths.items() if length > LINES_MAX} == {}


@pytest.mark.slow("reads all sources")
def test_each_module_has_a_docstring():
    assert [str(path) for path, text in MODULES.items() if not ast.get_docstring(ast.parse(text))] == []


def test_no_module_name_is_generic():
    names = {str(path): {part.strip("_") for part in path.with_suffix("").parts} for path in MODULES}
    assert names
    assert [path for path, parts in names.items() if DRAWERS & parts] == []
