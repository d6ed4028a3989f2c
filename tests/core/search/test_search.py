"""Search: items with all words of the query, best match first, up to date, and only for callers with access."""

from urllib.parse import quote, urlencode

import pytest
from sqlalchemy import select

from stellary.contract.cards import CreateCard
from stellary.contract.columns import ListColumns
from stellary.contract.projects import CreateProject
from stellary.contract.refs import ColumnRef, ProjectRef
from stellary.core import NOBODY, Actor
from stellary.core.search.indexing import index_batch
from stellary.core.search.rules import fold
from tests.core.notifications.test_live_board import Writer
from tests.support.boards import Board, status
from tests.support.core_parts import (
    create_card,
    create_project,
    delete_project,
    document_entry,
    list_columns,
    search_entries,
)
from tests.support.core_parts import written_event as written
from tests.support.search_prefixes import find_wrong_prefixes, index_entries
from tests.support.tables import documents, projects
from tests.support.tables import search_entries as entries
from tests.support.world import at_once


@pytest.fixture
def board(world, ann, bob):
    board = Board(world, ann)
    board.join(bob)
    return board


def search(board, q, who=None, **filters):
    query = urlencode({"q": q, **filters}, doseq=True)
    return board.world.ask(who or board.owner, "GET", f"{board.flat}/search?{query}")


def find(board, q, **filters):
    """Return the hits by kind and title; for comments, by their text."""
    return [
        (hit["kind"], hit["snippet"] if hit["kind"] == "comment" else hit["title"])
        for hit in search(board, q, **filters)
    ]


def describe(kind, item, **fields):
    """Return the hit that an item is, with these fields."""
    absent = {"projectId": None, "cardId": None, "cardKey": None, "documentId": None, "archived": False}
    times = {name: item[name] for name in ("createdAt", "updatedAt")}
    return {"kind": kind, "id": item["id"], **absent, **times, **fields}


def search_error(board, query):
    """Return the status and message of a search that must fail."""
    answer = board.world.call(board.owner, "GET", f"{board.flat}/search?{query}")
    assert answer.status == 400
    return answer.body.decode()


# ---------------------------------------------------------------------------------------------- what is found


def test_card_is_found_by_each_of_its_texts(board):
    card = board.card(
        "Write the spec", description="Routes of the *billing* module.", checklist=[{"title": "Ask Zoë"}]
    )
    place = {"projectId": board.project["id"], "cardId": card["id"], "cardKey": card["key"]}
    texts = {"title": "Write the spec", "snippet": "Routes of the *billing* module. Ask Zoë"}
    expected = describe("card", card, **place, **texts)
    for q in (card["key"], "spec", "SPEC write", "bill", "zoe", '"the spec"', "billing spec zoë"):
        assert search(board, q) == [expected], q


def test_a_comment_is_found_with_its_card(board, bob):
    card = board.card()
    comment = board.comment(card, "The moon is made of cheese.", by=bob)
    place = {"projectId": board.project["id"], "cardId": card["id"], "cardKey": card["key"]}
    expected = describe("comment", comment, title="Write", snippet="The moon is made of cheese.", **place)
    assert search(board, "CHEESE") == [expected]


def test_a_project_is_found_by_key_name_and_description(board, ann):
    project = board.world.ask(ann, "PATCH", board.path, {"description": "To the moon."})
    expected = describe("project", project, title="Launch", snippet="To the moon.", projectId=project["id"])
    for q in ("launch", board.project["key"], "moon"):
        assert search(board, q) == [expected], q


def test_all_words_must_match_in_any_field(board):
    board.card("Blue sky", description="over the sea")
    assert find(board, "sea blue") == [("card", "Blue sky")]
    assert find(board, "sea red") == []
    assert find(board, '"sky blue"') == []
    assert find(board, "ky") == [("card", "Blue sky")]


def test_words_rank_before_prefixes_and_titles_before_texts(board):
    for title, description in (
        ("g", "somewhere"),
        ("f", "where to"),
        ("e", "ere"),
        ("d", "what for: whe"),
        ("c nowhere", ""),
        ("b where", ""),
        ("a whe", ""),
    ):
        board.card(title, description=description)
    assert [title[0] for _, title in find(board, "whe")] == list("abcdfg")


def test_words_in_their_order_come_first_and_the_newest_among_equals(board):
    for title in ("sky of blue", "blue sky", "sky and blue", "Blue: sky!"):
        board.card(title)
    expected = ["Blue: sky!", "blue sky", "sky and blue", "sky of blue"]
    assert [title for _, title in find(board, "blue sky")] == expected


def test_kinds_projects_and_archives_are_chosen(board, ann):
    board.world.ask(ann, "PATCH", board.path, {"description": "moon"})
    board.comment(board.card("moon"), "moon")
    other = Board(board.world, ann, board.workspace)
    board.world.ask(ann, "PATCH", other.of(other.card("moon too")), {"archived": True})
    assert [kind for kind, _ in find(board, "moon", kind="card")] == ["card", "card"]
    assert {kind for kind, _ in find(board, "moon", kind=["comment", "project"])} == {"comment", "project"}
    assert find(board, "moon", projectId=other.project["id"]) == [("card", "moon too")]
    assert find(board, "moon", archived="true") == [("card", "moon too")]
    assert len(find(board, "moon", archived="false")) == 3
    assert len(find(board, "moon")) == 4
    # With its project, all of it is archived.
    board.world.ask(ann, "PATCH", board.path, {"archived": True})
    assert find(board, "moon", archived="false") == []
    assert all(hit["archived"] for hit in search(board, "moon"))


def test_common_words_are_words(board):
    board.card("to be or not to be")
    assert find(board, "the") == []
    assert find(board, "to be or not to be") == [("card", "to be or not to be")]


@pytest.mark.parametrize(
    "q",
    [
        "'",
        '"',
        '""',
        "\\",
        "%",
        "_",
        "' OR 1=1 --",
        'a" OR "b',
        "NEAR(a, b)",
        "a AND NOT b*",
        "title:a",
        "(a | b) & !c <-> d:*",
        ":q",
        "%(q)s",
        "{q}",
        "\u202e\ufeff\u200d",
        "😀" * 200,
        "\ufdfa" * 200,
        "ก็" * 100,
        "a" * 200,
    ],
)
def test_no_query_is_more_than_some_words(board, q):
    card = board.card("plain")
    board.card(q[:100].strip() or "empty")
    hits = search(board, q)
    assert card["id"] not in [hit["id"] for hit in hits]
    assert len(hits) <= 1


def test_invalid_query_is_rejected_in_one_sentence(board):
    assert "q must be 1 to 200 characters" in search_error(board, f"q={'a' * 10_000}")
    assert "q must not be blank" in search_error(board, "q=+++")
    assert "q must be at most 32 words" in search_error(board, "q=" + "+".join(map(str, range(33))))
    assert search(board, " ".join(map(str, range(32)))) == []
    assert "q" in search_error(board, "q=%00")
    assert "q" in search_error(board, "q=%ff")
    cards = f"{board.path}/cards?limit=1"
    board.card(), board.card()
    cursor = (
        board.world.call(board.owner, "GET", cards).headers["link"].partition("cursor=")[2].partition(">")[0]
    )
    assert "cursor must be a cursor from" in search_error(board, f"q=a&cursor={cursor}")


def test_a_document_is_found_by_title_text_and_tags(board):
    body = {"title": "Launch plan", "content": "We *fly* to the moon.\n\nSoon.", "contentFormat": "markdown"}
    document = board.world.ask(board.owner, "POST", f"{board.flat}/documents", {**body, "tags": ["Apollo"]})
    texts = {"title": "Launch plan", "snippet": "We fly to the moon. Soon. Apollo"}
    expected = describe("document", document, documentId=document["id"], **texts)
    for q in ("launch plan", '"fly to"', "soon apollo", "MOON"):
        assert search(board, q, kind="document") == [expected], q
    # Who saves every few seconds finds every word of it.
    path = f"{board.flat}/documents/{document['id']}"
    for word in ("one", "two", "three"):
        board.world.ask(board.owner, "PATCH", path, {"content": word, "contentFormat": "markdown"})
        assert find(board, word, kind="document") == [("document", "Launch plan")]
    assert find(board, "moon") == []


def test_a_large_document_is_found_without_a_snippet(board):
    body = {"title": "Log", "content": "moon " * 60_000, "contentFormat": "markdown"}
    board.world.ask(board.owner, "POST", f"{board.flat}/documents", body)
    assert [hit["snippet"] for hit in search(board, "moon")] == [None]


def test_document_is_deleted_with_its_context(board, ann):
    scope = board.world.ask(ann, "POST", f"{board.path}/scopes", {"name": "Phase 2"})
    context = {"contextType": "scope", "contextId": scope["id"]}
    board.world.ask(ann, "POST", f"{board.flat}/documents", {"title": "moon", **context})
    assert [hit["projectId"] for hit in search(board, "moon")] == [board.project["id"]]
    board.world.ask(ann, "DELETE", f"{board.flat}/scopes/{scope['id']}")
    assert find(board, "moon") == []


def test_a_document_of_the_organization_is_found_in_all_its_workspaces_and_nowhere_else(board, world, ann):
    organization = board.workspace.organization
    other = Board(world, ann, world.workspace(ann, organization))
    elsewhere = Board(world, ann)
    for context in ({"contextType": "organization", "contextId": organization.id}, {}):
        world.ask(ann, "POST", f"{board.flat}/documents", {"title": f"moon {len(context)}", **context})
    assert find(board, "moon") == [("document", "moon 0"), ("document", "moon 2")]
    assert find(other, "moon") == [("document", "moon 2")]
    assert find(other, "moon", kind="document", archived="false") == [("document", "moon 2")]
    assert find(elsewhere, "moon") == []


# ---------------------------------------------------------------------------------------------- as it stands by now


def test_changed_item_is_found_by_its_new_text(board, ann):
    card = board.card("old title", description="old text")
    comment = board.comment(card, "old words")
    ask = board.world.ask
    ask(ann, "PATCH", board.of(card), {"title": "new title", "description": None})
    ask(ann, "POST", f"{board.flat_of(card)}/checklist", {"title": "new step"})
    ask(ann, "PATCH", f"{board.of(card)}/comments/{comment['id']}", {"content": "new words"})
    ask(ann, "PATCH", board.path, {"name": "New project"})
    assert find(board, "old") == []
    assert sorted(kind for kind, _ in find(board, "new")) == ["card", "comment", "project"]
    assert find(board, "new step title") == [("card", "new title")]


def test_deleted_item_is_not_found(board, ann):
    cards = [board.card("moon") for _ in range(4)]
    comments = [board.comment(card, "moon") for card in cards]
    ask = board.world.ask
    ask(ann, "DELETE", f"{board.of(cards[0])}/comments/{comments[0]['id']}")
    assert len(find(board, "moon")) == 7
    ask(ann, "DELETE", board.of(cards[0]))
    assert len(find(board, "moon")) == 6
    scope = ask(ann, "POST", f"{board.path}/scopes", {"name": "Phase 2"})
    ask(ann, "PATCH", board.of(cards[1]), {"columnId": scope["columns"][0]["id"]})
    ask(ann, "DELETE", f"{board.flat}/scopes/{scope['id']}")
    assert len(find(board, "moon")) == 4
    ask(ann, "DELETE", board.path)
    assert (find(board, "moon"), find(board, "launch")) == ([], [])


def test_bulk_created_and_imported_items_are_found(board, ann):
    ask = board.world.ask
    changes = [
        {"id": card["id"], "title": f"star {number}"}
        for number, card in enumerate(board.cards(3, title="moon"))
    ]
    ask(ann, "PATCH", f"{board.path}/cards/bulk", {"cards": changes})
    assert find(board, "moon") == []
    board.comment(board.card("sun", description="a star", checklist=[{"title": "star"}]), "star")
    before = sorted(find(board, "star"))
    assert len(before) == 5
    file = ask(ann, "GET", f"{board.path}/export")
    file["project"]["description"] = "star"
    imported = ask(ann, "POST", f"{board.flat}/projects/import", file)
    assert sorted(find(board, "star", projectId=imported["id"])) == sorted([*before, ("project", "Launch")])


def test_rolled_back_item_is_not_found(board):
    cards = [{"title": "moon", "columnId": board.columns[0]["id"]}, {"title": "moon", "columnId": "a" * 24}]
    assert status(board, "POST", f"{board.path}/cards/bulk", {"cards": cards}) == 400
    assert find(board, "moon") == []


def test_item_created_and_deleted_in_one_unit_is_not_found(board, ann, core):
    """Check several changes in one unit of work, as a host may make them."""
    with core.begin(Actor(ann.id)) as uow:
        project = create_project(uow, board.workspace.ref, CreateProject(name="Moon"))
        ref = board.workspace.ref.child(ProjectRef, project.id)
        column = list_columns(uow, ref, ListColumns()).items[0]
        create_card(uow, ref.child(ColumnRef, column.id), CreateCard(title="Moon"))
        delete_project(uow, ref)
    assert find(board, "moon") == []


def load_index(core):
    """Return the entries of the index, and the entries that the data requires."""
    with core.view(NOBODY) as uow:
        columns = [column for column in entries.c if column.name not in {"prefixes", "is_indexed"}]
        actual = {tuple(row) for row in uow.connection.execute(select(*columns))}
        rows = uow.connection.execute(select(projects.c.id, projects.c.workspace_id)).all()
        expected_entries = [
            entry
            for row in rows
            for entry in search_entries.list_project_entries(uow, row.workspace_id, row.id)
        ]
        expected_entries += [
            document_entry(written(row, is_new=True))
            for row in uow.connection.execute(select(documents)).mappings()
        ]
    expected = {
        (
            entry.workspace_id,
            entry.id,
            entry.kind,
            entry.organization_id,
            entry.project_id,
            entry.card_id,
            entry.document_id,
            fold(entry.title),
            fold(entry.text),
        )
        for entry in expected_entries
    }
    return actual, expected


SEARCHED = [
    *("card", "cards", "card_change", "card_changes", "card_deletion", "checklist_item", "comment"),
    *("comment_change", "comment_deletion", "project", "import", "restoration"),
    *("document", "document_change", "document_move", "document_deletion"),
]


@pytest.mark.slow("makes random changes")
@pytest.mark.parametrize("seed", range(3))
def test_index_matches_the_data_after_random_changes(board, bob, core, seed):
    writer = Writer(board, bob, seed)
    accepted = set()
    for name in writer.random.sample(5 * SEARCHED, 5 * len(SEARCHED)):
        if writer.write(f"write_{name}")[1] < 300:
            accepted.add(name)
        if writer.random.random() < 0.2:
            core.units.run(lambda uow: index_batch(uow, {}))
    assert accepted == {*SEARCHED}
    actual, expected = load_index(core)
    assert actual == expected
    assert find_wrong_prefixes(core) == set()
    index_entries(core)
    assert find_wrong_prefixes(core) == set()


@pytest.mark.slow("makes random changes")
def test_index_matches_the_data_after_concurrent_writes(board, ann):
    cards = [board.card() for _ in range(4)]
    comments = [board.comment(card) for card in cards]

    def write(number):
        call = board.world.call
        card, comment = cards[number % 4], comments[number % 4]
        for turn in range(6):
            text = f"{number} {turn}"
            call(ann, "PATCH", board.of(card), {"title": text})
            call(ann, "PATCH", f"{board.of(card)}/comments/{comment['id']}", {"content": text})
            imported = board.world.ask(
                ann, "POST", f"{board.path}/columns/{board.columns[0]['id']}/cards", {"title": text}
            )
            call(ann, "POST", f"{board.of(imported)}/comments", {"content": text})
            if turn % 2:
                call(ann, "DELETE", board.of(imported))
        if number >= 6:
            call(ann, "DELETE", f"{board.of(card)}/comments/{comment['id']}")

    at_once(*[lambda number=number: write(number) for number in range(8)])
    actual, expected = load_index(board.world.core)
    assert actual == expected


def test_number_of_statements_does_not_depend_on_the_number_of_hits(board, statements):
    counts = []
    for more in (1, 60):
        for number in range(more):
            board.comment(board.card(f"moon {number}", description="moon"), "moon")
            board.world.ask(board.owner, "POST", f"{board.flat}/documents", {"title": "moon"})
        board.world.ask(board.owner, "PATCH", board.path, {"description": f"moon {more}"})
        for tail in ("", "&archived=false", f"&projectId={board.project['id']}&limit=500"):
            with statements() as sent_statements:
                hits = board.world.ask(board.owner, "GET", f"{board.flat}/search?q={quote('moon')}{tail}")
            counts.append(len(sent_statements))
            if more == 1 and "projectId" not in tail:
                assert {hit["kind"] for hit in hits} == {"card", "comment", "project", "document"}
    # The access check, the extents of the indexes, the page, and one for each kind that is on it.
    assert counts[:2] == [7, 7]
    assert max(counts) == 7
