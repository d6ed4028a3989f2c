"""The README as the package's page: the wheel carries it without what only a checkout has."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
HOOK = PROJECT["tool"]["hatch"]["metadata"]["hooks"]["fancy-pypi-readme"]


def fragment(part: dict[str, str]) -> str:
    """A part of the page, as hatch-fancy-pypi-readme makes it."""
    if "text" in part:
        return part["text"]
    text = (ROOT / part["path"]).read_text()
    if "start-after" in part:
        text = text.split(part["start-after"], 1)[1]
    return text.split(part["end-before"], 1)[0] if "end-before" in part else text


def page() -> str:
    """The page that the wheel carries."""
    made = "".join(map(fragment, HOOK["fragments"]))
    for each in HOOK["substitutions"]:
        made = re.sub(each["pattern"], each["replacement"], made)
    return made


def test_no_link_of_the_page_is_relative():
    links = re.findall(r"\]\(([^)]*)\)|(?:src|href|srcset)=\"([^\"]*)\"", page())
    assert [link for pair in links for link in pair if link and not link.startswith("https://")] == []


def test_the_page_says_nothing_of_a_checkout():
    assert re.findall(r"dev\.py|docs/|CONTRIBUTING|checkout|<picture|\]\(", page()) == []


def test_the_page_installs_before_it_imports():
    assert 0 < page().index("pip install") < page().index("from stellary import")


def test_the_readme_installs_before_it_imports():
    readme = (ROOT / "README.md").read_text()
    assert 0 < readme.index(".venv/bin/python") < readme.index("from stellary import")


def test_the_source_distribution_has_what_the_page_is_made_of():
    included = PROJECT["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]
    assert {f"/{part['path']}" for part in HOOK["fragments"] if "path" in part} <= set(included)
