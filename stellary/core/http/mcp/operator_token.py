"""The operator's token, with which an AI client may read one workspace."""

from __future__ import annotations

import attrs


@attrs.frozen
class McpToken:
    """The operator's token.

    Attributes:
        secret: The token.
        user: The e-mail address of the user it acts as.
        workspace: The workspace, as ``acme/eng``.
    """

    secret: str = attrs.field(repr=False)
    user: str
    workspace: str
