"""Search a workspace.

Finds cards, comments, documents and projects by their words, best first. Accents and case do not matter, and quotation marks keep words
together. See [Search](../guides/search.md).
"""

from stellary import Project, Workspace


def search(ws: Workspace, text: str, limit: int = 10) -> list[str]:
    return [f"{hit.kind} {hit.card_key or ''} {hit.title}" for hit in ws.search(q=text, limit=limit)]


def search_open_cards(ws: Workspace, project: Project, text: str) -> list[str]:
    hits = ws.iterate_search(q=text, kind=["card"], project_id=project.id, archived=False)
    return [hit.title for hit in hits]
