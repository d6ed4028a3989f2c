"""Tests over the cases of a table that run as one test and name each case that fails.

For pytest, a parametrized test is as many tests. Collecting, scheduling and reporting one takes several milliseconds,
a thousand times as long as many checks take.
"""

import functools
import inspect
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

Case = Mapping[str, Any]
"""Arguments of a test by the names of its parameters."""


class Failures:
    """The failures of a test by the name of their case."""

    def __init__(self) -> None:
        self._errors: dict[str, Exception] = {}

    @contextmanager
    def collect(self, name: str) -> Iterator[None]:
        """Collect an error of a case, so that the next case runs nevertheless."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - it is raised at the end
            self._errors[name] = error
        except pytest.fail.Exception as failure:
            self._errors[name] = AssertionError(str(failure)).with_traceback(failure.__traceback__)

    def raise_if_any(self, count: int) -> None:
        """Raise an error that describes all errors.

        Args:
            count: The number of cases.

        Raises:
            AssertionError: If a case failed, with the names and the messages of all of them, and the traceback of the
                first one. An exception group would not do: plugins of pytest leave out those that look alike.
        """
        if self._errors:
            messages = [f"{name}: {_describe(error)}" for name, error in self._errors.items()]
            summary = f"{len(messages)} of {count} cases failed: {', '.join(self._errors)}"
            raise AssertionError("\n\n".join([summary, *messages])) from next(iter(self._errors.values()))


def for_each(names: str, cases: Iterable[Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return a decorator that lets a test run for each case of a table, as one test.

    All cases run, even if one fails. They share the fixtures of the test.

    Args:
        names: The parameters that a case sets, separated by commas, as in ``pytest.mark.parametrize``.
        cases: A value for the parameter, or a tuple of values for several parameters.

    Raises:
        ValueError: If there are no cases.
    """
    named_cases = name_cases(bind_cases(names, cases))

    def decorate(test: Callable[..., Any]) -> Callable[..., Any]:
        def run(**fixtures: Any) -> None:
            failures = Failures()
            for name, case in named_cases.items():
                with failures.collect(name):
                    test(**case, **fixtures)
            failures.raise_if_any(len(named_cases))

        async def run_async(**fixtures: Any) -> None:
            failures = Failures()
            for name, case in named_cases.items():
                with failures.collect(name):
                    await test(**case, **fixtures)
            failures.raise_if_any(len(named_cases))

        wrapper = run_async if inspect.iscoroutinefunction(test) else run
        return wrap_test(wrapper, test, hidden=split_names(names))

    return decorate


def split_names(names: str) -> list[str]:
    """Return names that are separated by commas."""
    return [name.strip() for name in names.split(",")]


def bind_cases(names: str, cases: Iterable[Any]) -> list[Case]:
    """Return the cases as arguments by name.

    Args:
        names: The parameters, separated by commas.
        cases: A value for the parameter, or a tuple of values for several parameters.

    Raises:
        ValueError: If there are no cases.
    """
    parameters = split_names(names)
    rows = [case if len(parameters) > 1 else (case,) for case in cases]
    if not rows:
        raise ValueError(f"there are no cases of {names}")
    return [dict(zip(parameters, row, strict=True)) for row in rows]


def name_cases(cases: Sequence[Case]) -> dict[str, Case]:
    """Return the cases by name, with a number where several have the same name."""
    names = [" ".join(map(_name_value, case.values())) for case in cases]
    return {
        name if names.count(name) == 1 else f"{name} ({number})": case
        for number, (name, case) in enumerate(zip(names, cases, strict=True))
    }


def wrap_test(
    wrapper: Callable[..., Any], test: Callable[..., Any], hidden: Iterable[str], extra: Iterable[str] = ()
) -> Callable[..., Any]:
    """Give a function the name, the marks and the fixtures of the test that it runs.

    Args:
        wrapper: The function.
        test: The test.
        hidden: The parameters of the test that the wrapper sets.
        extra: The parameters that the wrapper takes itself.
    """
    # Without the attributes: those of Hypothesis concern the test that runs for each case.
    functools.update_wrapper(wrapper, test, updated=())
    wrapper.pytestmark = list(getattr(test, "pytestmark", ()))  # type: ignore[attr-defined]
    signature = inspect.signature(test)
    fixtures = [name for name in signature.parameters if name not in hidden]
    wrapper.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY)
            for name in dict.fromkeys([*extra, *fixtures])
        ]
    )
    return wrapper


def _describe(error: Exception) -> str:
    """Return the type and the message of an error, with what Hypothesis adds to it."""
    return "".join(traceback.format_exception_only(error)).strip()


def _name_value(value: Any) -> str:
    """Return the operation of an endpoint, the name of a class, or at most 60 characters of another value."""
    return str(getattr(value, "operation", None) or getattr(value, "__name__", None) or value)[:60]
