"""The README as the package's page: in the wheel it omits parts that need a checkout."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
HOOK = PROJECT["tool"]["hatch"]["metadata"]["hooks"]["fancy-pypi-readme"]


def fragment(part: dict[str, str]) -> str:
    """Return a part of the page, as hatch-fancy-pypi-readme builds it."""
    if "text" in part:
        return part["text"]
    text = (ROOT / part["path"]).read_text()
    if "start-after" in part:
        text = text.split(part["start-after"], 1)[1]
    return text.split(part["end-before"], 1)[0] if "end-before" in part else text


def page() -> str:
    """Return the page of the wheel."""
    text = "".join(map(fragment, HOOK["fragments"]))
    for substitution in HOOK["substitutions"]:
        text = re.sub(substitution["pattern"], substitution["replacement"], text)
    return text


def test_no_link_of_the_page_is_relative():
    links = re.findall(r"\]\(([^)]*)\)|(?:src|href|srcset)=\"([^\"]*)\"", page())
    assert [link for pair in links for link in pair if link and not link.startswith("https://")] == []


def test_page_does_not_mention_a_checkout():
    assert re.findall(r"dev\.py|docs/|CONTRIBUTING|checkout|<picture|\]\(", page()) == []


def test_the_page_installs_before_it_imports():
    assert 0 < page().index("pip install") < page().index("from stellary import")


def test_the_readme_installs_before_it_imports():
    readme = (ROOT / "README.md").read_text()
    assert 0 < readme.index(".venv/bin/python") < readme.index("from stellary import")


def test_source_distribution_contains_the_sources_of_the_page():
    included = PROJECT["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]
    assert {f"/{part['path']}" for part in HOOK["fragments"] if "path" in part} <= set(included)
