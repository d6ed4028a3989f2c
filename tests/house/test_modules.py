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

MODULES = sorted(
    path.relative_to(ROOT)
    for package in ("stellary", "reference_server")
    for path in (ROOT / package).rglob("*.py")
    if "versions" not in path.parts
)


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_module_length_is_limited(path):
    assert len((ROOT / path).read_text().splitlines()) <= LINES_MAX


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_module_has_a_docstring(path):
    assert ast.get_docstring(ast.parse((ROOT / path).read_text()))


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_module_name_is_not_generic(path):
    assert not DRAWERS & {part.strip("_") for part in path.with_suffix("").parts}
