"""What is meant by a name: exactly, without regard to case, nearly; and never one of two."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stellary.contract.errors import Invalid
from stellary.core.board.rules.name_matching import Candidate, first_names, resolve_one

STAGES = [
    Candidate("1", ("To Do",)),
    Candidate("2", ("Doing",)),
    Candidate("3", ("Done",)),
    Candidate("4", ("done",)),
]


def problem(said, things=STAGES, field="column"):
    with pytest.raises(Invalid) as error:
        resolve_one(said, things, field)
    return error.value


@pytest.mark.parametrize(
    ("said", "id"), [("1", "1"), ("To Do", "1"), ("to  do", "1"), ("todo", "1"), ("Done", "3"), ("done", "4")]
)
def test_the_best_reading_is_meant(said, id):
    assert resolve_one(said, STAGES, "column") == id


ACCENTS = [
    Candidate("1", ("Öl",)),
    Candidate("2", ("Übergröße",)),
    Candidate("3", ("Café",)),
    Candidate("4", ("CAFÉ",)),
]


@pytest.mark.parametrize(
    ("said", "id"),
    [("ol", "1"), ("ubergrosse", "2"), ("UBERGROSE", "2"), ("Cafe\u0301", None), ("CAFÉ", "4")],
)
def test_accents_need_not_be_said(said, id):
    if id is None:
        assert problem(said, ACCENTS).code == "ambiguous_name"
    else:
        assert resolve_one(said, ACCENTS, "column") == id


def test_between_two_nothing_is_guessed():
    error = problem("DONE")
    assert error.message == "column 'DONE' could be 'Done' (3), 'done' (4): give an id"
    assert error.code == "ambiguous_name"


def test_of_many_that_could_be_meant_five_are_told():
    twins = [Candidate(str(n), ("Ship",)) for n in range(7)]
    assert problem("Ship", twins).message.endswith("'Ship' (4) and 2 more: give an id")


def test_name_that_nothing_has_is_answered_with_the_nearest_five():
    things = [Candidate(str(n), (name,)) for n, name in enumerate(("Ship", "Arch", "Done", "a", "b", "c"))]
    assert problem("Archive", things).message == (
        "column must be the id of something that is there, or its name; 'Archive' is neither, "
        "the nearest are 'Arch' (1), 'Ship' (0), 'a' (3), 'c' (5), 'Done' (2) and 1 more"
    )


def test_id_of_what_is_not_there_gets_the_fixed_answer():
    assert problem("0" * 24).message == "column must be the id of something that is there"
    assert problem("Archive", []).message == "column must be the id of something that is there"


PEOPLE = [
    Candidate("1", ("Jane Doe", "jd@example.com"), first_names("Jane Doe")),
    Candidate("2", ("Rob Ray", "rr@example.com"), first_names("Rob Ray")),
    Candidate("3", ("Rob Roy", "roy@example.com"), first_names("Rob Roy")),
    Candidate("4", ("Ana", "ana@example.com"), first_names("Ana")),
    Candidate("5", ("Áña Lee", "lee@example.com"), first_names("Áña Lee")),
]


@pytest.mark.parametrize(
    ("said", "id"), [("Jane", "1"), ("JANE", "1"), ("Rob Ray", "2"), ("Ana", "4"), ("ana", "4")]
)
def test_unique_first_name_is_meant(said, id):
    assert resolve_one(said, PEOPLE, "assigneeId") == id


def test_address_that_is_nearly_right_is_nobodys():
    assert "'Jane Doe' (1)" in problem("ja@example.com", PEOPLE).message


def test_first_name_of_two_is_answered_with_both():
    message = "assigneeId 'Rob' could be 'Rob Ray' (2), 'Rob Roy' (3): give an id"
    assert problem("Rob", PEOPLE, "assigneeId").message == message


@given(st.text(max_size=12), st.lists(st.text(min_size=1, max_size=12), max_size=6))
def test_whatever_is_said_one_thing_is_meant_or_none(said, names):
    things = [Candidate(str(n), (name,)) for n, name in enumerate(names)]
    try:
        found = resolve_one(said, things, "column")
    except Invalid:
        return
    exact = [thing.id for thing in things if said in (thing.id, *thing.names)]
    assert found in exact or not exact
