"""Search sources, which connect areas to search. An area defines one for each kind of item that search finds.

To add a kind:

1. Add its name to ``FoundKind`` in ``contract/search.py``.
2. In the area, write a ``SearchSource``, and a function that builds an ``SearchEntry`` (see
``knowledge/search_entries.py`` for a short
   example); add the source to ``SOURCES`` in ``search/search.py``.
3. In ``search/index.py`` define how the area's events change the index, and list ``index.update_index`` for these events in
   ``reactions.py``. Entries are deleted automatically with their workspace, project or card.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

import attrs

from stellary.contract.endpoint import Policy
from stellary.contract.search import FoundKind, Hit
from stellary.core.kernel.unit import UnitOfWork


@attrs.frozen(kw_only=True)
class SearchEntry:
    """The indexed text of an item.

    Attributes:
        id: The id of the item; ids are unique across kinds.
        workspace_id: The workspace in which search finds it.
        organization_id: The organization in whose other workspaces search also finds it; None for none.
        project_id, card_id, document_id: The item that it is deleted with: its parent, or itself.
        title: The text that ranks highest.
        text: The remaining text, from which snippets are made.
    """

    kind: FoundKind
    id: str
    workspace_id: str
    organization_id: str | None = None
    project_id: str | None = None
    card_id: str | None = None
    document_id: str | None = None
    title: str
    text: str


MakeSnippet = Callable[[str], str | None]
"""Returns the snippet of a hit, from its text."""


@attrs.frozen
class SearchSource:
    """A kind of item that search finds.

    Attributes:
        policy: The policy that the caller's token must satisfy.
        show: Called with the unit, the organization id, the workspace id, ids and a function that makes snippets; returns
            the hits by id, in one statement. Missing ids are left out.
    """

    kind: FoundKind
    policy: Policy
    show: Callable[[UnitOfWork, str, str, Collection[str], MakeSnippet], Mapping[str, Hit]]
