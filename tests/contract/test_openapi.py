"""The OpenAPI document: valid, complete, and exactly as strict as the contract."""

import contextlib
import json
import re
from typing import Any

import attrs
import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openapi_spec_validator import OpenAPIV31SpecValidator

from stellary.contract import ENDPOINTS
from stellary.contract.cards import Card, CardChange
from stellary.contract.documents import CreateDocument
from stellary.contract.endpoint import ROLES, Nothing
from stellary.contract.errors import Invalid, NotFound
from stellary.contract.examples import ID, example
from stellary.contract.limits import NOT_BLANK
from stellary.contract.naming import wire_fields
from stellary.contract.openapi import document
from stellary.contract.schemas import Schemas, documentation
from stellary.contract.wire import Request, Value, dump, load
from tests.contract.strategies import JSON, REQUESTS, VALUES, as_json, few_each, requests, values
from tests.support.each_case import for_each

DOCUMENT = document(version="1.2.3", server="https://stellary.example")
SCHEMAS = DOCUMENT["components"]["schemas"]
OPERATIONS = {
    operation["operationId"]: operation for path in DOCUMENT["paths"].values() for operation in path.values()
}
JSON_MEDIA = "application/json"
FORMATS = jsonschema.FormatChecker()
CARD = "/orgs/{orgSlug}/workspaces/{wsSlug}/projects/{projectId}/cards/{cardId}"
each_class = for_each("cls", [*REQUESTS, *VALUES])
each_endpoint = for_each("endpoint", ENDPOINTS)


def validator(cls: type) -> jsonschema.Draft202012Validator:
    """Return a validator of the component of a class, or of a schema of its own where the document has none."""
    schemas = Schemas("#/$defs/")
    return jsonschema.Draft202012Validator({**schemas.of(cls), "$defs": schemas.definitions})


def collect_references(node: Any) -> set[str]:
    if isinstance(node, dict):
        return ({node["$ref"]} if "$ref" in node else set()).union(*map(collect_references, node.values()))
    return set().union(*map(collect_references, node)) if isinstance(node, list) else set()


def statuses(operation: str) -> set[str]:
    return set(OPERATIONS[operation]["responses"])


def names_in(place: str, operation: dict[str, Any]) -> set[str]:
    """Return the names of the parameters of an operation in its path, or in its query."""
    return {part["name"] for part in operation.get("parameters", ()) if part.get("in") == place}


@pytest.mark.slow("reads the whole document")
def test_document_is_valid():
    assert list(OpenAPIV31SpecValidator(DOCUMENT).iter_errors()) == []


def test_document_is_deterministic_json():
    assert json.dumps(DOCUMENT) == json.dumps(document(version="1.2.3", server="https://stellary.example"))


def test_document_has_every_endpoint_once():
    assert list(OPERATIONS) == [endpoint.operation for endpoint in ENDPOINTS]


@pytest.mark.slow("reads the whole document")
@for_each("name", SCHEMAS)
def test_each_schema_is_a_schema(name):
    jsonschema.Draft202012Validator.check_schema(SCHEMAS[name])


def test_every_reference_resolves_and_every_schema_is_used():
    for reference in collect_references(DOCUMENT):
        node = DOCUMENT
        for part in reference.removeprefix("#/").split("/"):
            node = node[part]
    used = re.findall(r"#/components/schemas/(\w+)", " ".join(collect_references(DOCUMENT)))
    assert set(used) == set(SCHEMAS)


@pytest.mark.slow("makes values of each class")
@each_class
@few_each
@given(data=st.data())
def test_written_values_match_their_schema(cls, data):
    value = data.draw((requests if issubclass(cls, Request) else values)(cls))
    validator(cls).validate(as_json(dump(value)))


@pytest.mark.slow("makes values of each class")
@for_each("cls", REQUESTS)
@few_each
@given(data=st.data())
def test_accepted_bodies_match_their_schema(cls, data):
    body = as_json(dump(data.draw(requests(cls)))) | data.draw(
        st.dictionaries(st.sampled_from(sorted(wire_fields(cls)) or ["nothing"]), JSON, max_size=2)
    )
    with contextlib.suppress(Invalid):
        load(cls, body)
        validator(cls).validate(body)


@for_each("cls", REQUESTS)
def test_each_example_is_accepted(cls):
    assert as_json(dump(load(cls, example(cls)))).keys() >= example(cls).keys()


def test_tags_have_unique_items():
    assert SCHEMAS["CreateDocument"]["properties"]["tags"]["uniqueItems"]
    validator(CreateDocument).validate({"title": "Plan", "tags": ["a", "b"]})
    with pytest.raises(jsonschema.ValidationError):
        validator(CreateDocument).validate({"title": "Plan", "tags": ["a", "a"]})


def test_example_supports_every_kind_of_field():
    class Everything(Request):
        sizes: dict[str, float]
        anything: Any

    assert example(Everything) == {"sizes": {ID: 1.5}, "anything": "a value"}


@each_endpoint
def test_examples_of_each_operation_match_their_schema(endpoint):
    """JSON requests and JSON responses both have an example."""
    operation, components = OPERATIONS[endpoint.operation], {"components": DOCUMENT["components"]}
    request_media = operation.get("requestBody", {}).get("content", {}).get(JSON_MEDIA)
    response_media = operation["responses"][str(endpoint.status)].get("content", {}).get(JSON_MEDIA)
    for media in filter(None, (request_media, response_media)):
        strict = jsonschema.Draft202012Validator(media["schema"] | components, format_checker=FORMATS)
        strict.validate(media["example"])
    if request_media:
        load(endpoint.request_class, request_media["example"])


@each_endpoint
def test_each_operation_documents_its_parameters_and_body(endpoint):
    operation = OPERATIONS[endpoint.operation]
    takes = set(wire_fields(endpoint.request_class))
    assert names_in("query", operation) == (takes if endpoint.in_query else set())
    assert ("requestBody" in operation) == ((bool(takes) and not endpoint.in_query) or endpoint.takes_file)
    assert names_in("path", operation) == set(re.findall(r":(\w+)", endpoint.path))


@each_endpoint
def test_a_body_that_may_be_left_out_is_not_required(endpoint):
    body = OPERATIONS[endpoint.operation].get("requestBody")
    if body is None or endpoint.takes_file:
        return
    # No body is an empty object.
    with contextlib.nullcontext() if not body["required"] else pytest.raises(Invalid):
        load(endpoint.request_class, {})


@each_endpoint
def test_each_operation_documents_its_permissions(endpoint):
    operation = OPERATIONS[endpoint.operation]
    policy = endpoint.policy
    documented = (operation["x-role"], operation["x-token-scope"], operation["x-agent"])
    assert documented == (policy.role, policy.token, policy.agent)
    assert (operation["security"] == []) == (policy.token == "public")
    assert ROLES[policy.role] in operation["description"]


@each_endpoint
def test_each_operation_has_a_summary(endpoint):
    assert re.fullmatch(r"[A-Z].{8,}\.", endpoint.summary)
    assert "Requires" not in endpoint.summary, "its policy says so in every description"


def test_accepted_tokens_are_documented():
    def security(operation: str) -> Any:
        return OPERATIONS[operation]["security"]

    assert security("auth.login") == []
    assert security("api_tokens.create") == [{"login": []}]
    assert security("cards.list") == [{"login": []}, {"apiToken": ["projects:read"]}]
    assert security("organizations.list") == [{"login": []}, {"apiToken": []}]
    assert len(security("organizations.create")[1]["apiToken"]) == 7


def test_possible_errors_are_documented():
    everywhere = {"429", "500", "503"}
    authenticated = everywhere | {"401", "403"}
    assert statuses("auth.login") == {"201", "400", "401", "409", "413", "415", "507"} | everywhere
    assert statuses("auth.me") == {"200", "304"} | authenticated
    assert statuses("system.health") == {"200"} | everywhere
    assert statuses("cards.list") == {"200", "304", "400", "404"} | authenticated
    assert statuses("cards.get") == {"200", "404"} | authenticated
    update = {"200", "202", "400", "404", "409", "412", "413", "415", "422", "507"}
    assert statuses("cards.update") == update | authenticated
    assert statuses("cards.update_many") == update - {"412"} | authenticated
    drafts = update - {"412"} | authenticated
    assert statuses("project_drafts.refine") == drafts
    assert statuses("cards.create") == update - {"200", "412"} | {"201"} | authenticated
    # Requests of an agent may have to wait for an approval; an agent deletes nothing.
    assert statuses("cards.delete") == {"200", "400", "404", "409", "412", "422", "507"} | authenticated


def test_versioned_resources_have_etag_and_if_match():
    for operation in ("cards.get", "cards.update"):
        assert "ETag" in OPERATIONS[operation]["responses"]["200"]["headers"]
    assert "ETag" not in OPERATIONS["projects.update"]["responses"]["200"]["headers"]
    if_match = {"$ref": "#/components/parameters/IfMatch"}
    taking = {name for name, operation in OPERATIONS.items() if if_match in operation.get("parameters", ())}
    assert taking == {
        "cards.update",
        "cards.delete",
        "documents.update",
        "documents.delete",
        "project_drafts.delete",
    }


def test_operations_that_write_accept_an_idempotency_key():
    key = {"$ref": "#/components/parameters/IdempotencyKey"}
    for operation in ("cards.create", "cards.update", "cards.delete", "invitations.accept"):
        assert key in OPERATIONS[operation]["parameters"]
    assert key not in OPERATIONS["auth.register"].get("parameters", ())
    assert key not in OPERATIONS["cards.list"]["parameters"]


def test_a_list_has_a_link_and_rows():
    success = OPERATIONS["columns.list"]["responses"]["200"]
    assert success["headers"]["Link"] == {"$ref": "#/components/headers/Link"}
    items = {"$ref": "#/components/schemas/Column"}
    assert success["content"]["application/json"]["schema"] == {"type": "array", "items": items}


@for_each("operation", ["cards.list", "cards.list_in_workspace", "cards.list_all"])
def test_cards_of_a_list_have_the_id_and_any_other_fields(operation):
    items = OPERATIONS[operation]["responses"]["200"]["content"][JSON_MEDIA]["schema"]["items"]
    checker = jsonschema.Draft202012Validator({**items, "components": DOCUMENT["components"]})
    cards = ({"id": ID, "title": "Write"}, {"title": "Write"}, {"id": ID, "title": None})
    assert [checker.is_valid(card) for card in cards] == [True, False, False]


def test_null_is_the_word_none_in_a_query():
    schemas = {
        parameter.get("name"): parameter["schema"]
        for operation in OPERATIONS.values()
        for parameter in operation.get("parameters", ())
        if parameter.get("in") == "query"
    }
    assert "null" not in json.dumps(schemas)
    checker = jsonschema.Draft202012Validator(schemas["priority"])
    values = ("none", ["low", "none"], "low", "null", None, ["urgent"])
    assert [checker.is_valid(value) for value in values] == [True, True, True, False, False, False]


def test_fields_have_limits_defaults_and_descriptions():
    assert SCHEMAS["CreateCard"]["properties"]["title"] == {
        "type": "string",
        "minLength": 1,
        "maxLength": 500,
        "pattern": NOT_BLANK,
        "description": "1-500 characters.",
    }
    assert SCHEMAS["CreateProject"]["properties"]["templateId"]["default"] == "simple"
    assert SCHEMAS["Card"]["properties"]["priority"]["enum"] == ["low", "medium", "high", None]
    assert SCHEMAS["CreateCard"]["required"] == ["title"]
    assert SCHEMAS["Card"]["required"] == list(SCHEMAS["Card"]["properties"])
    assert SCHEMAS["CreatedApiToken"]["properties"]["token"]["format"] == "password"
    parameters = {part.get("name"): part for part in OPERATIONS["notifications.list"]["parameters"]}
    limit = {"type": "integer", "minimum": 1, "maximum": 500, "default": 50}
    assert parameters["limit"]["schema"] == limit


def test_descriptions_use_wire_names():
    described = SCHEMAS["UpdateProject"]["properties"]["description"]["description"]
    assert described == "At most 5000 characters; `null` clears it."
    parameters = OPERATIONS["cards.list"]["parameters"]
    (described,) = [part["description"] for part in parameters if part.get("name") == "assigneeId"]
    assert described == (
        "Only cards assigned to this user, or to `me`; `none` for unassigned cards, `any` for all others."
    )


def test_tags_are_the_resources_in_order_each_described():
    tags = {tag["name"]: tag["description"] for tag in DOCUMENT["tags"]}
    assert list(tags) == list(dict.fromkeys(endpoint.resource for endpoint in ENDPOINTS))
    assert all(tags.values())


def test_an_error_is_described_and_has_the_published_shape():
    response = DOCUMENT["components"]["responses"]["RateLimited"]
    assert response["description"].startswith("Too many requests")
    assert "Retry-After" in response["headers"]
    jsonschema.validate(NotFound("Card not found").to_body("req_1"), SCHEMAS["Error"])


def test_class_without_docstring_has_no_description(monkeypatch):
    class Bare(Request):
        a: int

    assert documentation(Bare) == ("", {})
    schemas = Schemas()
    schemas.of(Bare)
    assert "description" not in schemas.definitions["Bare"]


def test_a_nullable_class_is_one_or_null():
    class Holder(Value):
        card: Card | None
        anything: Any
        either: int | str | None = None

    with pytest.raises(TypeError, match="one type beside None"):
        Schemas().of(Holder)

    class Better(Value):
        card: Card | None
        sizes: dict[str, float]
        either: int | str
        anything: Any | None

    schemas = Schemas()
    schemas.of(Better)
    properties = schemas.definitions["Better"]["properties"]
    assert properties["card"] == {"anyOf": [{"$ref": "#/components/schemas/Card"}, {"type": "null"}]}
    assert properties["sizes"] == {"type": "object", "additionalProperties": {"type": "number"}}
    assert properties["anything"] == {}
    assert properties["either"] == {"anyOf": [{"type": "integer"}, {"type": "string"}]}


def test_two_classes_with_the_same_name_raise():
    first = CardChange
    second = type("CardChange", (Request,), {"__annotations__": {}})
    schemas = Schemas()
    schemas.of(first)
    with pytest.raises(TypeError, match="two classes"):
        schemas.of(second)


def test_type_without_json_form_raises():
    with pytest.raises(TypeError, match="no JSON schema"):
        Schemas().of(bytes)


@for_each("cls", [cls for cls in (*REQUESTS, *VALUES) if cls is not Nothing])
def test_docstring_describes_existing_fields(cls):
    prose, fields = documentation(cls)
    assert prose
    assert set(fields) <= {field.name for field in attrs.fields(cls)}
