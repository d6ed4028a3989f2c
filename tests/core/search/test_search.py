"""Search: what says all that is asked for, the best first, as it stands by now and only for who may see it."""

from __future__ import annotations

from urllib.parse import quote, urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from stellary.contract.cards import CreateCard
from stellary.contract.columns import ListColumns
from stellary.contract.projects import CreateProject
from stellary.contract.refs import ColumnRef, ProjectRef
from stellary.core.board import search_entries
from stellary.core.board.cards import create_card
from stellary.core.board.columns import list_columns
from stellary.core.board.projects import create_project, delete_project
from stellary.core.board.tables import projects
from stellary.core.kernel.unit import NOBODY, Actor
from stellary.core.knowledge.documents import written_event as written
from stellary.core.knowledge.search_entries import document_entry
from stellary.core.knowledge.tables import documents
from stellary.core.search.rules import fold
from stellary.core.search.tables import entries
from tests.support.boards import Board
from tests.support.world import at_once


@pytest.fixture
def ann(world):
    return world.person("ann")


@pytest.fixture
def bob(world):
    return world.person("bob")


@pytest.fixture
def board(world, ann, bob):
    board = Board(world, ann)
    board.join(bob)
    return board


def search(board, q, who=None, **named):
    query = urlencode({"q": q, **named}, doseq=True)
    return board.world.ask(who or board.owner, "GET", f"{board.flat}/search?{query}")


def found(board, q, **named):
    """What is found, by kind and title; of a comment, by what it says."""
    return [
        (hit["kind"], hit["snippet"] if hit["kind"] == "comment" else hit["title"])
        for hit in search(board, q, **named)
    ]


def refused(board, query):
    """Status and message of a search that has to fail."""
    answer = board.world.call(board.owner, "GET", f"{board.flat}/search?{query}")
    assert answer.status == 400
    return answer.body.decode()


# ---------------------------------------------------------------------------------------------- what is found


def test_a_card_is_found_by_all_that_it_says(board):
    card = board.card(
        "Write the spec", description="Routes of the *billing* module.", checklist=[{"title": "Ask Zoë"}]
    )
    expected = {
        "kind": "card",
        "id": card["id"],
        "title": "Write the spec",
        "snippet": "Routes of the *billing* module. Ask Zoë",
        "projectId": board.project["id"],
        "cardId": card["id"],
        "cardKey": card["key"],
        "archived": False,
        "createdAt": card["createdAt"],
        "updatedAt": card["updatedAt"],
    }
    for q in (card["key"], "spec", "SPEC write", "bill", "zoe", '"the spec"', "billing spec zoë"):
        assert search(board, q) == [expected], q


def test_a_comment_is_found_with_its_card(board, bob):
    card = board.card()
    comment = board.comment(card, "The moon is made of cheese.", by=bob)
    assert search(board, "CHEESE") == [
        {
            "kind": "comment",
            "id": comment["id"],
            "title": "Write",
            "snippet": "The moon is made of cheese.",
            "projectId": board.project["id"],
            "cardId": card["id"],
            "cardKey": card["key"],
            "archived": False,
            "createdAt": comment["createdAt"],
            "updatedAt": comment["updatedAt"],
        }
    ]


def test_a_project_is_found_by_key_name_and_description(board, ann):
    board.world.ask(ann, "PATCH", board.path, {"description": "To the moon."})
    for q in ("launch", board.project["key"], "moon"):
        (hit,) = search(board, q)
        assert hit == {
            "kind": "project",
            "id": board.project["id"],
            "title": "Launch",
            "snippet": "To the moon.",
            "projectId": board.project["id"],
            "cardId": None,
            "cardKey": None,
            "archived": False,
            "createdAt": board.project["createdAt"],
            "updatedAt": hit["updatedAt"],
        }


def test_all_words_must_be_found_wherever_they_stand(board):
    board.card("Blue sky", description="over the sea")
    assert found(board, "sea blue") == [("card", "Blue sky")]
    assert found(board, "sea red") == []
    assert found(board, '"sky blue"') == []
    assert found(board, "ky") == [("card", "Blue sky")]


def test_whole_words_come_before_beginnings_and_titles_before_texts(board):
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
    assert [title[0] for _, title in found(board, "whe")] == list("abcdfg")


def test_words_in_their_order_come_first_and_the_newest_among_equals(board):
    for title in ("sky of blue", "blue sky", "sky and blue", "Blue: sky!"):
        board.card(title)
    assert [title for _, title in found(board, "blue sky")] == [
        "Blue: sky!",
        "blue sky",
        "sky and blue",
        "sky of blue",
    ]


def test_kinds_projects_and_archives_are_chosen(board, ann):
    board.world.ask(ann, "PATCH", board.path, {"description": "moon"})
    card = board.card("moon")
    board.comment(card, "moon")
    other = Board(board.world, ann, board.workspace)
    board.world.ask(ann, "PATCH", other.of(other.card("moon too")), {"archived": True})
    assert [kind for kind, _ in found(board, "moon", kind="card")] == ["card", "card"]
    assert {kind for kind, _ in found(board, "moon", kind=["comment", "project"])} == {"comment", "project"}
    assert found(board, "moon", projectId=other.project["id"]) == [("card", "moon too")]
    assert board.world.status(ann, "GET", f"{board.flat}/search?q=moon&projectId={'a' * 24}") == 400
    assert found(board, "moon", archived="true") == [("card", "moon too")]
    assert len(found(board, "moon", archived="false")) == 3
    assert len(found(board, "moon")) == 4
    # With its project, all of it is archived.
    board.world.ask(ann, "PATCH", board.path, {"archived": True})
    assert found(board, "moon", archived="false") == []
    assert all(hit["archived"] for hit in search(board, "moon"))


def test_common_words_are_words(board):
    board.card("to be or not to be")
    assert found(board, "the") == []
    assert found(board, "to be or not to be") == [("card", "to be or not to be")]


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


def test_a_query_that_cannot_be_is_refused_in_one_sentence(board):
    assert "q must be 1 to 200 characters" in refused(board, f"q={'a' * 10_000}")
    assert "q must be 1 to 200 characters" in refused(board, "q=")
    assert "q must not be blank" in refused(board, "q=+++")
    assert "q is required" in refused(board, "")
    assert "q must be at most 32 words" in refused(board, "q=" + "+".join(map(str, range(33))))
    assert search(board, " ".join(map(str, range(32)))) == []
    assert "q" in refused(board, "q=%00")
    assert "q" in refused(board, "q=%ff")
    assert "kind" in refused(board, "q=a&kind=person")
    assert "limit" in refused(board, "q=a&limit=501")
    assert "cursor must be one that this list has answered with" in refused(board, "q=a&cursor=nonsense")
    cards = f"{board.path}/cards?limit=1"
    board.card(), board.card()
    cursor = (
        board.world.call(board.owner, "GET", cards).headers["link"].partition("cursor=")[2].partition(">")[0]
    )
    assert "cursor must be one" in refused(board, f"q=a&cursor={cursor}")


def test_a_document_is_found_by_title_text_and_tags(board):
    body = {"title": "Launch plan", "content": "We *fly* to the moon.\n\nSoon.", "contentFormat": "markdown"}
    made = board.world.ask(board.owner, "POST", f"{board.flat}/documents", {**body, "tags": ["Apollo"]})
    expected = {
        "kind": "document",
        "id": made["id"],
        "title": "Launch plan",
        "snippet": "We fly to the moon. Soon. Apollo",
        "projectId": None,
        "cardId": None,
        "cardKey": None,
        "archived": False,
        "createdAt": made["createdAt"],
        "updatedAt": made["updatedAt"],
    }
    for q in ("launch plan", '"fly to"', "soon apollo", "MOON"):
        assert search(board, q, kind="document") == [expected], q
    # Who saves every few seconds finds every word of it.
    path = f"{board.flat}/documents/{made['id']}"
    for word in ("one", "two", "three"):
        board.world.ask(board.owner, "PATCH", path, {"content": word, "contentFormat": "markdown"})
        assert found(board, word, kind="document") == [("document", "Launch plan")]
    assert found(board, "moon") == []


def test_a_large_document_is_found_without_a_snippet(board):
    body = {"title": "Log", "content": "moon " * 60_000, "contentFormat": "markdown"}
    board.world.ask(board.owner, "POST", f"{board.flat}/documents", body)
    assert [hit["snippet"] for hit in search(board, "moon")] == [None]


def test_a_document_goes_with_what_it_belongs_to(board, ann):
    scope = board.world.ask(ann, "POST", f"{board.path}/scopes", {"name": "Phase 2"})
    context = {"contextType": "scope", "contextId": scope["id"]}
    board.world.ask(ann, "POST", f"{board.flat}/documents", {"title": "moon", **context})
    assert [hit["projectId"] for hit in search(board, "moon")] == [board.project["id"]]
    board.world.ask(ann, "DELETE", f"{board.flat}/scopes/{scope['id']}")
    assert found(board, "moon") == []


def test_a_document_of_the_organization_is_found_in_all_its_workspaces_and_nowhere_else(board, world, ann):
    organization = board.workspace.organization
    other = Board(world, ann, world.workspace(ann, organization))
    elsewhere = Board(world, ann)
    for context in ({"contextType": "organization", "contextId": organization.id}, {}):
        world.ask(ann, "POST", f"{board.flat}/documents", {"title": f"moon {len(context)}", **context})
    assert found(board, "moon") == [("document", "moon 0"), ("document", "moon 2")]
    assert found(other, "moon") == [("document", "moon 2")]
    assert found(other, "moon", kind="document", archived="false") == [("document", "moon 2")]
    assert found(elsewhere, "moon") == []


# ---------------------------------------------------------------------------------------------- for whom


def test_only_what_the_caller_may_see_is_found(board, world, ann, bob):
    eve = world.person("eve")
    other = Board(world, eve)
    for each in (board, other):
        each.comment(each.card("secret moon"), "moon")
    assert {hit["projectId"] for hit in search(board, "moon", who=bob)} == {board.project["id"]}
    here, nowhere = (
        world.call(eve, "GET", f"{flat}/search?q=moon", x_request_id="same").body
        for flat in (board.flat, "/orgs/no/workspaces/no")
    )
    assert here == nowhere
    # A project of somebody else's workspace is no project here.
    assert world.status(bob, "GET", f"{board.flat}/search?q=moon&projectId={other.project['id']}") == 400
    world.ask(ann, "DELETE", f"{board.flat}/members/{bob.id}")
    assert world.status(bob, "GET", f"{board.flat}/search?q=moon") == 404


# ---------------------------------------------------------------------------------------------- as it stands by now


def test_what_is_changed_is_found_by_what_it_says_by_now(board, ann):
    card = board.card("old title", description="old text")
    comment = board.comment(card, "old words")
    ask = board.world.ask
    ask(ann, "PATCH", board.of(card), {"title": "new title", "description": None})
    ask(ann, "POST", f"{board.flat_of(card)}/checklist", {"title": "new step"})
    ask(ann, "PATCH", f"{board.of(card)}/comments/{comment['id']}", {"content": "new words"})
    ask(ann, "PATCH", board.path, {"name": "New project"})
    assert found(board, "old") == []
    assert sorted(kind for kind, _ in found(board, "new")) == ["card", "comment", "project"]
    assert found(board, "new step title") == [("card", "new title")]


def test_what_is_deleted_is_found_no_longer(board, ann):
    cards = [board.card("moon") for _ in range(4)]
    comments = [board.comment(card, "moon") for card in cards]
    ask = board.world.ask
    ask(ann, "DELETE", f"{board.of(cards[0])}/comments/{comments[0]['id']}")
    assert len(found(board, "moon")) == 7
    ask(ann, "DELETE", board.of(cards[0]))
    assert len(found(board, "moon")) == 6
    scope = ask(ann, "POST", f"{board.path}/scopes", {"name": "Phase 2"})
    ask(ann, "PATCH", board.of(cards[1]), {"columnId": scope["columns"][0]["id"]})
    ask(ann, "DELETE", f"{board.flat}/scopes/{scope['id']}")
    assert len(found(board, "moon")) == 4
    ask(ann, "DELETE", board.path)
    assert (found(board, "moon"), found(board, "launch")) == ([], [])


def test_what_comes_in_bulk_or_in_a_file_is_found_like_all_else(board, ann):
    ask = board.world.ask
    column = board.columns[0]["id"]
    made = ask(
        ann, "POST", f"{board.path}/cards/bulk", {"cards": [{"title": "moon", "columnId": column}] * 3}
    )
    ask(
        ann,
        "PATCH",
        f"{board.path}/cards/bulk",
        {"cards": [{"id": card["id"], "title": f"star {number}"} for number, card in enumerate(made)]},
    )
    assert found(board, "moon") == []
    board.comment(board.card("sun", description="a star", checklist=[{"title": "star"}]), "star")
    before = sorted(found(board, "star"))
    assert len(before) == 5
    file = ask(ann, "GET", f"{board.path}/export")
    file["project"]["description"] = "star"
    imported = ask(ann, "POST", f"{board.flat}/projects/import", file)
    after = sorted(found(board, "star", projectId=imported["id"]))
    assert after == sorted([*before, ("project", "Launch")])


def test_what_was_undone_is_not_found(board, ann):
    cards = [{"title": "moon", "columnId": board.columns[0]["id"]}, {"title": "moon", "columnId": "a" * 24}]
    assert board.world.status(ann, "POST", f"{board.path}/cards/bulk", {"cards": cards}) == 400
    assert found(board, "moon") == []


def test_what_comes_and_goes_in_one_unit_is_not_found(board, ann):
    """A host may do several things in one unit of work."""
    core = board.world.core
    with core.begin(Actor(ann.id)) as uow:
        made = create_project(uow, board.workspace.ref, CreateProject(name="Moon"))
        ref = board.workspace.ref.child(ProjectRef, made.id)
        column = list_columns(uow, ref, ListColumns()).items[0]
        create_card(uow, ref.child(ColumnRef, column.id), CreateCard(title="Moon"))
        delete_project(uow, ref)
    assert found(board, "moon") == []


def indexed(core):
    """The index as it is, and as what there is says it should be."""
    with core.view(NOBODY) as uow:
        there = {tuple(row) for row in uow.connection.execute(select(entries))}
        rows = uow.connection.execute(select(projects.c.id, projects.c.workspace_id)).all()
        said = [
            each
            for row in rows
            for each in search_entries.list_project_entries(uow, row.workspace_id, row.id)
        ]
        said += [
            document_entry(written(row, is_new=True))
            for row in uow.connection.execute(select(documents)).mappings()
        ]
    wanted = {
        (
            each.workspace_id,
            each.id,
            each.kind,
            each.organization_id,
            each.project_id,
            each.card_id,
            each.document_id,
            fold(each.title),
            fold(each.text),
        )
        for each in said
    }
    return there, wanted


class Doing:
    """A board on which anything may be done: each step is one of these, on a card that there is, with some text."""

    def __init__(self, board):
        self.board, self.owner = board, board.owner
        self.cards, self.comments, self.documents = [board.card()], [], []

    def ask(self, method, path, body=None):
        return self.board.world.ask(self.owner, method, path, body)

    def make(self, card, text):
        self.cards.append(self.board.card(text, description=text, checklist=[{"title": text}]))

    def rename(self, card, text):
        self.ask("PATCH", self.board.of(card), {"title": text})

    def archive(self, card, text):
        self.ask("PATCH", self.board.of(card), {"archived": True, "description": text})

    def move(self, card, text):
        self.ask("PATCH", self.board.of(card), {"columnId": self.board.columns[1]["id"], "archived": False})

    def plan(self, card, text):
        self.ask("POST", f"{self.board.flat_of(card)}/checklist", {"title": text})

    def comment(self, card, text):
        self.comments.append((card, self.board.comment(card, text)))

    def correct(self, card, text):
        for of, comment in self.comments[:2]:
            self.ask("PATCH", f"{self.board.of(of)}/comments/{comment['id']}", {"content": text})

    def take_back(self, card, text):
        for of, comment in self.comments[:1]:
            self.ask("DELETE", f"{self.board.of(of)}/comments/{comment['id']}")
        del self.comments[:1]

    def delete(self, card, text):
        if len(self.cards) > 1:
            self.cards.remove(card)
            self.comments = [each for each in self.comments if each[0] is not card]
            self.ask("DELETE", self.board.of(card))

    def rename_project(self, card, text):
        self.ask("PATCH", self.board.path, {"name": text, "description": text})

    def copy(self, card, text):
        self.ask("POST", f"{self.board.flat}/projects/import", self.ask("GET", f"{self.board.path}/export"))

    def document(self, card, text):
        context = {"contextType": "project", "contextId": self.board.project["id"]}
        body = {"title": text, "content": f"# {text}", "contentFormat": "markdown", **context}
        self.documents.append(self.ask("POST", f"{self.board.flat}/documents", body))

    def edit(self, card, text):
        body = {"content": text, "contentFormat": "markdown", "tags": [text.strip()]}
        for each in self.documents[:2]:
            self.ask("PATCH", f"{self.board.flat}/documents/{each['id']}", body)

    def place(self, card, text):
        context = {"contextType": "organization", "contextId": self.board.workspace.organization.id}
        for each in self.documents[-1:]:
            self.ask("PATCH", f"{self.board.flat}/documents/{each['id']}", context)

    def forget(self, card, text):
        for each in self.documents[:1]:
            self.ask("DELETE", f"{self.board.flat}/documents/{each['id']}")
        del self.documents[:1]

    def rewrite(self, card, text):
        changes = [{"id": each["id"], "description": text} for each in self.cards[:3]]
        self.ask("PATCH", f"{self.board.path}/cards/bulk", {"cards": changes})


DOINGS = [name for name in vars(Doing) if name != "ask" and not name.startswith("_")]
TEXTS = st.text("ab é-", min_size=1, max_size=6).filter(str.strip)
STEPS = st.lists(st.tuples(st.sampled_from(DOINGS), st.integers(0, 5), TEXTS), min_size=8, max_size=30)


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(steps=STEPS)
def test_the_index_says_what_there_is_whatever_is_done(board, steps):
    doing = Doing(board)
    for name, which, text in steps:
        getattr(doing, name)(doing.cards[which % len(doing.cards)], text)
    there, wanted = indexed(board.world.core)
    assert there == wanted


@pytest.mark.slow
def test_the_index_says_what_there_is_after_many_have_written_at_once(board, ann):
    cards = [board.card() for _ in range(4)]
    comments = [board.comment(card) for card in cards]

    def write(number):
        call = board.world.call
        card, comment = cards[number % 4], comments[number % 4]
        for turn in range(6):
            text = f"{number} {turn}"
            call(ann, "PATCH", board.of(card), {"title": text})
            call(ann, "PATCH", f"{board.of(card)}/comments/{comment['id']}", {"content": text})
            made = board.world.ask(
                ann, "POST", f"{board.path}/columns/{board.columns[0]['id']}/cards", {"title": text}
            )
            call(ann, "POST", f"{board.of(made)}/comments", {"content": text})
            if turn % 2:
                call(ann, "DELETE", board.of(made))
        if number >= 6:
            call(ann, "DELETE", f"{board.of(card)}/comments/{comment['id']}")

    at_once(*[lambda number=number: write(number) for number in range(8)])
    there, wanted = indexed(board.world.core)
    assert there == wanted


# ---------------------------------------------------------------------------------------------- by the page


def test_pages_neither_repeat_nor_skip_while_others_write(board, ann):
    column = board.columns[0]["id"]
    cards = [
        {
            "title": "moon" if number % 3 else "x",
            "description": "moon" if number % 2 else "moons",
            "columnId": column,
        }
        for number in range(40)
    ]
    kept = [card["id"] for card in board.world.ask(ann, "POST", f"{board.path}/cards/bulk", {"cards": cards})]
    whole = [hit["id"] for hit in search(board, "moon", limit=500)]
    assert sorted(whole) == sorted(kept)
    path, ids = f"{board.flat}/search?q=moon&limit=7", []
    while path:
        ids += [hit["id"] for hit in board.world.ask(ann, "GET", path)]
        path = board.world.call(ann, "GET", path).headers.get("link", "").partition("<")[2].partition(">")[0]
        for title, description in (("moon", "moon"), ("moons", ""), ("x", "moon")):
            new = board.card(title, description=description)
            board.comment(new, "moon")
        board.world.ask(ann, "DELETE", board.of(new))
    assert [id for id in ids if id in set(kept)] == whole
    assert len(ids) == len(set(ids))


def test_a_search_takes_as_many_statements_however_much_is_found(board, statements):
    counts = []
    for more in (1, 60):
        for number in range(more):
            board.comment(board.card(f"moon {number}", description="moon"), "moon")
            board.world.ask(board.owner, "POST", f"{board.flat}/documents", {"title": "moon"})
        board.world.ask(board.owner, "PATCH", board.path, {"description": f"moon {more}"})
        for tail in ("", "&archived=false", f"&projectId={board.project['id']}&limit=500"):
            with statements() as sent:
                hits = board.world.ask(board.owner, "GET", f"{board.flat}/search?q={quote('moon')}{tail}")
            counts.append(len(sent))
            if more == 1 and "projectId" not in tail:
                assert {hit["kind"] for hit in hits} == {"card", "comment", "project", "document"}
    # The access check, the page, and one for each kind that is on it.
    assert counts[:2] == [6, 6]
    assert max(counts) == 6
