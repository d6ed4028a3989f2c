"""Examples of the docs: a test runs each example file, and each block of a page is part of an example."""

import re
from pathlib import Path

from tests.support.each_case import for_each

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
EXAMPLES = DOCS / "examples"
TESTS = "\0".join(
    text
    for path in (ROOT / "tests").rglob("*.py")
    if path != Path(__file__)
    for text in [path.read_text()]
    if any(word in text for word in ("example", "EXAMPLES", "import_host("))
)
PAGES = {path: path.read_text() for path in [*DOCS.rglob("*.md"), ROOT / "README.md"]}
# Pages whose blocks are run as they stand, from the first to the last, by the test that is named.
RUN_AS_THEY_STAND = {
    DOCS / "guides" / "sdk.md": "tests/client/test_guide.py",
    ROOT / "README.md": "tests/journeys/test_examples.py",
}
BLOCK = re.compile(r"^( *)```python[^\n]*\n(.*?)^\1```", re.DOTALL | re.MULTILINE)
PART = re.compile(r'--8<-- "examples/([\w./]+)(?::(\w+))?"')


def is_run_by(example: Path, tests: str) -> bool:
    """Return whether a test runs an example in one of the known ways."""
    *folders, _ = example.relative_to(EXAMPLES).parts
    if folders:
        name = folders[1] if folders[0] == "hosts" else folders[0]
        return any(
            f'{way}"{name}"' in tests
            for way in ("import_host(", "EXAMPLES / ", '"examples" / ', '"hosts" / ')
        )
    if any(text in tests for text in (f'example("{example.stem}"', f'"{example.name}"', f'/{example.name}"')):
        return True
    # Examples of embedding hosts are run by the name of the host.
    host = example.stem.removeprefix("embedding_")
    way = rf'^    "{host}": \[[^\0]*EXAMPLES / f"embedding_'
    return host != example.stem and re.search(way, tests, re.MULTILINE) is not None


@for_each("example", [path for path in EXAMPLES.rglob("*") if path.is_file() and path.suffix != ".pyc"])
def test_each_example_is_run_by_a_test(example: Path):
    assert is_run_by(example, TESTS)


@for_each("page", PAGES)
def test_each_block_of_a_page_is_part_of_an_example(page: Path):
    blocks = [block for _, block in BLOCK.findall(PAGES[page])]
    if page in RUN_AS_THEY_STAND:
        assert blocks
        assert "```python" in (ROOT / RUN_AS_THEY_STAND[page]).read_text()
        return
    for block in blocks:
        lines = [line for line in block.splitlines() if line.strip()]
        assert all(PART.fullmatch(line.strip()) for line in lines), f"not an example's: {block}"


@for_each("page", PAGES)
def test_each_snippet_of_a_page_exists(page: Path):
    for name, part in PART.findall(PAGES[page]):
        text = (EXAMPLES / name).read_text()
        assert not part or (f"[start:{part}]" in text and f"[end:{part}]" in text), f"{name}:{part}"


def test_example_without_a_test_is_detected():
    assert not is_run_by(EXAMPLES / "cards.py", 'example("team")\nimport cards')
    assert is_run_by(EXAMPLES / "cards.py", 'example("cards").main()')
    assert is_run_by(EXAMPLES / "cards.py", 'root / "docs" / "examples" / "cards.py"')
    assert not is_run_by(EXAMPLES / "hosts" / "rails" / "app.py", 'import_host("flask", "app")')
    assert is_run_by(EXAMPLES / "hosts" / "rails" / "app.py", 'import_host("rails", "app")')
