"""Paths that are not found: one parameter names nothing, or an item that is not there for the caller."""

from collections.abc import Iterator

import attrs

from tests.security.good_requests import GOOD_REQUESTS
from tests.security.permission_world import PathParams, PermissionWorld
from tests.security.table import Row

SLUGS = ("orgSlug", "wsSlug")
UNKNOWN_ID = "0123456789abcdef01234567"
UNKNOWN_SLUG = "no-such-place"
UNKNOWN_TOKEN = "A" * 43

# Percent-encoded where necessary. None of these is an id.
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
class NotFoundPath:
    """A path that is not found.

    Attributes:
        parameter: The path parameter that is wrong.
        why: What is wrong with it.
        params: The path parameters.
        path: The path, if it is not the published one.
    """

    parameter: str
    why: str
    params: PathParams
    path: str | None = None


def make_unknown(parameter: str, params: PathParams) -> NotFoundPath:
    """Return the path with a well-formed parameter that never existed."""
    texts = {"orgSlug": UNKNOWN_SLUG, "wsSlug": UNKNOWN_SLUG, "token": UNKNOWN_TOKEN}
    return NotFoundPath(parameter, "unknown", params | {parameter: texts.get(parameter, UNKNOWN_ID)})


def make_malformed(parameter: str, params: PathParams) -> Iterator[NotFoundPath]:
    """Yield the path with a parameter that is not an id, or not a slug."""
    for why, text in (MALFORMED_SLUGS if parameter in SLUGS else MALFORMED_IDS).items():
        yield NotFoundPath(parameter, why, params | {parameter: text})


def make_foreign(
    permission_world: PermissionWorld, row: Row, parameter: str, params: PathParams
) -> Iterator[NotFoundPath]:
    """Yield the path with an item that exists, or existed, elsewhere."""
    name = GOOD_REQUESTS[row.operation].path_items.get(parameter, parameter)
    if name not in permission_world.here:
        return
    yield NotFoundPath(parameter, "deleted", params | {parameter: permission_world.gone[name]})
    yield NotFoundPath(parameter, "of another tenant", params | {parameter: permission_world.abroad[name]})
    if parameter == "orgSlug":
        foreign_params = {key: permission_world.abroad.get(key, text) for key, text in params.items()}
        yield NotFoundPath(parameter, "a whole path of another tenant", foreign_params)
    if parameter not in SLUGS and "wsSlug" in params and parameter != "userId":
        yield NotFoundPath(
            parameter, "of another workspace", params | {parameter: permission_world.next_door[name]}
        )
        other = permission_world.here["labelId" if name == "scopeId" else "scopeId"]
        yield NotFoundPath(parameter, "of another kind", params | {parameter: other})
    if _has_parent(row.parameters, parameter):
        yield NotFoundPath(
            parameter, "under the wrong parent", params | {parameter: permission_world.beside[name]}
        )


def make_nested(permission_world: PermissionWorld, row: Row, params: PathParams) -> Iterator[NotFoundPath]:
    """Yield the path below the project, with projects that the item does not belong to."""
    path = row.nested_path
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
        yield NotFoundPath(child, why, params | {"projectId": project}, path)


def _has_parent(parameters: list[str], parameter: str) -> bool:
    """Return whether the path has a parent of the parameter below the workspace."""
    return any(name in ("projectId", "cardId") for name in parameters[: parameters.index(parameter)])
