"""What a document says, without how it looks: for whoever searches it, or shows a piece of it."""

from __future__ import annotations

from stellary.contract.rich_text import Node, nodes


def plain_text(document: Node) -> str:
    """The text of a document: a line for each block, names of who is mentioned and of pictures in it."""
    lines = "".join(_said(node) for node, _ in nodes(document)).splitlines()
    return "\n".join(filter(str.strip, lines))


def _said(node: Node) -> str:
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
