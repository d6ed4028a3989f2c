"""Search sources, which connect areas to search. An area defines one for each kind of thing that search finds.

To add a kind:

1. Name it in ``FoundKind`` of ``contract/search.py``.
2. In the area, write a ``Source`` of it, and a function that makes the ``Entry`` of one (``board/search_entries.py`` is the
   model, ``knowledge/findable.py`` a short one); name the source in ``SOURCES`` of ``search/search.py``.
3. In ``search/index.py`` say what the area's events do to the index, and name ``index.update_index`` beside these events in
   ``reactions.py``. What goes with its workspace, its project or its card goes from the index by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

import attrs

from stellary.contract.endpoint import Policy
from stellary.contract.search import FoundKind, Hit
from stellary.core.kernel.unit import UnitOfWork


@attrs.frozen(kw_only=True)
class Entry:
    """The text of a thing, as it is indexed.

    Attributes:
        id: The id of the thing; ids are unique across kinds.
        workspace_id: The workspace in which it is found.
        organization_id: The organization in whose other workspaces it is found as well; None for none.
        project_id, card_id, document_id: The thing that it is deleted with: one that it belongs to, or itself.
        title: The text that ranks highest.
        text: The remaining text, which snippets are cut from.
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


Cut = Callable[[str], str | None]
"""Returns the snippet of a hit, cut out of its text."""


@attrs.frozen
class Source:
    """A kind of thing that search finds.

    Attributes:
        policy: The policy that the caller's token must satisfy.
        show: Called with the unit, the organization id, the workspace id, ids and the cut; returns the hits by id, in one
            statement. Missing ids are left out.
    """

    kind: FoundKind
    policy: Policy
    show: Callable[[UnitOfWork, str, str, Collection[str], Cut], Mapping[str, Hit]]
