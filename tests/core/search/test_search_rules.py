"""How texts are compared, and what is shown of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stellary.core.search.rules import fold, make_snippet, parse_terms
from tests.support.cpu_time import measure_cpu_time


@pytest.mark.parametrize(
    ("text", "compared"),
    [
        ("Write the SPEC", "write the spec"),
        ("Café Zürich", "cafe zurich"),
        ("Cafe\u0301", "cafe"),
        ("Straße", "strasse"),
        ("ﬁsh Ａ① ㎒", "fish a1 mhz"),
        ("LAU-12: (done)", "lau 12 done"),
        ("`code` <b>bold</b>", "code b bold b"),
        ("C++ and 5€", "c++ and 5€"),
        ("co\u00adop\u200b 👩\u200d🚀\ufe0f", "coop 👩🚀"),
        ("ไทย हिन्दी 한국", None),
        ("a\nb\tc\x00d", "a b c d"),
        ("…?!", ""),
    ],
)
def test_texts_are_compared_without_case_accents_and_punctuation(text, compared):
    if compared is None:
        assert len(fold(text).split()) == 3
    else:
        assert fold(text).split() == compared.split()


def test_marks_that_make_another_word_stay():
    assert fold("कि") != fold("का")
    assert fold("กี") != fold("กิ")


@given(st.text())
def test_what_is_folded_stays_as_it_is(text):
    assert fold(fold(text)) == fold(text)


@given(st.text())
def test_a_folded_text_is_words_with_a_space_around_each_and_no_wildcards(text):
    found = fold(text)
    assert found == f" {' '.join(found.split())} ".replace("  ", " ")
    assert not set(found) & set("%_\\\"'\0")


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("write spec", ["write", "spec"]),
        ('"Write the" spec', ["write the", "spec"]),
        ('"not closed yet', ["not closed yet"]),
        ('a"b c"d', ["a", "b c", "d"]),
        ("LAU-12", ["lau 12"]),
        ("one ONE óne", ["one"]),
        ('""', []),
        ("… ? *", []),
        ("\x00", []),
    ],
)
def test_a_query_asks_for_words_and_for_words_that_stand_together(query, wanted):
    assert parse_terms(query) == wanted


@given(st.text(max_size=300))
def test_whatever_is_asked_is_some_terms(query):
    assert all(fold(term).strip() == term for term in parse_terms(query))


def test_a_short_text_is_shown_whole():
    assert make_snippet("Blue\n  sky", ["sky"]) == "Blue sky"
    assert make_snippet("Blue sky", ["red"]) == "Blue sky"
    assert make_snippet(" \n", ["red"]) is None


def test_a_long_text_is_shown_where_it_says_so_in_whole_words():
    text = f"{'before ' * 100}The Café in Zürich opens. {'after ' * 100}"
    for wanted in ("cafe", "zurich", "cafe in", "in"):
        shown = make_snippet(text, [wanted])
        assert "Café in Zürich opens." in shown
        assert (shown[0], shown[-1]) == ("…", "…")
        assert set(shown.strip("…").split()) == {"before", "The", "Café", "in", "Zürich", "opens.", "after"}


def test_words_that_a_sign_joins_are_shown_as_they_were_written():
    assert "see LAU-12 there" in make_snippet("x " * 200 + "see LAU-12 there", ["lau 12"])


@given(st.text(), st.text())
def test_a_snippet_is_short_and_out_of_the_text(text, query):
    shown = make_snippet(text, parse_terms(query))
    if shown is None:
        assert not text.split()
    else:
        assert len(shown) <= 250
        assert shown.strip("…") in " ".join(text.split())


@pytest.mark.parametrize("text", ["é" * 100_000, "a-" * 50_000, " " * 100_000, "\u0301" * 100_000])
def test_no_text_takes_long(text):
    assert measure_cpu_time(lambda: fold(text), 2) < 0.2
    assert measure_cpu_time(lambda: make_snippet(text, ["nowhere", "to be"]), 2) < 0.2
    assert measure_cpu_time(lambda: parse_terms(text[:200]), 2) < 0.05
