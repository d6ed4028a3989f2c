"""Paths that lead nowhere: each place of a path filled with what is not there, or not there for the caller."""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from tests.security.asking import ASKINGS
from tests.security.permission_world import PermissionWorld, Place
from tests.security.table import Row

SLUGS = ("orgSlug", "wsSlug")
UNKNOWN_ID = "0123456789abcdef01234567"
UNKNOWN_SLUG = "no-such-place"
UNKNOWN_TOKEN = "A" * 43

# Percent-encoded where need be. None of these is an id.
MALFORMED_IDS = {
    "upper case": "0123456789ABCDEF01234567",
    "23 digits": "0" * 23,
    "25 digits": "0" * 25,
    "no hex": "g" * 24,
    "a dot": ".",
    "two dots": "..",
    "two dots, encoded": "%2e%2e",
    "a slash, encoded": "..%2f..",
    "NUL": "%00",
    "an id and NUL": f"{UNKNOWN_ID}%00",
    "an id and a line feed": f"{UNKNOWN_ID}%0a",
    "a space before": f"%20{UNKNOWN_ID}",
    "wide digits": "%ef%bc%90" * 24,
    "other digits": "%d9%a1" * 24,
    "no UTF-8": "%ff" * 24,
    "a quote": "'%20OR%20'1'='1",
    "a pattern": "%25" * 24,
    "very long": "0" * 20_000,
}
MALFORMED_SLUGS = MALFORMED_IDS | {
    "an id": UNKNOWN_ID,
    "61 characters": "a" * 61,
    "one character": "a",
    "a hyphen before": "-a",
    "dotless i": "%c4%b1%c4%b1",
}


@attrs.frozen
class Nowhere:
    """A path that leads nowhere.

    Attributes:
        parameter: Which place of the path is at fault.
        why: What is wrong with it.
        place: What stands in the path.
        path: The path, if it is not the published one.
    """

    parameter: str
    why: str
    place: Place
    path: str | None = None


def unknown(row: Row, parameter: str, place: Place) -> Nowhere:
    """The path with something well-formed at that place that never was."""
    never = {"orgSlug": UNKNOWN_SLUG, "wsSlug": UNKNOWN_SLUG, "token": UNKNOWN_TOKEN}
    return Nowhere(parameter, "unknown", place | {parameter: never.get(parameter, UNKNOWN_ID)})


def malformed(parameter: str, place: Place) -> Iterator[Nowhere]:
    """The path with what cannot be an id, or a slug, at that place."""
    for why, text in (MALFORMED_SLUGS if parameter in SLUGS else MALFORMED_IDS).items():
        yield Nowhere(parameter, why, place | {parameter: text})


def elsewhere(permission_world: PermissionWorld, row: Row, parameter: str, place: Place) -> Iterator[Nowhere]:
    """The path with what is, or was, somewhere else at that place."""
    name = ASKINGS[row.operation].places.get(parameter, parameter)
    if name not in permission_world.here:
        return
    yield Nowhere(parameter, "deleted", place | {parameter: permission_world.gone[name]})
    yield Nowhere(parameter, "of another tenant", place | {parameter: permission_world.abroad[name]})
    if parameter == "orgSlug":
        whole = {each: permission_world.abroad.get(each, text) for each, text in place.items()}
        yield Nowhere(parameter, "a whole path of another tenant", whole)
    if parameter not in SLUGS and "wsSlug" in place and parameter != "userId":
        yield Nowhere(
            parameter, "of another workspace", place | {parameter: permission_world.next_door[name]}
        )
        other = permission_world.here["labelId" if name == "scopeId" else "scopeId"]
        yield Nowhere(parameter, "of another kind", place | {parameter: other})
    if _has_parent(row.parameters, parameter):
        yield Nowhere(parameter, "under the wrong parent", place | {parameter: permission_world.beside[name]})


def below_project(permission_world: PermissionWorld, row: Row, place: Place) -> Iterator[Nowhere]:
    """The second path of what has a flat one, with each project that the thing does not belong to."""
    path = row.below_project
    child = next((name for name in row.parameters if name not in SLUGS), "")
    if path is None:
        return
    for why, project in (
        ("below an unknown project", UNKNOWN_ID),
        ("below a malformed project", "PROJECT"),
        ("below another project", permission_world.beside["projectId"]),
        ("below a deleted project", permission_world.gone["projectId"]),
        ("below a project of another tenant", permission_world.abroad["projectId"]),
    ):
        yield Nowhere(child, why, place | {"projectId": project}, path)


def _has_parent(parameters: list[str], parameter: str) -> bool:
    """Whether something before it in the path, other than the workspace, holds what stands there."""
    return any(name in ("projectId", "cardId") for name in parameters[: parameters.index(parameter)])
