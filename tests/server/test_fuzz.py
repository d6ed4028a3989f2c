"""Arbitrary requests to a server that runs, made of its own OpenAPI document: each answer is as documented.

One or two for each operation; 100 under the profile ``long``. ``tests/security/test_random_requests.py`` sends thousands.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.core.parameters import ParameterLocation
from schemathesis.specs.openapi.checks import negative_data_rejection

from stellary.contract.openapi import document
from tests.conftest import RUN
from tests.security.permission_world import PermissionWorld, open_permission_world
from tests.server.running import WITHOUT_JOBS, running
from tests.support.databases import Postgres, Sqlite
from tests.support.world import PASSWORD

LONG = settings.get_current_profile_name() == "long"
CALLER = "OO"


def _schema() -> Any:
    made = schemathesis.openapi.from_dict(document())
    made.config.phases.coverage.enabled = LONG
    # No string of the API may contain NUL, which is said once for all and not in each schema.
    made.config.generation.allow_x00 = False
    # An If-Match, or a Range, that was made up.
    made.config.checks.positive_data_acceptance.expected_statuses += ["412", "416"]
    # What is larger than any body may be is refused before anybody looks what else is wrong with it.
    made.config.checks.negative_data_rejection.expected_statuses += ["413"]
    # A stream goes on answering for as long as somebody listens.
    made = made.exclude(
        lambda found: (
            "text/event-stream"
            in found.operation.definition.raw["responses"].get("200", {}).get("content", {})
        )
    )
    # What is said at /mcp is another protocol's, which has answers of its own; test_mcp.py says anything there.
    made = made.exclude(path="/mcp")
    # A probe takes back all that its connection has done: here, the transaction that the server runs in.
    return made.exclude(path="/health/ready")


SCHEMA = _schema()


class Target:
    """A server over a permission world, and the sessions of its callers."""

    def __init__(self, permission_world: PermissionWorld, url: str) -> None:
        self.permission_world = permission_world
        self.url = url
        self.session = requests.Session()
        self.bearer = permission_world.world.bearer(permission_world.people[CALLER])


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def target(request: pytest.FixtureRequest) -> Iterator[Target]:
    kind = {"sqlite": Sqlite, "postgresql": Postgres}[request.param]
    with (
        open_permission_world(kind, request.config.stash[RUN]) as permission_world,
        permission_world.sandbox.transaction(),
        running(permission_world.core, WITHOUT_JOBS) as server,
    ):
        yield Target(permission_world, server.url)


def negative(case: schemathesis.Case, location: ParameterLocation) -> bool:
    """Whether that part of a request was made to break its schema."""
    found = case.meta and case.meta.components.get(location)
    return bool(found and found.mode.is_negative)


def make_sense(case: schemathesis.Case, permission_world: PermissionWorld) -> None:
    """Put what a schema cannot say into a request that otherwise keeps it: ids of what is there, and the like."""
    if case.path_parameters and not negative(case, ParameterLocation.PATH):
        own = {"token": "token", "id": "apiTokenId" if "api-tokens" in case.path else "notificationId"}
        for name in case.path_parameters:
            case.path_parameters[name] = (
                permission_world.own[CALLER][own[name]] if name in own else permission_world.here[name]
            )
    if case.query and not negative(case, ParameterLocation.QUERY):
        for name in ("cursor", "customField", "contextId"):
            case.query.pop(name, None)
        _name_things(case.query, permission_world)
    if isinstance(case.body, dict) and not negative(case, ParameterLocation.BODY):
        case.body = _small(case.body)
        _say_what_holds(case, permission_world)


def _small(said: Any) -> Any:
    """The same without integers beyond 64 bits, which, too, is said once for all."""
    if isinstance(said, dict):
        return {name: _small(each) for name, each in said.items()}
    if isinstance(said, list):
        return [_small(each) for each in said]
    return said % 1000 if isinstance(said, int) and not -(2**63) <= said < 2**63 else said


KINDS = {
    "scopeId": "scopeId",
    "columnId": "fullColumnId",
    "moveCardsTo": "fullColumnId",
    "assigneeId": "userId",
    "labelId": "labelId",
    "before": "otherCardId",
    "after": "otherCardId",
    "targetCardId": "thirdCardId",
    "missionId": "missionId",
    "priorityId": "priorityId",
}


def _name_things(said: dict[str, Any], permission_world: PermissionWorld) -> None:
    for name, kind in KINDS.items():
        if said.get(name) is not None:
            said[name] = permission_world.here[kind]


def _refer_to_itself(file: dict[str, Any], permission_world: PermissionWorld) -> None:
    """A file refers to nothing but what is in it: here, to one column."""
    file["columns"] = [{"id": "c", "name": "To Do"}]
    file.pop("scopes", None)
    for name in ("labels", "customFields"):
        # Their names are their own, and options suit their type.
        file[name] = [{"name": "Bug", "type": "text"}][: len(file.get(name, ()))]
    for each in file.get("documents", ()):
        for name in ("parentId", "scopeId"):
            each.pop(name, None)
        _document(each, permission_world)
    for card in file.get("cards", ()):
        for name in ("columnIndex", "id", "number", "completedAt", "startDate", "relations"):
            card.pop(name, None)
        card |= {"columnId": "c", "labelIds": [], "customFields": {}}


def _say_what_holds(case: schemathesis.Case, permission_world: PermissionWorld) -> None:
    body = case.body
    if case.path.endswith("/projects/import"):
        _refer_to_itself(body, permission_world)
        return
    for part, say in LANGUAGES.items():
        if part in case.path:
            say(body, permission_world)
    if "currentPassword" in body:
        body["currentPassword"] = PASSWORD
    _avoid_common_passwords(body)
    if "expiresAt" in body:
        body["expiresAt"] = "2999-01-01"
    if case.path.endswith("/cards/{cardId}/custom-fields"):
        case.body = {permission_world.here["fieldId"]: "text"}
    if "/custom-fields" in case.path and ("options" in body or "select" in str(body.get("type"))):
        body |= {"type": "select", "options": ["low", "high"]}
    if isinstance(body.get("cards"), list):
        # A card is changed once.
        del body["cards"][1:]
    for card in [body, *body.get("cards", ())]:
        _name_things(card, permission_world)
        _say_of_card(card, permission_world)


def _avoid_common_passwords(body: dict[str, Any]) -> None:
    """Replace passwords that may be among the most common ones, which a schema does not list."""
    for name in {"password", "newPassword"} & body.keys():
        body[name] = f"~{body[name][1:]}"


def _document(said: dict[str, Any], permission_world: PermissionWorld) -> None:
    """A document's text is a language of its own, and where it belongs is said by several fields together."""
    if "content" in said:
        said["content"] = {"type": "doc", "content": []}
    if "contentFormat" in said:
        said["contentFormat"] = "tiptap"
    if "tags" in said:
        # No two are the same but for their case, and none has two lines.
        said["tags"] = [f"tag {number}" for number, _ in enumerate(said["tags"])]
    for name in ("contextType", "contextId", "parentId"):
        said.pop(name, None)


def _agent(said: dict[str, Any], permission_world: PermissionWorld) -> None:
    """An agent's tools are named by others, and what a mission is about is there."""
    things = {
        "tools": ["move_card"],
        "projectIds": [permission_world.here["projectId"]],
        "cardId": permission_world.here["cardId"],
    }
    said |= {name: thing for name, thing in things.items() if said.get(name) is not None}
    said.pop("model", None)
    if said.get("runtime") == "model":
        said["runtime"] = "built_in"


def _answers(said: dict[str, Any], permission_world: PermissionWorld) -> None:
    """Questions are made for each draft."""
    said.pop("answers", None)


def _rule(rule: dict[str, Any], permission_world: PermissionWorld) -> None:
    """What a rule does is an action's, and its conditions are a little language of their own."""
    if "action" in rule:
        rule["action"] = {"type": "set_priority", "params": {"priority": "high"}}
    if rule.get("conditions"):
        rule["conditions"] = {"all": [{"field": "priority", "op": "eq", "value": "low"}]}


def _brief(said: dict[str, Any], permission_world: PermissionWorld) -> None:
    """A draft is made with documents that are there."""
    if "documentIds" in said:
        said["documentIds"] = [permission_world.here["documentId"]]


def _hook(said: dict[str, Any], permission_world: PermissionWorld) -> None:
    """A webhook leads to a public address."""
    if "url" in said:
        said["url"] = "https://hooks.example.com/stellary"


LANGUAGES = {
    "/automations": _rule,
    "/documents": _document,
    "/agents": _agent,
    "/refine": _answers,
    "/project-drafts": _brief,
    "/webhooks": _hook,
}
"""Who says what the schema of a body leaves to others, by a part of the path."""


def _say_of_card(card: dict[str, Any], permission_world: PermissionWorld) -> None:
    things = {
        "id": permission_world.here["cardId"],
        "labelIds": [permission_world.here["labelId"]],
        "customFields": {permission_world.here["fieldId"]: "text"},
    }
    card |= {name: thing for name, thing in things.items() if name in card}
    for first, other in (("before", "after"), ("startDate", "dueDate")):
        if first in card:
            card.pop(other, None)
    for item in card.get("checklist") or ():
        item.pop("_id", None)


# The short run tries the same each time, so that what it finds is found by whoever has made it.
OWNER, NOBODY = (
    settings(
        max_examples=100 if LONG else few,
        derandomize=not LONG,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    for few in (2, 1)
)


@SCHEMA.parametrize()
@OWNER
def test_an_owner_is_answered_as_documented(case: schemathesis.Case, target: Target):
    permission_world = target.permission_world
    make_sense(case, permission_world)
    headers = {"Authorization": f"Bearer {target.bearer}"}
    with permission_world.sandbox.thrown_away():
        case.call_and_validate(
            base_url=target.url,
            session=target.session,
            headers=None if negative(case, ParameterLocation.HEADER) else headers,
            # Whatever stands in a form with a file is a file, if only one that says "null".
            excluded_checks=[negative_data_rejection] if case.path.endswith("/attachments") else [],
        )


@SCHEMA.parametrize()
@NOBODY
def test_nobody_is_answered_as_documented(case: schemathesis.Case, target: Target):
    make_sense(case, target.permission_world)
    with target.permission_world.sandbox.thrown_away():
        case.call_and_validate(base_url=target.url, session=target.session)


def test_the_document_is_what_the_server_serves(target: Target):
    served = target.session.get(f"{target.url}/openapi.json", timeout=20).json()
    assert served["paths"] == document()["paths"]
