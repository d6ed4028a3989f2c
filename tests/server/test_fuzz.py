"""Generated requests to a running server, from its own OpenAPI document: each response matches the document.

Two requests per operation, on PostgreSQL to a sixth of them, since it changes no response; with the profile ``long``, 100 to
each on both databases. ``tests/security/test_random_requests.py`` sends more on both.
"""

import zlib
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
from tests.security.permission_world import FACTOR_SECRET, PermissionWorld, open_permission_world
from tests.server.running import WITHOUT_JOBS, running
from tests.support import databases
from tests.support.authenticator import show_code
from tests.support.world import PASSWORD

pytestmark = [pytest.mark.slow("sends random requests to each endpoint"), pytest.mark.wide(when="requests")]

LONG = settings.get_current_profile_name() == "long"
CALLER = "OO"


def _schema() -> Any:
    schema = schemathesis.openapi.from_dict(document())
    schema.config.phases.coverage.enabled = LONG
    # No string of the API may contain NUL; the schemas do not repeat this rule.
    schema.config.generation.allow_x00 = False
    # A generated If-Match or Range.
    schema.config.checks.positive_data_acceptance.expected_statuses += ["412", "416"]
    # A body beyond the limit is rejected before it is validated.
    schema.config.checks.negative_data_rejection.expected_statuses += ["413"]

    # A stream does not end while the client listens.
    def is_stream(context: Any) -> bool:
        responses = context.operation.definition.raw["responses"]
        return "text/event-stream" in responses.get("200", {}).get("content", {})

    schema = schema.exclude(is_stream)
    # /mcp has its own protocol; test_mcp.py sends arbitrary messages.
    schema = schema.exclude(path="/mcp")
    # The readiness probe rolls back its connection: here, the transaction in which the server runs.
    return schema.exclude(path="/health/ready")


SCHEMA = _schema()
SAMPLE = SCHEMA.exclude(lambda context: not LONG and zlib.crc32(context.operation.label.encode()) % 6 > 0)


class Target:
    """A server over a permission world, and the sessions of its callers."""

    def __init__(self, permission_world: PermissionWorld, url: str) -> None:
        self.permission_world = permission_world
        self.url = url
        self.session = requests.Session()
        self.bearer = permission_world.world.bearer(permission_world.people[CALLER])


def serve(request: pytest.FixtureRequest) -> Iterator[Target]:
    """Run a server over a permission world on the database that a fixture is parametrized with."""
    with (
        open_permission_world(databases.KINDS[request.param], request.config.stash[RUN]) as permission_world,
        permission_world.sandbox.transaction(),
        running(permission_world.core, WITHOUT_JOBS) as server,
    ):
        yield Target(permission_world, server.url)


target = pytest.fixture(serve, scope="module", params=["sqlite"], name="target")
on_postgres = pytest.param("postgresql", marks=pytest.mark.postgres)
postgres_target = pytest.fixture(serve, scope="module", params=[on_postgres], name="postgres_target")


def is_negative(case: schemathesis.Case, location: ParameterLocation) -> bool:
    """Return whether this part of a request was generated to break its schema."""
    component = case.meta and case.meta.components.get(location)
    return bool(component and component.mode.is_negative)


def make_valid(case: schemathesis.Case, permission_world: PermissionWorld) -> None:
    """Make a request that matches its schema valid: insert existing ids, and values that depend on each other."""
    if case.path_parameters and not is_negative(case, ParameterLocation.PATH):
        own_ids = {
            "token": "token",
            "sessionId": "sessionId",
            "identityId": "identityId",
            "id": "apiTokenId" if "api-tokens" in case.path else "notificationId",
        }
        for name in case.path_parameters:
            case.path_parameters[name] = (
                permission_world.own_items[CALLER][own_ids[name]]
                if name in own_ids
                else permission_world.here[name]
            )
    if case.query and not is_negative(case, ParameterLocation.QUERY):
        for name in ("cursor", "customField", "contextId"):
            case.query.pop(name, None)
        # The schemas do not describe the grammars of these texts.
        case.query.update({name: text for name, text in TEXTS.items() if name in case.query})
        _use_existing_ids(case.query, permission_world)
    if is_negative(case, ParameterLocation.BODY):
        return
    if case.path.endswith("/automations/{ruleId}/test") and not isinstance(case.body, dict):
        # Without a body, only rules that run without a card can be tried.
        case.body, case.media_type = {}, "application/json"
    if isinstance(case.body, dict):
        case.body = _limit_integers(case.body)
        _fix_body(case, permission_world)


def _limit_integers(value: Any) -> Any:
    """Return the value without integers beyond 64 bits, which the schemas do not exclude."""
    if isinstance(value, dict):
        return {name: _limit_integers(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_limit_integers(item) for item in value]
    return value % 1000 if isinstance(value, int) and not -(2**63) <= value < 2**63 else value


TEXTS = {"fields": "title", "filter": "blocked = true", "sort": "priority"}
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
    "projectId": "projectId",
    "priorityId": "priorityId",
}


def _use_existing_ids(body: dict[str, Any], permission_world: PermissionWorld) -> None:
    for name, kind in KINDS.items():
        if body.get(name) is not None:
            body[name] = permission_world.here[kind]


def _fix_import_file(file: dict[str, Any], permission_world: PermissionWorld) -> None:
    """Let a file refer only to its own items: here, to one column."""
    file["columns"] = [{"id": "c", "name": "To Do"}]
    file.pop("scopes", None)
    for name in ("labels", "customFields"):
        # Names are unique, and options match the type.
        file[name] = [{"name": "Bug", "type": "text"}][: len(file.get(name, ()))]
    for item in file.get("documents", ()):
        for name in ("parentId", "scopeId"):
            item.pop(name, None)
        _fix_document(item, permission_world)
    _fix_imported_cards(file, {"columnId": "c"})


def _fix_imported_cards(file: dict[str, Any], column: dict[str, Any]) -> None:
    """Place the cards of a file in a column, and drop what else refers to other items."""
    for card in file.get("cards", ()):
        for name in ("columnIndex", "columnId", "id", "number", "completedAt", "startDate", "relations"):
            card.pop(name, None)
        card |= {**column, "labelIds": [], "customFields": {}}


def _fix_import_part(part: dict[str, Any], permission_world: PermissionWorld) -> None:
    """Make this the first part of an import whose file has one column."""
    part["part"] = 0
    _fix_imported_cards(part, {"columnIndex": 0})


def _fix_transfer(body: dict[str, Any], permission_world: PermissionWorld) -> None:
    """Transfer an existing card to a column of another project, a column to a scope, or a document to the project."""
    if "contextType" in body:
        body |= {"contextType": "project", "contextId": permission_world.beside["projectId"]}
        body.pop("parentId", None)
        return
    target = "scopeId" if "scopeId" in body else "columnId"
    body[target] = permission_world.beside[target]
    if "cardIds" in body:
        body["cardIds"] = [permission_world.here["cardId"]]


def _fix_preferences(body: dict[str, Any], permission_world: PermissionWorld) -> None:
    """Use an existing time zone, and drop channels, of which the server has none."""
    body.pop("channels", None)
    if body.get("timeZone") is not None:
        body["timeZone"] = "Europe/Berlin"


FIXERS_BY_END = {
    "import": _fix_import_file,
    "imports": _fix_import_file,
    "parts": _fix_import_part,
    "transfer": _fix_transfer,
    "preferences": _fix_preferences,
}
"""The functions that alone make bodies valid, by the end of the path."""


def _fix_body(case: schemathesis.Case, permission_world: PermissionWorld) -> None:
    body = case.body
    if fix := FIXERS_BY_END.get(case.path.rpartition("/")[2]):
        fix(body, permission_world)
        return
    for part, say in BODY_FIXERS.items():
        if part in case.path and "/comments" not in case.path:
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
    # The ids depend on what the field has.
    body.pop("optionIds", None)
    if isinstance(body.get("cards"), list):
        # A card is changed once.
        del body["cards"][1:]
    for card in [body, *body.get("cards", ())]:
        _use_existing_ids(card, permission_world)
        _fix_card(card, permission_world)


def _avoid_common_passwords(body: dict[str, Any]) -> None:
    """Replace passwords that may be among the most common ones, which a schema does not list."""
    for name in {"password", "newPassword"} & body.keys():
        body[name] = f"~{body[name][1:]}"


def _fix_document(body: dict[str, Any], permission_world: PermissionWorld) -> None:
    """Make the content of a document valid, and drop fields that depend on each other."""
    if "content" in body:
        body["content"] = {"type": "doc", "content": []}
    if "contentFormat" in body:
        body["contentFormat"] = "tiptap"
    if "tags" in body:
        # Tags are unique regardless of case, and have one line.
        body["tags"] = [f"tag {number}" for number, _ in enumerate(body["tags"])]
    for name in ("contextType", "contextId", "parentId"):
        body.pop(name, None)


def _fix_agent(body: dict[str, Any], permission_world: PermissionWorld) -> None:
    """Use existing tools, projects and cards for an agent."""
    things = {
        "tools": ["move_card"],
        "projectIds": [permission_world.here["projectId"]],
        "cardId": permission_world.here["cardId"],
    }
    body |= {name: thing for name, thing in things.items() if body.get(name) is not None}
    body.pop("model", None)
    if "runtime" in body:
        body["runtime"] = "built_in"


def _drop_answers(body: dict[str, Any], permission_world: PermissionWorld) -> None:
    """Drop answers, since each draft has its own questions."""
    body.pop("answers", None)


def _fix_rule(rule: dict[str, Any], permission_world: PermissionWorld) -> None:
    """Use a valid trigger, a valid action and valid conditions for a rule, and drop the schedule of another trigger."""
    rule.pop("schedule", None)
    if "trigger" in rule:
        rule["trigger"] = "task_moved"
    action = {"type": "set_priority", "params": {"priority": "high"}}
    if "actions" in rule:
        # A rule has one action or several; the schema allows both and neither.
        rule.pop("action", None)
        rule["actions"] = [action] * len(rule["actions"])
    elif rule.keys() & {"trigger", "action"}:
        rule["action"] = action
    if rule.get("conditions"):
        rule["conditions"] = {"all": [{"field": "priority", "op": "eq", "value": "low"}]}


def _use_card(body: dict[str, Any], permission_world: PermissionWorld) -> None:
    """Try the rule for a card: the schema does not require one, since some rules run without a card."""
    body["cardId"] = permission_world.here["cardId"]


def _fix_draft(body: dict[str, Any], permission_world: PermissionWorld) -> None:
    """Use existing documents for a draft, and drop feedback, which needs a language model."""
    body.pop("feedback", None)
    if "documentIds" in body:
        body["documentIds"] = [permission_world.here["documentId"]]


def _fix_filter(body: dict[str, Any], permission_world: PermissionWorld) -> None:
    """Use a valid filter and a valid order, whose grammars no schema describes."""
    body |= {name: text for name, text in TEXTS.items() if body.get(name) is not None}


def _fix_webhook(body: dict[str, Any], permission_world: PermissionWorld) -> None:
    """Use a public address for a webhook."""
    if "url" in body:
        body["url"] = "https://hooks.example.com/stellary"


def _use_reset_token(body: dict[str, Any], permission_world: PermissionWorld) -> None:
    """Use the token of a link that resets a password."""
    body["token"] = permission_world.reset_token


def _use_email_token(body: dict[str, Any], permission_world: PermissionWorld) -> None:
    """Use the token of a link that confirms an e-mail address."""
    body["token"] = permission_world.email_token


def _use_code(body: dict[str, Any], permission_world: PermissionWorld) -> None:
    """Use the code that an authenticator app shows."""
    body["code"] = show_code(FACTOR_SECRET, permission_world.core.env.clock())


def _drop_names_of_projects(body: dict[str, Any], permission_world: PermissionWorld) -> None:
    """Drop the name and the key that only a restored project can get: the item in the trash is a card."""
    body.clear()


def _use_password(body: dict[str, Any], permission_world: PermissionWorld) -> None:
    """Use the password, which the schema does not require, since some accounts have none."""
    body["currentPassword"] = PASSWORD


BODY_FIXERS = {
    "/auth/change-email": _use_password,
    "/auth/delete-account": _use_password,
    "/restore": _drop_names_of_projects,
    "/auth/reset-password": _use_reset_token,
    "/auth/confirm-email": _use_email_token,
    "/auth/second-factor/confirm": _use_code,
    "/automations": _fix_rule,
    "/automations/{ruleId}/test": _use_card,
    "/documents": _fix_document,
    "/agents": _fix_agent,
    "/refine": _drop_answers,
    "/project-drafts": _fix_draft,
    "/saved-filters": _fix_filter,
    "/webhooks": _fix_webhook,
}
"""The functions that make bodies valid, by a part of the path."""


def _fix_card(card: dict[str, Any], permission_world: PermissionWorld) -> None:
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


# The short run is deterministic, so that it fails for the change that caused the failure.
EXAMPLES = settings(
    max_examples=100 if LONG else 2,
    derandomize=not LONG,
    database=None,
    suppress_health_check=list(HealthCheck),
)


def check_responses(case: schemathesis.Case, target: Target) -> None:
    """Send a request as an owner and without a login."""
    permission_world = target.permission_world
    make_valid(case, permission_world)
    headers = {"Authorization": f"Bearer {target.bearer}"}
    with permission_world.sandbox.discard_changes():
        case.call_and_validate(
            base_url=target.url,
            session=target.session,
            headers=None if is_negative(case, ParameterLocation.HEADER) else headers,
            # Any value in a form with a file is a file, even "null".
            excluded_checks=[negative_data_rejection] if case.path.endswith("/attachments") else [],
        )
    with permission_world.sandbox.discard_changes():
        case.call_and_validate(base_url=target.url, session=target.session)


@SCHEMA.parametrize()
@EXAMPLES
def test_responses_match_the_document(case: schemathesis.Case, target: Target):
    check_responses(case, target)


@SAMPLE.parametrize()
@EXAMPLES
def test_responses_on_postgresql_match_the_document(case: schemathesis.Case, postgres_target: Target):
    check_responses(case, postgres_target)


def test_served_document_is_the_generated_one(target: Target):
    assert target.session.get(f"{target.url}/openapi.json", timeout=20).json()["paths"] == document()["paths"]
