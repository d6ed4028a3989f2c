"""The plain text of a document, for the search index and snippets."""

from __future__ import annotations

from stellary.contract.rich_text import Node, nodes

AT_SIGNS = ("@", "\ufe6b", "\uff20")
"""The characters that begin a mention: the last two fold to the first."""


def plain_text(document: Node) -> str:
    """Return the text of a document: a line for each block, with the names of mentioned people and the descriptions of images."""
    lines = "".join(_node_text(node) for node, _ in nodes(document)).splitlines()
    return "\n".join(filter(str.strip, lines))


def _node_text(node: Node) -> str:
    attributes = node.get("attrs") or {}
    match node["type"]:
        case "text":
            return str(node["text"])
        case "mention":
            return f"@{attributes.get('label') or attributes.get('id') or ''}"
        case "image":
            return f"\n{attributes.get('alt') or ''}\n"
        case _:
            return "\n"
