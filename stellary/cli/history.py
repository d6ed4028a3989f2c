"""Commands for what was deleted or changed: the trash, and undo."""

from __future__ import annotations

from typing import cast, get_args

import click

from stellary.cli.card_changes import report
from stellary.cli.completing import complete_cards
from stellary.cli.finding import find_card
from stellary.cli.options import Group, confirm, dry_run
from stellary.cli.output import (
    JsonCommand,
    JsonOptions,
    as_json,
    format_candidates,
    print_json,
    print_line,
    show,
)
from stellary.cli.session import CommandContext, in_project, in_workspace
from stellary.contract.trash import TrashedItem, TrashKind
from stellary.contract.unset import UNSET

UNDOABLE = ("card_updated", "card_moved", "card_archived", "card_assigned")
ITEM = click.argument("query", metavar="ITEM")


@click.group(cls=Group)
def trash() -> None:
    """Manage deleted items. Refer to an item by its key, its name or the start of it, or its id in the trash.

    \b
    Example:
      stellary trash list
      stellary trash restore LAUNCH-12
    """


@trash.command("list")
@click.option("--kind", type=click.Choice(get_args(TrashKind)), help="Only items of this kind.")
@as_json
@in_workspace
def list_items(session: CommandContext, kind: str | None, as_json: JsonOptions) -> None:
    """List the deleted items of the workspace, the last one first.

    \b
    Example:
      stellary trash list --kind card
    """
    kinds = UNSET if kind is None else cast("TrashKind", kind)
    show(list(session.workspace().trash.iterate(kind=kinds)), as_json, "The trash is empty.")


@trash.command("restore")
@ITEM
@click.option(
    "--name", metavar="TEXT", help="Another name for a label or a custom field, if its own is taken."
)
@click.option("--key", metavar="KEY", help="Another key for a project, if its own is taken.")
@as_json
@in_workspace
@dry_run
def restore(
    session: CommandContext, query: str, name: str | None, key: str | None, as_json: JsonOptions
) -> None:
    """Restore a deleted item with everything that was deleted with it.

    \b
    Example:
      stellary trash restore LAUNCH-12
    """
    items = session.workspace().trash
    item = items.restore(find_item(session, query), name=name or UNSET, key=key or UNSET)
    if as_json:
        print_json(item, as_json)
    else:
        print_line(f"Restored {describe(item)}.")


@trash.command("purge")
@ITEM
@click.option("-y", "--yes", is_flag=True, help="Do not ask for confirmation.")
@in_workspace
@dry_run
def purge(session: CommandContext, query: str, yes: bool) -> None:
    """Delete an item in the trash for good, with its files.

    \b
    Example:
      stellary trash purge LAUNCH-12 --yes
    """
    item = find_item(session, query)
    confirm(f"Delete {describe(item)} for good", is_confirmed=yes)
    session.workspace().trash.delete(item)
    print_line(f"Deleted {describe(item)} for good.")


@click.command("undo", cls=JsonCommand)
@click.argument("query", metavar="CARD", shell_complete=complete_cards)
@as_json
@in_project
@dry_run
def undo(session: CommandContext, query: str, as_json: JsonOptions) -> None:
    """Take back the last change of a card's fields, position, labels or checklist. A second undo repeats the change.

    \b
    Example:
      stellary undo LAUNCH-12
    """
    project = session.project_handle()
    card = find_card(project, query)
    for activity in project.activity.iterate(card_id=card.id):
        if activity.type in UNDOABLE and activity.changes:
            report(project.undo(activity), "Took back the last change of", as_json)
            return
    raise click.ClickException(f"{card.key} has no change that can be undone")


def find_item(session: CommandContext, query: str) -> TrashedItem:
    """Return the item in the trash that a text names.

    Args:
        session: The session of the command.
        query: An id, a key, a name or the start of a name. If several items have the same key or id, the one that was deleted
            last.

    Raises:
        click.ClickException: There is no such item, or several have that name.
    """
    items = list(session.workspace().trash.iterate())
    folded = query.casefold()
    for item in items:
        if query in (item.id, item.item_id) or (item.key or "").casefold() == folded:
            return item
    matches = [item for item in items if item.name.casefold() == folded] or [
        item for item in items if item.name.casefold().startswith(folded)
    ]
    if not matches:
        raise click.ClickException(f"the trash has no item {query!r}")
    if len(matches) > 1:
        candidates = format_candidates(matches, lambda item: f"{describe(item)} ({item.id})")
        raise click.ClickException(f"several items are called {query!r}: {candidates}; pass an id")
    return matches[0]


def describe(item: TrashedItem) -> str:
    """Return the kind, the key and the name of an item."""
    key = f" {item.key}" if item.key else ""
    return f'{item.kind.replace("_", " ")}{key} "{item.name}"'


COMMANDS = (trash, undo)
