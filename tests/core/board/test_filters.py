"""Filters of lists by ids: ``none``, and ids of nothing that exists."""

from stellary import Stellary
from tests.support.boards import Board, ask
from tests.support.statements import count_statements


def titles(board: Board, query: str) -> list[str]:
    return [card["title"] for card in ask(board, "GET", f"{board.path}/cards?{query}")]


def test_none_filters_cards_that_have_none(board: Board):
    label = board.label()
    board.card("plain")
    board.card("mine", assigneeId=board.owner.id)
    board.card("labelled", labelIds=[label["id"]])
    board.card("urgent", priority="high")
    assert titles(board, "assigneeId=none") == ["plain", "labelled", "urgent"]
    assert titles(board, "labelId=none") == ["plain", "mine", "urgent"]
    assert titles(board, "priority=none") == ["plain", "mine", "labelled"]
    assert titles(board, "assigneeId=none&labelId=none&priority=none&limit=5") == ["plain"]
    assert titles(board, f"assigneeId={board.owner.id}&labelId=none") == ["mine"]


def test_sdk_filters_by_none_and_by_the_word(board: Board):
    board.card("plain")
    board.card("mine", assigneeId=board.owner.id, priority="high")
    slug = board.workspace.organization.slug
    client = Stellary.embedded(board.world.core.port(board.owner.actor))
    with client:
        listed = client.workspace(slug, board.workspace.slug).project(board.project["id"]).cards.list
        for cards in (listed(assignee_id=None, priority=None), listed(assignee_id="none")):
            assert [card.title for card in cards] == ["plain"]


def test_none_filters_documents_at_the_top(board: Board):
    path = f"{board.flat}/documents"
    ask(board, "POST", path, {"title": "Below", "parentId": ask(board, "POST", path, {"title": "Top"})["id"]})

    def listed_titles(query: str) -> list[str]:
        return [document["title"] for document in ask(board, "GET", f"{path}?{query}")]

    assert listed_titles("parentId=none") == listed_titles("parentId=none&topLevel=true") == ["Top"]
    assert listed_titles("parentId=none&topLevel=false") == []


def test_unused_id_matches_no_card(board: Board):
    label = board.label()
    scope = ask(board, "POST", f"{board.path}/scopes", {"name": "Next"})
    for query in (
        f"columnId={board.columns[1]['id']}",
        f"scopeId={scope['id']}",
        f"assigneeId={board.owner.id}",
        f"labelId={label['id']}",
    ):
        assert titles(board, query) == []


def test_deleted_card_is_known_by_its_activity(board: Board):
    card = board.card()
    ask(board, "DELETE", board.of(card))
    path = f"{board.path}/activity?cardId={card['id']}"
    assert ask(board, "GET", path) != []
    assert ask(board, "GET", f"{path}&type=comment_added") == []


def test_matching_filter_takes_no_additional_statement(board: Board):
    board.card("mine", assigneeId=board.owner.id)
    counts = []
    for query in ("", f"&assigneeId={board.owner.id}", f"&columnId={board.columns[0]['id']}"):
        # The first list reads the card, which is remembered then.
        ask(board, "GET", f"{board.path}/cards?status=open{query}")
        counts.append(count_statements(ask, board, "GET", f"{board.path}/cards?status=open{query}"))
    assert len(set(counts)) == 1
