"""Keys of projects."""

import itertools
import re

from hypothesis import given
from hypothesis import strategies as st

from stellary.core.board.rules.keys import find_free_key, suggest_keys
from tests.support.each_case import for_each


@for_each(
    "name, key",
    [
        ("Q1 Launch", "QL"),
        ("Website", "WEB"),
        ("Go", "GO"),
        ("The quick brown fox jumps over it", "TQBFJO"),
        ("Élan vital", "EV"),
        ("x", "PRO"),
        ("2026", "PRO"),
        ("日本語", "PRO"),
    ],
)
def test_key_resembles_the_name(name, key):
    assert find_free_key(name, ()) == key


def test_second_project_of_a_name_gets_a_longer_key():
    assert find_free_key("Website", {"WEB"}) == "WEBS"


def test_key_is_found_however_many_are_taken():
    taken_keys = set(itertools.islice(suggest_keys("Q1 Launch"), 5_000))
    assert find_free_key("Q1 Launch", taken_keys) not in taken_keys


@given(st.text(max_size=100))
def test_every_suggestion_is_2_to_6_capitals(name):
    for key in itertools.islice(suggest_keys(name), 100):
        assert re.fullmatch("[A-Z]{2,6}", key)
