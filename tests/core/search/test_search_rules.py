"""The normalization of texts, and the snippets of hits."""

from hypothesis import given
from hypothesis import strategies as st

from stellary.core.search.rules import fold, make_snippet, parse_terms
from tests.support.cpu_time import measure_cpu_time
from tests.support.each_case import for_each


@for_each(
    "text, compared",
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
def test_folding_is_idempotent(text):
    assert fold(fold(text)) == fold(text)


@given(st.text())
def test_a_folded_text_is_words_with_a_space_around_each_and_no_wildcards(text):
    folded = fold(text)
    assert folded == f" {' '.join(folded.split())} ".replace("  ", " ")
    assert not set(folded) & set("%_\\\"'\0")


@for_each(
    "query, terms",
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
def test_query_is_parsed_into_words_and_phrases(query, terms):
    assert parse_terms(query) == terms


@given(st.text(max_size=300))
def test_any_query_is_parsed(query):
    assert all(fold(term).strip() == term for term in parse_terms(query))


def test_snippet_of_a_short_text_is_the_text():
    assert make_snippet("Blue\n  sky", ["sky"]) == "Blue sky"
    assert make_snippet("Blue sky", ["red"]) == "Blue sky"
    assert make_snippet(" \n", ["red"]) is None


def test_snippet_of_a_long_text_shows_the_match_in_whole_words():
    text = f"{'before ' * 100}The Café in Zürich opens. {'after ' * 100}"
    for word in ("cafe", "zurich", "cafe in", "in"):
        snippet = make_snippet(text, [word])
        assert "Café in Zürich opens." in snippet
        assert (snippet[0], snippet[-1]) == ("…", "…")
        assert set(snippet.strip("…").split()) == {"before", "The", "Café", "in", "Zürich", "opens.", "after"}


def test_words_that_a_sign_joins_are_shown_as_they_were_written():
    assert "see LAU-12 there" in make_snippet("x " * 200 + "see LAU-12 there", ["lau 12"])


@given(st.text(), st.text())
def test_a_snippet_is_short_and_out_of_the_text(text, query):
    snippet = make_snippet(text, parse_terms(query))
    if snippet is None:
        assert not text.split()
    else:
        assert len(snippet) <= 250
        assert snippet.strip("…") in " ".join(text.split())


@for_each("text", ["é" * 100_000, "a-" * 50_000, " " * 100_000, "\u0301" * 100_000])
def test_no_text_takes_long(text):
    assert measure_cpu_time(lambda: fold(text), 2) < 0.2
    assert measure_cpu_time(lambda: make_snippet(text, ["nowhere", "to be"]), 2) < 0.2
    assert measure_cpu_time(lambda: parse_terms(text[:200]), 2) < 0.05
