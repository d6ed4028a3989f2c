"""Actions on documents: the same services by name, with the same checks."""

from __future__ import annotations

import orjson
import pytest

from stellary.contract.errors import ApiError, Forbidden
from stellary.core.kernel import actions
from stellary.core.kernel.unit import Actor
from tests.core.knowledge.document_api import content
from tests.support.boards import Board


def run(document_api, name, actor=None, **params):
    with document_api.world.core.begin(actor or document_api.ann.actor) as uow:
        return actions.run(uow, document_api.workspace.ref, name, params)


def problem(document_api, name, **params):
    with pytest.raises(ApiError) as error:
        run(document_api, name, **params)
    return error.value.message


def test_a_document_is_made_of_a_text_for_a_project_by_name(document_api):
    project = document_api.project()
    top = document_api.document("Handbook")
    made = run(
        document_api,
        "create_document",
        title="Plan",
        content="**Go.**",
        projectId="launch",
        parentId="handbok",
    )
    assert (made.context_type, made.context_id, made.parent_id) == ("project", project["id"], top["id"])
    assert (made.content_format, made.content) == ("markdown", "**Go.**")
    assert [each.title for each in run(document_api, "list_documents", projectId="Launch").items] == ["Plan"]
    assert [each.title for each in run(document_api, "list_documents", parentId="Handbook").items] == ["Plan"]
    assert [each.title for each in run(document_api, "list_documents").items] == ["Handbook", "Plan"]
    wide = run(document_api, "create_document", title="Wide", projectId="launch", contextType="workspace")
    assert wide.project_id is None
    named = {"contextType": "project", "contextId": project["id"], "projectId": "launch"}
    assert run(document_api, "create_document", title="Named", **named).project_id == project["id"]
    scoped = {"contextType": "scope", "contextId": project["scopeId"]}
    assert run(document_api, "create_document", title="Scoped", **scoped).project_id == project["id"]


def test_a_document_is_read_and_changed_by_its_title(document_api):
    made = document_api.document("Release notes", content=content("a"))
    assert run(document_api, "get_document", documentId="release notes").content == "a"
    assert run(
        document_api, "get_document", documentId=made["id"], contentFormat="tiptap"
    ).content == content("a")
    changed = run(document_api, "update_document", documentId="Relase notes", content="b", tags=["x"])
    assert (changed.content, changed.tags, changed.version) == ("b", ["x"], 2)
    changed = run(document_api, "update_document", documentId=made["id"], content=content("c"), parentId=None)
    assert changed.content == content("c")
    told = run(document_api, "update_document", documentId=made["id"], contentFormat="tiptap", tags=[])
    assert (told.content, told.tags) == (content("c"), [])


def test_what_could_be_several_documents_is_told(document_api):
    one, two = document_api.document("Plan"), document_api.document("Plan")
    said = f"documentId 'plan' could be 'Plan' ({one['id']}), 'Plan' ({two['id']}): give an id"
    assert problem(document_api, "get_document", documentId="plan") == said
    unknown = "documentId must be the id of something that is there"
    assert problem(document_api, "get_document", documentId="nothing like it").startswith(
        f"{unknown}, or its name; "
    )
    assert problem(document_api, "get_document", documentId="a" * 24) == unknown
    assert problem(document_api, "update_document", documentId=one["id"], titel="x").startswith(
        "titel is not"
    )
    document_api.world.ask(document_api.ann, "DELETE", document_api.of(one))
    document_api.world.ask(document_api.ann, "DELETE", document_api.of(two))
    assert problem(document_api, "update_document", documentId="Plan") == unknown


def test_a_token_that_only_reads_writes_nothing(document_api):
    reader = Actor(document_api.ann.id, scopes=frozenset({"projects:read"}))
    assert run(document_api, "list_documents", reader).items == []
    with pytest.raises(Forbidden):
        run(document_api, "create_document", reader, title="Plan")


def test_a_rule_writes_a_document_for_its_project(document_api):
    board = Board(document_api.world, document_api.ann, document_api.workspace)
    action = {"type": "create_document", "params": {"title": "Minutes", "docType": "note", "content": "# So"}}
    document_api.world.ask(
        document_api.ann, "POST", f"{board.path}/automations", {"trigger": "task_created", "action": action}
    )
    board.card()
    (made,) = document_api.world.ask(document_api.ann, "GET", document_api.path)
    assert (made["title"], made["docType"], made["projectId"]) == ("Minutes", "note", board.project["id"])


def test_editing_a_word_as_markdown_keeps_everything_else(document_api):
    def row(kind, *texts):
        return {
            "type": "tableRow",
            "content": [{"type": kind, "content": content(each)["content"]} for each in texts],
        }

    rich = {
        "type": "doc",
        "content": [
            {
                "type": "table",
                "content": [row("tableHeader", "Task", "Owner"), row("tableCell", "Draft", "ann")],
            },
            {
                "type": "taskList",
                "content": [
                    {"type": "taskItem", "attrs": {"checked": done}, "content": content(title)["content"]}
                    for title, done in (("Write it", True), ("Ship it", False))
                ],
            },
            {"type": "image", "attrs": {"src": "https://a.example/b.png", "alt": "A plan"}},
            {"type": "callout", "attrs": {"kind": "warning"}, "content": content("Careful")["content"]},
            {
                "type": "paragraph",
                "attrs": {"textAlign": "center"},
                "content": [
                    {"type": "text", "text": "Ask "},
                    {"type": "mention", "attrs": {"id": "u1", "label": "Ann"}},
                    {
                        "type": "text",
                        "text": " red",
                        "marks": [{"type": "textStyle", "attrs": {"color": "#f00"}}],
                    },
                ],
            },
        ],
    }
    made = document_api.document("Release", content=rich)
    markdown = run(document_api, "get_document", documentId="Release").content
    assert "| Draft | ann |" in markdown
    assert "- [x] Write it" in markdown
    run(document_api, "update_document", documentId="Release", content=markdown.replace("Draft", "Review"))
    edited = run(document_api, "get_document", documentId=made["id"], contentFormat="tiptap").content
    expected = orjson.loads(orjson.dumps(rich).replace(b"Draft", b"Review"))
    assert edited == expected
