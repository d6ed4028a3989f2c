"""Lists of the cards of several projects, and pages of the cards of one project in any order."""

from __future__ import annotations

from typing import cast

from stellary.contract.cards import LIST_ALL_CARDS, LIST_WORKSPACE_CARDS, Card, CardFilters, FindCards
from stellary.contract.paging import Listing
from stellary.contract.refs import Ref, WorkspaceRef
from stellary.contract.wire import invalid, wire_fields
from stellary.core.accounts import access as accounts_access
from stellary.core.board.filter_names import FilterNames
from stellary.core.board.order.listed_orders import ListedPosition, load_orders
from stellary.core.board.queries.card_lists import CardList, LeanCards, LoadedCards, load_cards_by_ids
from stellary.core.board.queries.card_windows import CardQuery, find_card_ids
from stellary.core.board.rules.card_conditions import NAMED, Test, list_ids, read_parameters
from stellary.core.board.visibility import select_seen_projects
from stellary.core.kernel.unit import UnitOfWork, serves


@serves(LIST_WORKSPACE_CARDS)
def list_workspace_cards(uow: UnitOfWork, ref: WorkspaceRef, request: FindCards) -> Listing[Card]:
    """Return the cards of the workspace that match all filters."""
    return _find_cards(uow, request, accounts_access.workspace(uow, ref).row.id)


@serves(LIST_ALL_CARDS)
def list_all_cards(uow: UnitOfWork, ref: Ref, request: FindCards) -> Listing[Card]:
    """Return the cards of all workspaces that match all filters."""
    return _find_cards(uow, request, None)


def _find_cards(uow: UnitOfWork, request: FindCards, workspace_id: str | None) -> Listing[Card]:
    """Return a page of the cards of the projects that the caller sees.

    Args:
        request: The filters and the page.
        workspace_id: The only workspace whose cards are returned; None for all workspaces.
    """
    names = FilterNames(uow, select_seen_projects(uow, workspace_id), workspace_id)
    comparisons = [*read_parameters(request).values()]
    conditions, keys = names.read_filter(comparisons, request.filter or "", request.sort or "")
    ids = next(
        (
            test.values
            for test in conditions
            if isinstance(test, Test) and test.field == "project" and not test.negated
        ),
        None,
    )
    project_ids = select_seen_projects(uow, workspace_id, None if ids is None else [*map(str, ids)])
    page = load_page(uow, CardQuery(project_ids, conditions, keys), request, request.limit)
    if not page.items:
        for field, parameter in NAMED.items():
            names.check_ids(field, list_ids(request, f"{field}_id"), parameter)
    return select_fields(page, request)


def load_page(uow: UnitOfWork, query: CardQuery, request: CardFilters, limit: int) -> Listing[Card]:
    """Return a page of cards, with a fixed number of statements.

    Args:
        query: The list.
        request: The request, with the cursor of the page.
        limit: The maximum number of cards.

    Raises:
        Invalid: The cursor is not one of this list, or the list cannot be sorted.
    """
    ids, cursor = find_card_ids(uow, query, request.cursor or "", limit)
    return Listing(with_orders(uow, None, load_cards_by_ids(uow, ids)), cursor)


def with_orders(uow: UnitOfWork, project_id: str | None, loaded: LoadedCards) -> CardList:
    """Return loaded cards with their orders in their columns.

    Args:
        project_id: The project; None for cards of several projects.
        loaded: The cards.
    """
    positions = [
        ListedPosition(card.column_id, position, card.id)
        for position, card in zip(loaded.positions, loaded.listed, strict=True)
        if not card.archived
    ]
    orders = load_orders(uow, project_id, positions)
    return CardList(loaded.listed, [orders.get(card.id) for card in loaded.listed])


def select_fields(page: Listing[Card], request: CardFilters) -> Listing[Card]:
    """Return a list whose cards have only the fields that a request names.

    Args:
        page: The list.
        request: The request, with ``fields``.

    Raises:
        Invalid: A card has no such field.
    """
    if not request.fields:
        return page
    names = ["id", *(name.strip() for name in request.fields.split(","))]
    known = wire_fields(Card)
    for name in names:
        if name not in known:
            raise invalid(("fields", f"must consist of {', '.join(known)}, not {name[:50]!r}"))
    return Listing(LeanCards(cast("CardList", page.items), list(dict.fromkeys(names))), page.next)
