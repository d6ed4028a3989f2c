"""Tests over the endpoints of the permission table: one test for each resource, which names each endpoint that fails."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from tests.security.permission_world import PermissionWorld
from tests.support.each_case import Case, Failures, bind_cases, name_cases, split_names, wrap_test

Test = Callable[..., None]


def each_row(cases: Iterable[Any], names: str = "row") -> Callable[[Test], Test]:
    """Return a decorator that lets a test run for each endpoint, as one test for each resource.

    Each endpoint has a transaction of its own, which is rolled back.

    Args:
        cases: Rows of the permission table, or tuples that begin with one.
        names: The parameters that a case sets, separated by commas.
    """
    resources: dict[str, dict[str, Case]] = defaultdict(dict)
    for name, case in name_cases(bind_cases(names, cases)).items():
        resources[case["row"].operation.partition(".")[0]][name] = case

    def decorate(test: Test) -> Test:
        def run(shared_permission_world: PermissionWorld, resource: str, **fixtures: Any) -> None:
            failures = Failures()
            for name, case in resources[resource].items():
                with failures.collect(name), shared_permission_world.sandbox.transaction():
                    test(permission_world=shared_permission_world, **case, **fixtures)
            failures.raise_if_any(len(resources[resource]))

        hidden = ["permission_world", *split_names(names)]
        wrapper = wrap_test(run, test, hidden, extra=["shared_permission_world", "resource"])
        return pytest.mark.parametrize("resource", list(resources))(wrapper)

    return decorate
