"""Names and docstrings: the share that breaks a rule may only shrink."""

import functools
from pathlib import Path

import pytest

from tests.house.language import Measure, measure
from tests.support.each_case import for_each

ROOT = Path(__file__).resolve().parents[2]

LIMITS = {
    "product": {"functions": 0.002, "variables": 0.002, "docstrings": 0.002, "words": 0.0002},
    "tests": {"functions": 0.002, "variables": 0.004, "docstrings": 0.004, "words": 0.001},
}
"""The highest share that is allowed now. The goal is 0.02, 0.01, 0.02 and 0.001 in the product; 0.03, 0.02, 0.03 and 0.001
in the tests. Lower a limit when the share has shrunk; never raise one."""

FOLDERS = {"product": ("stellary", "reference_server"), "tests": ("tests",)}


@functools.cache
def measure_part(part: str) -> dict[str, Measure]:
    """Return the measures of the product, or of the tests."""
    return measure([path for folder in FOLDERS[part] for path in (ROOT / folder).rglob("*.py")], ROOT)


@pytest.mark.slow("reads all sources")
@pytest.mark.parametrize("part", FOLDERS)
@for_each("kind", ["functions", "variables", "docstrings", "words"])
def test_share_that_breaks_the_rules_of_language_is_within_its_limit(part, kind):
    measured = measure_part(part)[kind]
    assert measured.share <= LIMITS[part][kind], (
        f"{measured.share:.4f} of {measured.total}: {measured.offenders[-30:]}"
    )
