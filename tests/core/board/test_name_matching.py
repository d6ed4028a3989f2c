"""Name matching: exact, or without regard to case, blanks and accents; never another name, never one of two candidates."""

from unicodedata import combining, normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stellary.contract.errors import Invalid
from stellary.core.board.rules.name_matching import Candidate, find_matches, first_names, resolve_one
from tests.support.each_case import for_each

STAGES = [
    Candidate("1", ("To Do",)),
    Candidate("2", ("Doing",)),
    Candidate("3", ("Done",)),
    Candidate("4", ("done",)),
]


def problem(name, things=STAGES, field="column"):
    with pytest.raises(Invalid) as error:
        resolve_one(name, things, field)
    return error.value


@for_each("name, id", [("1", "1"), ("To Do", "1"), (" to  do ", "1"), ("Done", "3"), ("done", "4")])
def test_best_match_wins(name, id):
    assert resolve_one(name, STAGES, "column") == id


ACCENTS = [
    Candidate("1", ("Öl",)),
    Candidate("2", ("Übergröße",)),
    Candidate("3", ("Café",)),
    Candidate("4", ("CAFÉ",)),
    Candidate("5", ("Мой",)),
    Candidate("6", ("कि",)),
    Candidate("7", ("Άλφα",)),
    Candidate("8", ("jörg@example.com",)),
]


@for_each(
    "name, id",
    [
        ("ol", "1"),
        ("ubergrosse", "2"),
        ("UBERGROSSE", "2"),
        ("Cafe\u0301", None),
        ("cafe", None),
        ("CAFÉ", "4"),
        ("мой", "5"),
        ("αλφα", "7"),
    ],
)
def test_accents_are_optional(name, id):
    if id is None:
        assert problem(name, ACCENTS).code == "ambiguous_name"
    else:
        assert resolve_one(name, ACCENTS, "column") == id


@for_each("name", ["мои", "क", "jorg@example.com", "Jörg@example.com", "cafés", "ö"])
def test_other_letters_are_another_name(name):
    assert find_matches(name, ACCENTS) == []


def test_ambiguous_name_is_refused():
    error = problem("DONE")
    assert error.message == "column 'DONE' could be 'Done' (3), 'done' (4): give an id"
    assert error.code == "ambiguous_name"


def test_error_lists_at_most_five_candidates():
    twins = [Candidate(str(n), ("Ship",)) for n in range(7)]
    assert problem("Ship", twins).message.endswith("'Ship' (4) and 2 more: give an id")


def test_error_for_an_unknown_name_lists_the_nearest_five():
    things = [Candidate(str(n), (name,)) for n, name in enumerate(("Ship", "Arch", "Done", "a", "b", "c"))]
    assert problem("Archive", things).message == (
        "column must be the id or the name of an existing item; 'Archive' is neither; "
        "the most similar names are 'Arch' (1), 'Ship' (0), 'a' (3), 'c' (5), 'Done' (2) and 1 more"
    )


def test_unknown_id_gets_the_fixed_message():
    assert problem("0" * 24).message == "column must be the id of an existing item"
    assert problem("Archive", []).message == "column must be the id of an existing item"


PEOPLE = [
    Candidate("1", ("Jane Doe", "jd@example.com"), first_names("Jane Doe")),
    Candidate("2", ("Rob Ray", "rr@example.com"), first_names("Rob Ray")),
    Candidate("3", ("Rob Roy", "roy@example.com"), first_names("Rob Roy")),
    Candidate("4", ("Ana", "ana@example.com"), first_names("Ana")),
    Candidate("5", ("Áña Lee", "lee@example.com"), first_names("Áña Lee")),
]


@for_each("name, id", [("Jane", "1"), ("JANE", "1"), ("Rob Ray", "2"), ("Ana", "4"), ("ana", "4")])
def test_unique_first_name_matches(name, id):
    assert resolve_one(name, PEOPLE, "assigneeId") == id


def test_similar_email_address_does_not_match():
    assert "'Jane Doe' (1)" in problem("ja@example.com", PEOPLE).message


def test_error_for_a_shared_first_name_lists_both_people():
    message = "assigneeId 'Rob' could be 'Rob Ray' (2), 'Rob Roy' (3): give an id"
    assert problem("Rob", PEOPLE, "assigneeId").message == message


NAMES = ("Client A", "Spec v2", "Done", "Ända", "v1.2", "Anna Berg", "Anne Bo")


def misspell(name):
    """Return every text that differs from a name by one inserted, deleted, replaced or swapped letter."""
    cuts = [(name[:index], name[index:]) for index in range(len(name) + 1)]
    changed = {
        start + new + end[old:]
        for start, end in cuts
        for new in ("", "e", "A", "é", "1", " ")
        for old in (0, 1)
    }
    return changed | {start + end[1] + end[0] + end[2:] for start, end in cuts if len(end) > 1}


def spell_plainly(name):
    return "".join(c for c in normalize("NFD", " ".join(name.casefold().split())) if not combining(c))


@pytest.mark.slow("tries each pair of letters")
def test_a_name_with_two_other_letters_is_never_another_item():
    items = [Candidate(name, (name,), first_names(name) if "Ann" in name else ()) for name in NAMES]
    spellings = {spell_plainly(name): name for name in NAMES} | {"anna": "Anna Berg", "anne": "Anne Bo"}
    for name in NAMES:
        once = misspell(name)
        for text in once.union(*map(misspell, once)):
            expected = [spellings[plain]] if (plain := spell_plainly(text)) in spellings else []
            assert [item.id for item in find_matches(text, items)] == expected, text


@given(st.text(max_size=12), st.lists(st.text(min_size=1, max_size=12), max_size=6))
def test_any_name_resolves_to_one_candidate_or_fails(name, names):
    things = [Candidate(str(n), (name,)) for n, name in enumerate(names)]
    try:
        id = resolve_one(name, things, "column")
    except Invalid:
        return
    exact = [thing.id for thing in things if name in (thing.id, *thing.names)]
    assert id in exact or not exact
