"""Templates of a workspace: what they keep of a project, who may save and use them, and the dates of new projects."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select, update

from stellary.contract.examples import answer_of
from stellary.contract.project_exports import EXPORT_PROJECT
from stellary.core import NOBODY
from stellary.core.board.rules.templates import build_file
from tests.core.board.card_api import CardApi
from tests.core.board.project_files import normalize, project_files
from tests.support.each_case import for_each
from tests.support.statements import record_statements
from tests.support.tables import cards, project_templates, users

Json = dict[str, Any]


def list_names(api: CardApi, who: Any = None) -> list[str]:
    path = f"{api.workspace.path}/projects/templates"
    return [template["name"] for template in api.world.ask(who or api.person, "GET", path)]


def create(api: CardApi, template: str, **fields: Any) -> CardApi:
    """Create a project from a template, and return an API for it."""
    path, body = f"{api.workspace.path}/projects", {"name": "New", "templateId": template, **fields}
    project = api.world.ask(api.person, "POST", path, body)
    assert project == api.world.ask(api.person, "GET", f"{path}/{project['id']}")
    return CardApi(api.world, api.person, api.workspace, project)


NOT_KEPT = {
    "project": {"key", "archived", "lastNumber", "memberRole", "visibility"},
    "cards": {
        *("number", "status", "archived", "assignee", "comments", "attachments"),
        *("createdBy", "createdAt", "completedAt"),
    },
    "documents": {"status", "author", "comments", "createdAt", "updatedAt"},
    "automations": {"action", "owner"},
}
"""The fields of a project file that say who has worked on the project and how far, or what another field says."""


def test_each_field_of_a_project_file_is_in_the_template_or_left_out_on_purpose():
    example = answer_of(EXPORT_PROJECT)
    template_file = build_file(example)
    left_out = {"project": example["project"].keys() - template_file["project"].keys()}
    for part in template_file.keys() - {"project"}:
        if names := example[part][0].keys() - template_file[part][0].keys():
            left_out[part] = names
    assert left_out == NOT_KEPT
    assert example.keys() - template_file.keys() == {"format", "exportedAt", "members"}


def write_document(api: CardApi) -> None:
    body = {"title": "Brief", "contextType": "project", "contextId": api.project["id"]}
    api.world.ask(api.person, "POST", f"{api.workspace.path}/documents", body)


@pytest.fixture
def bea(api: CardApi) -> Any:
    """Return another member of the workspace."""
    return api.world.member("bea", api.workspace)


def test_project_from_a_template_has_what_every_client_needs(api, todo_column, done_column):
    api.ask("PATCH", "", {"description": "For a client", "estimateUnit": "hours"})
    label = api.ask("POST", "/labels", {"name": "ops", "color": "#ff0000"})["id"]
    field = api.ask("POST", "/custom-fields", {"name": "Day", "type": "date"})["id"]
    report = api.card(
        todo_column,
        "Report",
        status="in_progress",
        startDate="2026-03-20",
        dueDate="2026-03-27T15:30:00Z",
        estimate=2.5,
        labelIds=[label],
        assigneeId=api.person.id,
        customFields={field: "2026-05-01"},
        checklist=[{"title": "Write", "done": True}],
        recurrence={"rule": "FREQ=WEEKLY;BYDAY=MO", "until": "2026-12-24"},
    )
    party, picnic = (api.card(done_column, title)["id"] for title in ("Party", "Picnic"))
    for target in (party, picnic):
        api.ask("POST", f"/cards/{report['id']}/relations", {"type": "blocks", "targetCardId": target})
    api.change(picnic, archived=True)
    api.ask("POST", f"/cards/{party}/comments", {"content": "Zebras"})
    write_document(api)
    action = {"type": "move_card", "params": {"targetColumn": done_column}}
    rule = {"name": "Done", "trigger": "checklist_complete", "action": action}
    api.ask("POST", "/automations", rule)
    saved = api.ask("POST", "/template", {"name": "Client", "description": "All of it"})
    assert (saved["cardCount"], saved["createdById"]) == (2, api.person.id)
    assert list_names(api) == ["Simple", "Development", "Agency", "Client"]
    api.world.delete_for_good(api.person, api.path)

    new = create(api, saved["id"], key="CLI", startDate="2027-03-20")
    assert (new.project["description"], new.project["estimateUnit"]) == ("For a client", "hours")
    file = new.ask("GET", "/export")
    assert [{name: column[name] for name in ("name", "cardStatus")} for column in file["columns"]] == saved[
        "columns"
    ]
    report, party = file["cards"]
    day = next(one["id"] for one in file["customFields"] if one["name"] == "Day")
    expected = {
        "title": "Report",
        "status": "open",
        "startDate": "2027-03-20T00:00:00Z",
        "dueDate": "2027-03-27T15:30:00Z",
        "estimate": 2.5,
        "assignee": None,
        "customFields": {day: "2026-05-01"},
        "checklist": [{"title": "Write", "done": False}],
        "comments": [],
    }
    assert {name: report[name] for name in expected} == expected
    assert (report["recurrence"]["until"], report["recurrence"]["later"]) == ("2027-12-24T00:00:00Z", {})
    assert [relation["targetCardId"] for relation in report["relations"]] == [party["id"]]
    assert (party["title"], party["status"], party["comments"]) == ("Party", "done", [])
    assert [document["title"] for document in file["documents"]] == ["Brief"]
    (rule,) = new.ask("GET", "/automations")
    assert (rule["enabled"], rule["action"]["params"]) == (True, {"targetColumn": new.columns()[2]["id"]})


@pytest.mark.slow("imports whole projects many times")
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_project_from_a_template_is_exported_as_an_import_of_the_rest(api, data):
    world, path = api.world, f"{api.workspace.path}/projects"
    file = data.draw(project_files(["ann@example.com"]))
    for card in file["cards"]:
        if card["recurrence"]:
            card["recurrence"]["until"] = None
    source = world.ask(api.person, "POST", f"{path}/import", file)["id"]
    saved = world.ask(api.person, "POST", f"{path}/{source}/template", {"name": source})
    dates = [
        card[name] for card in file["cards"] for name in ("startDate", "dueDate") if not card["archived"]
    ]
    dates += [scope[name] for scope in file["scopes"] for name in ("startDate", "dueDate")]
    start = {"startDate": min(filter(None, dates))} if any(dates) else {}
    new = create(api, saved["id"], **start)
    export = world.ask(api.person, "GET", f"{path}/{source}/export")
    cards = [card for card in export["cards"] if not card["archived"]]
    ids = {card["id"] for card in cards}
    for card in cards:
        for name in ("status", "completedAt", "createdAt", "number", "assignee", "comments"):
            card.pop(name)
        card["checklist"] = [{"title": item["title"]} for item in card["checklist"]]
        card["relations"] = [other for other in card["relations"] if other["targetCardId"] in ids]
    project = {name: export["project"][name] for name in ("description", "estimateUnit")} | {"name": "New"}
    changes = {"project": project, "cards": cards, "members": []}
    expected = world.ask(api.person, "POST", f"{path}/import", export | changes)["id"]
    one, other = (
        normalize(world.ask(api.person, "GET", f"{path}/{id}/export")) for id in (expected, new.project["id"])
    )
    for card in (*one["cards"], *other["cards"]):
        card |= {"createdAt": None, "completedAt": None}
    assert other | {"project": None} == one | {"project": None}


def test_end_of_a_series_is_not_the_earliest_date(api, todo_column):
    api.card(todo_column, recurrence={"rule": "FREQ=WEEKLY;BYDAY=MO", "until": "2036-12-24"})
    saved = api.ask("POST", "/template", {"name": "Series"})["id"]
    (card,) = create(api, saved).ask("GET", "/export")["cards"]
    assert card["recurrence"]["until"] == "2036-12-24T00:00:00Z"
    api.card(todo_column, dueDate="2037-01-31")
    saved = api.ask("POST", "/template", {"name": "Date"})["id"]
    one, other = create(api, saved, startDate="2037-02-28").ask("GET", "/export")["cards"]
    assert (one["recurrence"]["until"], other["dueDate"]) == ("2037-01-21T00:00:00Z", "2037-02-28T00:00:00Z")


def test_skeleton_has_no_cards_and_documents(api, todo_column):
    api.card(todo_column)
    write_document(api)
    saved = api.ask("POST", "/template", {"name": "Empty", "content": "skeleton"})
    file = create(api, saved["id"]).ask("GET", "/export")
    assert (file["cards"], file["documents"], len(file["columns"])) == ([], [], 3)


def test_creator_and_admins_change_a_template(api, bea):
    world, path = api.world, f"{api.workspace.path}/projects"
    api.ask("POST", "/template", {"name": "Client"})
    second = world.ask(bea, "POST", f"{api.path}/template", {"name": "Own"})
    for name in ("CLIENT", "simple"):
        expected = (409, f"there is a template {name!r} already")
        assert api.error("POST", "/template", {"name": name}) == expected
    for name in ("client", "Agency"):
        assert world.status(bea, "PATCH", f"{path}/templates/{second['id']}", {"name": name}) == 409
    renamed = world.ask(api.person, "PATCH", f"{path}/templates/{second['id']}", {"name": "Other"})
    assert renamed == second | {"name": "Other"}
    world.ask(bea, "DELETE", f"{path}/templates/{second['id']}")
    assert list_names(api) == ["Simple", "Development", "Agency", "Client"]


def test_private_project_becomes_a_template_only_by_those_who_could_show_it(api, bea):
    world, eve = api.world, api.world.person("eve")
    world.join(eve, api.workspace, role="guest")
    api.ask("POST", "/members", {"email": bea.email})
    api.ask("PATCH", "", {"visibility": "private"})
    assert world.status(bea, "POST", f"{api.path}/template", {"name": "Client"}) == 403
    saved = api.ask("POST", "/template", {"name": "Client"})
    assert "Client" in list_names(api, bea)
    assert "Client" not in list_names(api, eve)
    project = {"name": "Mine", "templateId": saved["id"]}
    assert world.ask(bea, "POST", f"{api.workspace.path}/projects", project)["visibility"] == "workspace"
    assert world.status(eve, "POST", f"{api.workspace.path}/projects", project) == 403


@for_each(
    "body, status",
    [
        ({"templateId": "0" * 24}, 400),
        ({"templateId": "simple", "startDate": "2026-01-01"}, 400),
        ({"startDate": "9999-12-31"}, 400),
        ({"key": "TAKEN"}, 409),
    ],
)
def test_project_that_cannot_be_created_is_refused(api, todo_column, body, status):
    world, path = api.world, f"{api.workspace.path}/projects"
    if "TAKEN" not in [project["key"] for project in world.ask(api.person, "GET", path)]:
        world.ask(api.person, "POST", path, {"name": "Taken", "key": "TAKEN"})
        api.card(todo_column, startDate="2026-01-01", dueDate="2026-01-03")
        api.ask("POST", "/template", {"name": "Client"})
    *_, template = world.ask(api.person, "GET", f"{path}/templates")
    before = len(world.ask(api.person, "GET", path))
    body = {"name": "New", "templateId": template["id"], **body}
    assert world.status(api.person, "POST", path, body) == status
    assert len(world.ask(api.person, "GET", path)) == before


def test_rules_of_a_template_name_people_by_id(api, bea):
    action = {"type": "assign_card", "params": {"assigneeId": bea.id}}
    when = {"all": [{"field": "assigneeId", "op": "eq", "value": bea.id}]}
    api.ask("POST", "/automations", {"trigger": "task_moved", "conditions": when, "action": action})
    saved = api.ask("POST", "/template", {"name": "Client"})["id"]
    with api.world.core.begin(NOBODY) as uow:
        assert bea.email.encode() not in uow.connection.execute(select(project_templates.c.file)).scalar()
        address = {"email": "new@example.com", "email_key": "new@example.com"}
        uow.connection.execute(update(users).where(users.c.id == bea.id).values(address))
    (rule,) = create(api, saved).ask("GET", "/automations")
    assert (rule["enabled"], rule["conditions"]) == (True, when)
    assert rule["action"]["params"] == {"assigneeId": bea.id}


def test_template_of_another_workspace_is_unknown(api):
    saved = api.ask("POST", "/template", {"name": "Client"})
    world, other = api.world, api.world.workspace(api.person)
    body = {"name": "New", "templateId": saved["id"]}
    assert world.status(api.person, "POST", f"{other.path}/projects", body) == 400


def test_token_that_is_bound_to_projects_cannot_save_or_use_a_template(api):
    fields = {"scopes": ["projects:read", "projects:write"], "projectIds": [api.project["id"]]}
    token = api.world.ask(api.person, "POST", "/api-tokens", {"name": "CI", **fields})["token"]
    saved = api.ask("POST", "/template", {"name": "Client"})
    world, path = api.world, f"{api.workspace.path}/projects"
    for tail, body in (
        (f"/{api.project['id']}/template", {"name": "Own"}),
        ("", {"name": "New", "templateId": saved["id"]}),
    ):
        answer = world.call(token, "POST", path + tail, body)
        assert (answer.status, b"bound_token" in answer.body) == (403, True)
    assert list_names(api, token) == ["Simple", "Development", "Agency"]


def test_token_that_may_not_create_rules_cannot_use_a_template_with_rules(api, done_column):
    token = api.world.api_token(api.person, ["projects:read", "projects:write"])
    path = f"{api.workspace.path}/projects"
    without = api.ask("POST", "/template", {"name": "Plain"})["id"]
    action = {"type": "move_card", "params": {"targetColumn": done_column}}
    api.ask("POST", "/automations", {"trigger": "checklist_complete", "action": action})
    body = {"name": "New", "templateId": api.ask("POST", "/template", {"name": "Rules"})["id"]}
    assert api.world.status(token, "POST", path, body) == 403
    api.world.ask(token, "POST", path, {"name": "New", "templateId": without})


@pytest.mark.slow("inserts many rows")
def test_number_and_size_of_templates_are_limited(api, todo_column):
    api.ask("POST", "/template", {"name": "Client"})
    with api.world.core.begin(NOBODY) as uow:
        (row,) = uow.connection.execute(project_templates.select()).mappings().all()
        rows = [{**row, "id": uow.new_id(), "name": name, "name_key": name} for name in map(str, range(99))]
        uow.connection.execute(insert(project_templates), rows)
    assert api.error("POST", "/template", {"name": "More"}) == (409, "a workspace has at most 100 templates")
    api.fill(todo_column, 501)
    expected = (409, "the project has more than 500 cards; export it, and import the file in parts")
    assert api.error("POST", "/template", {"name": "More"}) == expected


@pytest.mark.slow("inserts many rows")
def test_archived_cards_are_not_read_for_a_template(api, todo_column):
    api.fill(todo_column, 1_001)
    with api.world.core.begin(NOBODY) as uow:
        uow.connection.execute(update(cards).values(archived=True))
    api.card(todo_column)
    with record_statements() as statements:
        assert api.ask("POST", "/template", {"name": "Client"})["cardCount"] == 1
    assert sum("FROM stellary_comments" in statement for statement in statements) == 1
