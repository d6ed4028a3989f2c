"""Commands for what was deleted or changed: the trash, and undo."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias, get_args

import click

from stellary.cli.card_changes import report
from stellary.cli.finding import match_one
from stellary.cli.options import YES, Group, complete_cards, confirm, fail_usage, in_project, in_workspace
from stellary.cli.output import JsonCommand, print_line, print_result, show
from stellary.cli.session import CommandContext
from stellary.client.calling.method import Sync
from stellary.client.display._activity import summarize_change
from stellary.client.methods.trash import ContainerTrash, Trash
from stellary.contract.trash import TrashedContainer, TrashedItem, TrashKind
from stellary.contract.wire import UNSET

UNDOABLE = ("card_updated", "card_moved", "card_archived", "card_assigned", "card_transferred")
ITEM = click.argument("query", metavar="ITEM")
OF_WORKSPACES = click.option(
    "--workspaces",
    is_flag=True,
    help="The trash of workspaces and organizations instead of that of a workspace.",
)
Entry: TypeAlias = TrashedItem | TrashedContainer


@click.group(cls=Group)
def trash() -> None:
    """Manage deleted items. Refer to an item by its key, its name, or its id in the trash.

    \b
    Example:
      stellary trash list
      stellary trash restore LAUNCH-12
      stellary trash restore eng --workspaces
    """


@trash.command("list")
@click.option("--kind", type=click.Choice(get_args(TrashKind)), help="Only items of this kind.")
@OF_WORKSPACES
@in_workspace(json=True)
def list_items(session: CommandContext, kind: TrashKind | None, workspaces: bool) -> None:
    """List the deleted items of the workspace, or the deleted workspaces and organizations, the last one first.

    \b
    Example:
      stellary trash list --kind card
      stellary trash list --workspaces
    """
    if workspaces and kind:
        fail_usage("pass --kind or --workspaces, not both")
    entries: Iterable[Entry] = (
        session.client.trash.iterate()
        if workspaces
        else session.workspace().trash.iterate(kind=kind or UNSET)
    )
    show(list(entries), session.json, "The trash is empty.")


@trash.command("restore")
@ITEM
@click.option(
    "--name", metavar="TEXT", help="Another name for a label or a custom field, if its own is taken."
)
@click.option("--key", metavar="KEY", help="Another key for a project, if its own is taken.")
@click.option(
    "--slug", metavar="SLUG", help="Another slug for a workspace or an organization, if its own is taken."
)
@OF_WORKSPACES
@in_workspace(json=True, dry_run=True)
def restore(
    session: CommandContext, query: str, name: str | None, key: str | None, slug: str | None, workspaces: bool
) -> None:
    """Restore a deleted item with everything that was deleted with it.

    \b
    Example:
      stellary trash restore LAUNCH-12
      stellary trash restore eng --workspaces
    """
    if workspaces and (name or key):
        fail_usage("a workspace or an organization takes another --slug, not --name or --key")
    if slug and not workspaces:
        fail_usage("--slug needs --workspaces")
    deleted = _open_trash(session, workspaces)
    options = {"name": name, "key": key, "slug": slug}
    changes = {option: text for option, text in options.items() if text}
    entry: Entry = deleted.restore(_find_entry(deleted.iterate(), query), **changes)
    place = getattr(entry, "place", None)
    print_result(entry, f"Restored {describe(entry)}{f' to {place}' if place else ''}.", session.json)


@trash.command("purge")
@ITEM
@OF_WORKSPACES
@YES
@in_workspace(dry_run=True)
def purge(session: CommandContext, query: str, workspaces: bool, yes: bool) -> None:
    """Delete an item in the trash for good, with its files.

    \b
    Example:
      stellary trash purge LAUNCH-12 --yes
    """
    deleted = _open_trash(session, workspaces)
    entry = _find_entry(deleted.iterate(), query)
    confirm(f"Delete {describe(entry)} for good", is_confirmed=yes)
    deleted.delete(entry)
    print_line(f"Deleted {describe(entry)} for good.")


@click.command("undo", cls=JsonCommand)
@click.argument("query", metavar="CARD", shell_complete=complete_cards)
@in_project(json=True, dry_run=True)
def undo(session: CommandContext, query: str) -> None:
    """Take back the last change of a card's fields, position, labels or checklist. A second undo repeats the change.

    \b
    Example:
      stellary undo LAUNCH-12
    """
    project, _, card = session.load_card(query)
    for activity in project.activity.iterate(card_id=card.id):
        if activity.type in UNDOABLE and activity.changes:
            changes = ", ".join(map(summarize_change, activity.changes))
            report(project.undo(activity), f"Took back {changes}:", session.json)
            return
    raise click.ClickException(f"{card.key} has no change that can be undone")


def _open_trash(session: CommandContext, workspaces: bool) -> Trash[Sync] | ContainerTrash[Sync]:
    """Return the trash of workspaces and organizations, or that of the workspace to work in."""
    return session.client.trash if workspaces else session.workspace().trash


def _find_entry(entries: Iterable[Entry], query: str) -> Entry:
    return match_one(
        "item in the trash",
        query,
        entries,
        lambda entry: (entry.id, entry.item_id, entry.name, _get_key(entry) or entry.id),
        lambda entry: f"{describe(entry)} ({entry.id})",
    )


def _get_key(entry: Entry) -> str | None:
    return entry.key if isinstance(entry, TrashedItem) else entry.slug


def describe(entry: Entry) -> str:
    """Return the kind, the key or the slug, and the name of an entry."""
    key = _get_key(entry)
    return f'{entry.kind.replace("_", " ")}{f" {key}" if key else ""} "{entry.name}"'
