"""Commands for the time that you spend on cards."""

from __future__ import annotations

from datetime import UTC, date

import click

from stellary.cli.options import DayParam, Group, complete_cards, in_project
from stellary.cli.output import JsonOptions, print_line, print_result, show
from stellary.cli.session import CommandContext
from stellary.contract.time_entries import MINUTES_MAX, TimeEntry
from stellary.contract.wire import UNSET

_CARD = click.argument("query", metavar="CARD", shell_complete=complete_cards)
_NOTE = click.option("--note", metavar="TEXT", help="What the time was spent on.")


@click.group(cls=Group)
def time() -> None:
    """Record the time that you spend on cards.

    \b
    Example:
      stellary time start LAUNCH-12
      stellary time stop LAUNCH-12 --note "First draft"
    """


@time.command("add")
@_CARD
@click.argument("minutes", type=click.IntRange(1, MINUTES_MAX))
@click.option("--day", type=DayParam(UTC), help="The day in UTC. Default: today.")
@_NOTE
@in_project(json=True, dry_run=True)
def add(session: CommandContext, query: str, minutes: int, day: date | None, note: str | None) -> None:
    """Record minutes that you have spent on a card.

    \b
    Example:
      stellary time add LAUNCH-12 90 --day 2026-04-01
    """
    project, _, card = session.load_card(query)
    entries = project.card(card).time_entries
    chosen_day = UNSET if day is None else day.isoformat()[:10]
    _report(entries.create(minutes=minutes, day=chosen_day, note=note or UNSET), session.json)


@time.command("start")
@_CARD
@in_project(dry_run=True)
def start(session: CommandContext, query: str) -> None:
    """Start your timer on a card. If it runs on another card, it is stopped there first.

    \b
    Example:
      stellary time start LAUNCH-12
    """
    project, _, card = session.load_card(query)
    project.card(card).time_entries.start()
    print_line(f'Started on {card.key} "{card.title}".')


@time.command("stop")
@_CARD
@_NOTE
@in_project(json=True, dry_run=True)
def stop(session: CommandContext, query: str, note: str | None) -> None:
    """Stop your timer on a card, and record its time.

    \b
    Example:
      stellary time stop LAUNCH-12
    """
    project, _, card = session.load_card(query)
    entries = project.card(card).time_entries
    _report(entries.stop(note=note or UNSET), session.json)


@time.command("list")
@_CARD
@in_project(json=True)
def list_entries(session: CommandContext, query: str) -> None:
    """List the time entries of a card.

    \b
    Example:
      stellary time list LAUNCH-12 --json=day,userName,minutes
    """
    project, _, card = session.load_card(query)
    show(project.card(card).time_entries.list(), session.json, "No time entries.")


@time.command("export")
@click.option("--from", "since", type=DayParam(UTC), help="The first day, in UTC.")
@click.option("--to", "until", type=DayParam(UTC), help="The last day, in UTC.")
@in_project()
def export(session: CommandContext, since: date | None, until: date | None) -> None:
    """Print the time entries of the project as CSV.

    \b
    Example:
      stellary time export --from 2026-04-01 > april.csv
    """
    first, last = (UNSET if day is None else day.isoformat()[:10] for day in (since, until))
    click.echo(session.project_handle().time_entries.export(from_=first, to=last), nl=False)


def _report(entry: TimeEntry, as_json: JsonOptions) -> None:
    sentence = f'Recorded {entry.minutes} min on {entry.card_key} "{entry.card_title}", {entry.day}.'
    print_result(entry, sentence, as_json)
