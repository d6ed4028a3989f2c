"""Actions on documents: the same services by name, with the same checks."""

from __future__ import annotations

import orjson
import pytest

from stellary.contract.errors import ApiError, Forbidden
from stellary.core.kernel import actions
from stellary.core.kernel.unit import Actor
from tests.core.knowledge.shelf import content
from tests.support.boards import Board


def run(shelf, name, actor=None, **params):
    with shelf.world.core.begin(actor or shelf.ann.actor) as uow:
        return actions.run(uow, shelf.workspace.ref, name, params)


def problem(shelf, name, **params):
    with pytest.raises(ApiError) as error:
        run(shelf, name, **params)
    return error.value.message


def test_a_document_is_made_of_a_text_for_a_project_by_name(shelf):
    project = shelf.project()
    top = shelf.document("Handbook")
    made = run(
        shelf, "create_document", title="Plan", content="**Go.**", projectId="launch", parentId="handbok"
    )
    assert (made.context_type, made.context_id, made.parent_id) == ("project", project["id"], top["id"])
    assert (made.content_format, made.content) == ("markdown", "**Go.**")
    assert [each.title for each in run(shelf, "list_documents", projectId="Launch").items] == ["Plan"]
    assert [each.title for each in run(shelf, "list_documents", parentId="Handbook").items] == ["Plan"]
    assert [each.title for each in run(shelf, "list_documents").items] == ["Handbook", "Plan"]
    wide = run(shelf, "create_document", title="Wide", projectId="launch", contextType="workspace")
    assert wide.project_id is None
    named = {"contextType": "project", "contextId": project["id"], "projectId": "launch"}
    assert run(shelf, "create_document", title="Named", **named).project_id == project["id"]
    scoped = {"contextType": "scope", "contextId": project["scopeId"]}
    assert run(shelf, "create_document", title="Scoped", **scoped).project_id == project["id"]


def test_a_document_is_read_and_changed_by_its_title(shelf):
    made = shelf.document("Release notes", content=content("a"))
    assert run(shelf, "get_document", documentId="release notes").content == "a"
    assert run(shelf, "get_document", documentId=made["id"], contentFormat="tiptap").content == content("a")
    changed = run(shelf, "update_document", documentId="Relase notes", content="b", tags=["x"])
    assert (changed.content, changed.tags, changed.version) == ("b", ["x"], 2)
    changed = run(shelf, "update_document", documentId=made["id"], content=content("c"), parentId=None)
    assert changed.content == content("c")
    told = run(shelf, "update_document", documentId=made["id"], contentFormat="tiptap", tags=[])
    assert (told.content, told.tags) == (content("c"), [])


def test_what_could_be_several_documents_is_told(shelf):
    one, two = shelf.document("Plan"), shelf.document("Plan")
    said = f"documentId 'plan' could be 'Plan' ({one['id']}), 'Plan' ({two['id']}): give an id"
    assert problem(shelf, "get_document", documentId="plan") == said
    unknown = "documentId must be the id of something that is there"
    assert problem(shelf, "get_document", documentId="nothing like it").startswith(
        f"{unknown}, or its name; "
    )
    assert problem(shelf, "get_document", documentId="a" * 24) == unknown
    assert problem(shelf, "update_document", documentId=one["id"], titel="x").startswith("titel is not")
    shelf.world.ask(shelf.ann, "DELETE", shelf.of(one))
    shelf.world.ask(shelf.ann, "DELETE", shelf.of(two))
    assert problem(shelf, "update_document", documentId="Plan") == unknown


def test_a_token_that_only_reads_writes_nothing(shelf):
    reader = Actor(shelf.ann.id, scopes=frozenset({"projects:read"}))
    assert run(shelf, "list_documents", reader).items == []
    with pytest.raises(Forbidden):
        run(shelf, "create_document", reader, title="Plan")


def test_a_rule_writes_a_document_for_its_project(shelf):
    board = Board(shelf.world, shelf.ann, shelf.workspace)
    action = {"type": "create_document", "params": {"title": "Minutes", "docType": "note", "content": "# So"}}
    shelf.world.ask(
        shelf.ann, "POST", f"{board.path}/automations", {"trigger": "task_created", "action": action}
    )
    board.card()
    (made,) = shelf.world.ask(shelf.ann, "GET", shelf.path)
    assert (made["title"], made["docType"], made["projectId"]) == ("Minutes", "note", board.project["id"])


def test_editing_a_word_as_markdown_keeps_everything_else(shelf):
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
    made = shelf.document("Release", content=rich)
    markdown = run(shelf, "get_document", documentId="Release").content
    assert "| Draft | ann |" in markdown
    assert "- [x] Write it" in markdown
    run(shelf, "update_document", documentId="Release", content=markdown.replace("Draft", "Review"))
    edited = run(shelf, "get_document", documentId=made["id"], contentFormat="tiptap").content
    expected = orjson.loads(orjson.dumps(rich).replace(b"Draft", b"Review"))
    assert edited == expected
