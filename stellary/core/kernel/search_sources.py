"""Sources: what search finds. Each area whose things are to be found lends one for each kind, as it lends actions.

To add a kind:

1. Name it in ``FoundKind`` of ``contract/search.py``.
2. In the area, write a ``Source`` of it, and a function that makes the ``Entry`` of one (``board/search_entries.py`` is the
   model, ``knowledge/findable.py`` a short one); name the source in ``SOURCES`` of ``search/search.py``.
3. In ``search/index.py`` say what the area's events do to the index, and name ``index.keep`` beside these events in
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
    """What a thing says, as it goes into the index.

    Attributes:
        id: Of the thing; no two kinds share one.
        workspace_id: Where it is found.
        organization_id: Where it is found as well: in all other workspaces of that.
        project_id, card_id, document_id: With what it goes, if it belongs to such a thing, or is one.
        title: What counts most.
        text: What else it says; a snippet is cut of it.
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
"""Cuts the snippet of a hit out of what it says."""


@attrs.frozen
class Source:
    """A kind of things that search finds.

    Attributes:
        policy: What the caller's token must reach for them to be found.
        show: The hits of some ids in a workspace (its organization is named first), by id; one statement. What is not there
            is left out.
    """

    kind: FoundKind
    policy: Policy
    show: Callable[[UnitOfWork, str, str, Collection[str], Cut], Mapping[str, Hit]]
