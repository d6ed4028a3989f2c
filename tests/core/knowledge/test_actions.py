"""Actions on documents: the same services by name, with the same checks."""

import orjson
import pytest

from stellary.contract.errors import ApiError
from tests.core.knowledge.document_api import content
from tests.support.boards import Board
from tests.support.core_parts import actions


def run(api, name, actor=None, **params):
    with api.world.core.begin(actor or api.ann.actor) as uow:
        return actions.run(uow, api.workspace.ref, name, params)


def problem(api, name, **params):
    with pytest.raises(ApiError) as error:
        run(api, name, **params)
    return error.value.message


def test_document_is_created_from_a_text_for_a_project_by_name(api):
    project = api.project()
    top = api.document("Handbook")
    document = run(
        api, "create_document", title="Plan", content="**Go.**", projectId="launch", parentId="handbook"
    )
    assert document.context_type == "project"
    assert document.context_id == project["id"]
    assert document.parent_id == top["id"]
    assert (document.content_format, document.content) == ("markdown", "**Go.**")
    assert [document_.title for document_ in run(api, "list_documents", projectId="Launch").items] == ["Plan"]
    assert [document_.title for document_ in run(api, "list_documents", parentId="Handbook").items] == [
        "Plan"
    ]
    assert [document_.title for document_ in run(api, "list_documents").items] == ["Handbook", "Plan"]
    wide = run(api, "create_document", title="Wide", projectId="launch", contextType="workspace")
    assert wide.project_id is None
    by_name = {"contextType": "project", "contextId": project["id"], "projectId": "launch"}
    assert run(api, "create_document", title="Named", **by_name).project_id == project["id"]
    scoped = {"contextType": "scope", "contextId": project["scopeId"]}
    assert run(api, "create_document", title="Scoped", **scoped).project_id == project["id"]


def test_a_document_is_read_and_changed_by_its_title(api):
    document = api.document("Release notes", content=content("a"))
    assert run(api, "get_document", documentId="release notes").content == "a"
    assert run(api, "get_document", documentId=document["id"], contentFormat="tiptap").content == content("a")
    changed = run(api, "update_document", documentId="Reléase  notes", content="b", tags=["x"])
    assert (changed.content, changed.tags, changed.version) == ("b", ["x"], 2)
    changed = run(api, "update_document", documentId=document["id"], content=content("c"), parentId=None)
    assert changed.content == content("c")
    updated = run(api, "update_document", documentId=document["id"], contentFormat="tiptap", tags=[])
    assert (updated.content, updated.tags) == (content("c"), [])


def test_error_for_an_ambiguous_title_lists_the_documents(api):
    one, two = api.document("Plan"), api.document("Plan")
    message = f"documentId 'plan' could be 'Plan' ({one['id']}), 'Plan' ({two['id']}): give an id"
    assert problem(api, "get_document", documentId="plan") == message
    unknown = "documentId must be the id of an existing item"
    assert problem(api, "get_document", documentId="nothing like it").startswith(
        "documentId must be the id or the name of an existing item; "
    )
    assert problem(api, "get_document", documentId="a" * 24) == unknown
    assert problem(api, "update_document", documentId=one["id"], titel="x").startswith("titel is not")
    api.ask("DELETE", api.of(one))
    api.ask("DELETE", api.of(two))
    assert problem(api, "update_document", documentId="Plan") == unknown


def test_a_rule_writes_a_document_for_its_project(api):
    board = Board(api.world, api.ann, api.workspace)
    action = {"type": "create_document", "params": {"title": "Minutes", "docType": "note", "content": "# So"}}
    api.ask("POST", f"{board.path}/automations", {"trigger": "task_created", "action": action})
    board.card()
    (document,) = api.ask("GET", api.path)
    assert document == document | {"title": "Minutes", "docType": "note", "projectId": board.project["id"]}


def test_editing_a_word_as_markdown_keeps_everything_else(api):
    def row(kind, *texts):
        return {
            "type": "tableRow",
            "content": [{"type": kind, "content": content(text)["content"]} for text in texts],
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
    document = api.document("Release", content=rich)
    markdown = run(api, "get_document", documentId="Release").content
    assert "| Draft | ann |" in markdown
    assert "- [x] Write it" in markdown
    run(api, "update_document", documentId="Release", content=markdown.replace("Draft", "Review"))
    edited = run(api, "get_document", documentId=document["id"], contentFormat="tiptap").content
    assert edited == orjson.loads(orjson.dumps(rich).replace(b"Draft", b"Review"))
