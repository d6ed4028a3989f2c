"""Tests over the cases of a table: each case runs, and each that fails is named."""

import asyncio
import inspect

import pytest

from tests.support.each_case import for_each


def test_every_failed_case_is_named():
    seen = []

    @for_each("number", [1, 2, 3, 4])
    def check(number):
        seen.append(number)
        assert number % 2

    with pytest.raises(AssertionError, match=r"(?s)2 of 4 cases failed: 2, 4\n\n2: .*\n\n4: ") as caught:
        check()
    assert seen == [1, 2, 3, 4]
    assert "assert (2 % 2)" in str(caught.value.__cause__)


def test_expected_error_that_is_not_raised_is_a_failure():
    @for_each("text, base", [("5", 10), ("z", 10)])
    def check(text, base):
        with pytest.raises(ValueError, match="invalid literal"):
            int(text, base)

    with pytest.raises(AssertionError, match="1 of 2 cases failed: 5 10"):
        check()


def test_error_of_a_coroutine_is_a_failure():
    @for_each("cls", [int, str])
    async def check(cls):
        await asyncio.sleep(0)
        assert cls is int

    with pytest.raises(AssertionError, match="1 of 2 cases failed: str"):
        asyncio.run(check())


def test_other_parameters_are_fixtures():
    @for_each("number", [1])
    def check(number, tmp_path):
        assert (number, tmp_path) == (1, "here")

    assert list(inspect.signature(check).parameters) == ["tmp_path"]
    check(tmp_path="here")


def test_table_without_cases_is_an_error():
    with pytest.raises(ValueError, match="there are no cases of number"):
        for_each("number", [])
