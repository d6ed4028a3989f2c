"""The mutants: each can be tried, and those that no test notices are named."""

import pytest

from tests.support.each_case import for_each
from tools import mutants
from tools.mutants import ROOT, TABLE, find_problems, load_mutants

SHOP = """
def is_adult(age):
    return age >= 18

def is_child(age):
    return age < 18
"""
TESTS = """
import shop

def test_ages():
    assert shop.is_adult(18)
    assert shop.is_child(17)
"""


@pytest.fixture
def shop(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    (tmp_path / "tests").mkdir()
    (tmp_path / "shop.py").write_text(SHOP)
    (tmp_path / "tests" / "test_shop.py").write_text(TESTS)

    def plant(*rows):
        table = ["path\tsnippet\tmutant\ttests", *("\t".join(("shop.py", *row)) for row in rows)]
        (tmp_path / TABLE).write_text("\n".join(table) + "\n")
        return tmp_path

    return plant


KILLED = ("age >= 18", "age > 18", "tests/test_shop.py::test_ages")
SURVIVOR = ("age < 18", "age <= 18", "tests/test_shop.py")


@pytest.mark.slow("reads all sources")
def test_each_mutant_can_be_tried():
    table = load_mutants(ROOT)
    assert find_problems(ROOT, table) == []
    assert len({(mutant.path, mutant.snippet, mutant.mutated) for mutant in table}) == len(table) >= 400


@pytest.mark.slow("runs tests in processes")
def test_survivors_are_named(shop, capsys):
    with pytest.raises(SystemExit, match="the tests must kill 92%"):
        mutants.main([], shop(KILLED, SURVIVOR))
    assert capsys.readouterr().out.splitlines() == [
        "survived: shop.py: age < 18  ->  age <= 18",
        "1 of 2 mutants killed: 50.0%",
    ]


@pytest.mark.slow("runs tests in processes")
def test_tests_that_fail_without_a_mutant_kill_nothing(shop):
    root = shop(KILLED)
    (root / "shop.py").write_text(SHOP.replace("age < 18", "age < 17"))
    with pytest.raises(SystemExit, match="tests fail without a mutant"):
        mutants.main([], root)


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (("age > 18", "age", "tests"), "the snippet must be there once, not 0 times"),
        (("return age", "return", "tests"), "the snippet must be there once, not 2 times"),
        (("age < 18", "age < 18", "tests"), "the mutant changes nothing"),
        ((*KILLED[:2], "tests/test_shop.py::test_age"), "there is no test tests/test_shop.py::test_age"),
        ((*KILLED[:2], "tests/test_shops.py"), "there is no test tests/test_shops.py"),
        ((*KILLED[:2], ""), "there is no test"),
    ],
)
def test_mutant_that_cannot_be_tried_is_refused(shop, row, problem):
    with pytest.raises(SystemExit, match=f": {problem}$"):
        mutants.main([], shop(KILLED, row))


@for_each("arguments", ["--area cor", "--area core/board/rules", "-n 0", "-n -1", "--area core --area x"])
def test_empty_choice_is_refused(arguments):
    table = [mutants.Mutant("stellary/core/board/rules/x.py", "a", "b", ())]
    with pytest.raises(SystemExit, match=r"there is no area|nothing is selected"):
        mutants.choose(ROOT, table, mutants.parse_options(arguments.split()))


@for_each(
    "arguments, chosen",
    [
        (["--area", "core"], ["core/board", "core/trash"]),
        (["--area", "core/board", "--area", "client"], ["client", "core/board"]),
        (["--area", "stellary"], ["stellary"]),
        (["-n", "2"], ["client", "core/trash"]),
    ],
)
def test_mutants_are_chosen_by_area_and_number(arguments, chosen):
    paths = ["client/calling/call.py", "core/board/rules/x.py", "core/trash/trash.py", "wsgi.py"]
    table = [mutants.Mutant(f"stellary/{path}", "a", "b", ()) for path in paths]
    options = mutants.parse_options(arguments)
    assert [mutant.area for mutant in mutants.choose(ROOT, table, options)] == chosen
