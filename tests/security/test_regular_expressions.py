"""No regular expression of the product takes longer than 50 ms for 100 kB, whatever the text."""

import re
import time

import pytest

from tests.security.regular_expressions import (
    COMPUTED,
    Expression,
    HostileText,
    expressions,
    hostile_texts,
    modules_with_computed_patterns,
)
from tests.support.each_case import Failures

LENGTH = 100_000
SECONDS_MAX = 0.05
# What grows with the square of the length takes 16 times as long for a text of four times the length.
GROWTH_MAX = 8
# Short texts first: what is hopeless is found before it takes minutes.
TRIAL_LENGTHS = (16, 20, 24, 28, 64, 256, 1_500)
TRIAL_SECONDS_MAX = 0.02
LONG_TRIAL_LENGTHS = (2_000, 2_500, 3_000, 4_000, 6_000, 12_000)
LONG_TRIAL_SECONDS_MAX = 0.1


def seconds(expression: Expression, text: HostileText, length: int, tries: int = 1) -> float:
    """Return the processor time of one run, the best of several tries."""
    subject = text.of_length(length, as_bytes=isinstance(expression.pattern.pattern, bytes))
    times = []
    for _ in range(tries):
        start = time.process_time()
        expression.run(subject)
        times.append(time.process_time() - start)
    return min(times)


def trial(expression: Expression, text: HostileText) -> float:
    """Return the seconds of the longest short text that is worth a try."""
    spent = 0.0
    for length in TRIAL_LENGTHS:
        spent = seconds(expression, text, length)
        if spent > TRIAL_SECONDS_MAX and seconds(expression, text, length, tries=2) > TRIAL_SECONDS_MAX:
            return float("inf")
    return spent


def is_slow(expression: Expression, text: HostileText) -> bool:
    """Return whether a pattern takes too long for a text, and the more so the longer the text is."""
    if any(seconds(expression, text, length) > LONG_TRIAL_SECONDS_MAX for length in LONG_TRIAL_LENGTHS):
        return True
    quarter = seconds(expression, text, LENGTH // 4, tries=2)
    whole = seconds(expression, text, LENGTH)
    if whole <= SECONDS_MAX:
        return False
    whole = min(whole, seconds(expression, text, LENGTH, tries=2))
    # A slow machine takes longer for everything: there only the growth counts.
    return whole > SECONDS_MAX and (whole > GROWTH_MAX * quarter or whole > 10 * SECONDS_MAX)


def slow_text(expression: Expression) -> HostileText | None:
    """Return a text that takes too long, if there is one: of all short ones, those that cost most are tried at length."""
    costs = {}
    for text in hostile_texts(expression.pattern):
        costs[text] = trial(expression, text)
        if costs[text] == float("inf"):
            return text
    worst = sorted(costs, key=costs.__getitem__, reverse=True)[:4]
    return next((text for text in worst if is_slow(expression, text)), None)


@pytest.mark.slow("reads all sources")
def test_every_call_names_its_pattern():
    assert modules_with_computed_patterns() == COMPUTED


# The expressions are collected by the test itself: it takes seconds, which each process would spend at import.
@pytest.mark.slow("tries hostile texts on each pattern")
def test_hostile_text_ends_within_time():
    all_expressions = expressions()
    assert len(all_expressions) > 100
    failures = Failures()
    for expression in all_expressions:
        with failures.collect(expression.name):
            assert slow_text(expression) is None, (
                f"{expression.pattern.pattern!r} by {sorted(expression.methods)}"
            )
    failures.raise_if_any(len(all_expressions))


@pytest.mark.slow("tries hostile texts on each pattern")
@pytest.mark.wide(when="patterns")
@pytest.mark.parametrize("pattern", [r"[\x00-\x20]*([^/?#:]*):", r"<([^>]*)>\s*;", r"(?:a|a)*b", r"\s+$"])
def test_slow_pattern_is_found(pattern):
    assert slow_text(Expression("slow", re.compile(pattern), frozenset({"search"}))) is not None
