"""Actions on documents: the same services by name, with the same checks."""

import orjson
import pytest

from stellary.contract.errors import ApiError
from tests.core.knowledge.document_api import content
from tests.support.boards import Board
from tests.support.core_parts import actions


def run(document_api, name, actor=None, **params):
    with document_api.world.core.begin(actor or document_api.ann.actor) as uow:
        return actions.run(uow, document_api.workspace.ref, name, params)


def problem(document_api, name, **params):
    with pytest.raises(ApiError) as error:
        run(document_api, name, **params)
    return error.value.message


def test_document_is_created_from_a_text_for_a_project_by_name(document_api):
    project = document_api.project()
    top = document_api.document("Handbook")
    document = run(
        document_api,
        "create_document",
        title="Plan",
        content="**Go.**",
        projectId="launch",
        parentId="handbook",
    )
    assert (document.context_type, document.context_id, document.parent_id) == (
        "project",
        project["id"],
        top["id"],
    )
    assert (document.content_format, document.content) == ("markdown", "**Go.**")
    assert [
        document_.title for document_ in run(document_api, "list_documents", projectId="Launch").items
    ] == ["Plan"]
    assert [
        document_.title for document_ in run(document_api, "list_documents", parentId="Handbook").items
    ] == ["Plan"]
    assert [document_.title for document_ in run(document_api, "list_documents").items] == [
        "Handbook",
        "Plan",
    ]
    wide = run(document_api, "create_document", title="Wide", projectId="launch", contextType="workspace")
    assert wide.project_id is None
    by_name = {"contextType": "project", "contextId": project["id"], "projectId": "launch"}
    assert run(document_api, "create_document", title="Named", **by_name).project_id == project["id"]
    scoped = {"contextType": "scope", "contextId": project["scopeId"]}
    assert run(document_api, "create_document", title="Scoped", **scoped).project_id == project["id"]


def test_a_document_is_read_and_changed_by_its_title(document_api):
    document = document_api.document("Release notes", content=content("a"))
    assert run(document_api, "get_document", documentId="release notes").content == "a"
    assert run(
        document_api, "get_document", documentId=document["id"], contentFormat="tiptap"
    ).content == content("a")
    changed = run(document_api, "update_document", documentId="Reléase  notes", content="b", tags=["x"])
    assert (changed.content, changed.tags, changed.version) == ("b", ["x"], 2)
    changed = run(
        document_api, "update_document", documentId=document["id"], content=content("c"), parentId=None
    )
    assert changed.content == content("c")
    updated = run(document_api, "update_document", documentId=document["id"], contentFormat="tiptap", tags=[])
    assert (updated.content, updated.tags) == (content("c"), [])


def test_error_for_an_ambiguous_title_lists_the_documents(document_api):
    one, two = document_api.document("Plan"), document_api.document("Plan")
    message = f"documentId 'plan' could be 'Plan' ({one['id']}), 'Plan' ({two['id']}): give an id"
    assert problem(document_api, "get_document", documentId="plan") == message
    unknown = "documentId must be the id of an existing item"
    assert problem(document_api, "get_document", documentId="nothing like it").startswith(
        "documentId must be the id or the name of an existing item; "
    )
    assert problem(document_api, "get_document", documentId="a" * 24) == unknown
    assert problem(document_api, "update_document", documentId=one["id"], titel="x").startswith(
        "titel is not"
    )
    document_api.ask("DELETE", document_api.of(one))
    document_api.ask("DELETE", document_api.of(two))
    assert problem(document_api, "update_document", documentId="Plan") == unknown


def test_a_rule_writes_a_document_for_its_project(document_api):
    board = Board(document_api.world, document_api.ann, document_api.workspace)
    action = {"type": "create_document", "params": {"title": "Minutes", "docType": "note", "content": "# So"}}
    document_api.ask("POST", f"{board.path}/automations", {"trigger": "task_created", "action": action})
    board.card()
    (document,) = document_api.ask("GET", document_api.path)
    assert (document["title"], document["docType"], document["projectId"]) == (
        "Minutes",
        "note",
        board.project["id"],
    )


def test_editing_a_word_as_markdown_keeps_everything_else(document_api):
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
    document = document_api.document("Release", content=rich)
    markdown = run(document_api, "get_document", documentId="Release").content
    assert "| Draft | ann |" in markdown
    assert "- [x] Write it" in markdown
    run(document_api, "update_document", documentId="Release", content=markdown.replace("Draft", "Review"))
    edited = run(document_api, "get_document", documentId=document["id"], contentFormat="tiptap").content
    assert edited == orjson.loads(orjson.dumps(rich).replace(b"Draft", b"Review"))
