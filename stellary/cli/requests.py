"""Commands close to the API: any request, and the events of a workspace."""

from __future__ import annotations

import json
import re
import sys
from typing import Any

import click

from stellary.cli.options import fail_usage, in_project, in_workspace
from stellary.cli.output import JQ, JsonCommand, print_json, print_line, run_jq
from stellary.cli.session import CommandContext
from stellary.client.calling.call import Response, next_cursor
from stellary.contract.activities import Activity
from stellary.contract.wire import UNSET

METHODS = click.Choice(["GET", "POST", "PATCH", "DELETE", "PUT"], case_sensitive=False)


@click.command("api")
@click.argument("method", type=METHODS)
@click.argument("path")
@click.option(
    "-f", "--raw-field", "texts", metavar="NAME=TEXT", multiple=True, help="A field with a text; repeatable."
)
@click.option(
    "-F",
    "--field",
    "values",
    metavar="NAME=VALUE",
    multiple=True,
    help="A field with a value in JSON, such as 3, true or null, else a text; repeatable.",
)
@click.option("--input", "body", type=click.File("rb"), help="The file with the body; - for standard input.")
@click.option("-H", "--header", "headers", metavar="NAME:TEXT", multiple=True, help="A header; repeatable.")
@click.option("--paginate", is_flag=True, help="Request all pages of a list, and print one list.")
@click.option("-i", "--include", is_flag=True, help="Print the status and the headers of the response.")
@JQ
@in_project(dry_run=True)
def api(session: CommandContext, method: str, path: str, **options: Any) -> None:
    """Send any request, and print the response.

    Fields are sent as a JSON body, or with GET as the query. In PATH, {org}, {workspace} and {project} stand for the current ones.

    \b
    Example:
      stellary api GET /orgs/{org}/workspaces/{workspace}/projects/{project}/cards -f status=open --paginate --jq '.[].key'
      stellary api PATCH /auth/me -f name="Jane Doe"
    """
    fields = _parse_fields(options["texts"], options["values"])
    if options["body"] and fields and method != "GET":
        fail_usage("pass fields or --input, not both")
    arguments: dict[str, Any] = {"headers": dict(_split(text, ":") for text in options["headers"])}
    if method == "GET":
        arguments["params"] = fields
    elif fields:
        arguments["json"] = fields
    if options["body"]:
        arguments["content"] = options["body"].read()
        arguments["headers"].setdefault("content-type", "application/json")
    target = _fill_in(session, path)
    response = session.client.request(method, target, **arguments)
    if options["include"]:
        _print_head(response)
    value = response.value
    while options["paginate"] and isinstance(value, list) and (cursor := next_cursor(response.headers)):
        response = session.client.request(
            method, target, **{**arguments, "params": {**fields, "cursor": cursor}}
        )
        value += response.value
    _print_value(value, options["jq"])


def _print_head(response: Response[object]) -> None:
    print_line(f"{response.status}")
    for name, text in response.headers.items():
        print_line(f"{name}: {text}")
    print_line("")


def _print_value(value: object, jq: str | None) -> None:
    if isinstance(value, bytes):
        sys.stdout.buffer.write(value)
    elif jq:
        click.echo(run_jq(jq, value), nl=False)
    elif value is not None:
        click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def _fill_in(session: CommandContext, path: str) -> str:
    """Return the path with the current organization, workspace and project in place of ``{org}`` and the like."""

    def find(match: re.Match[str]) -> str:
        if match[1] == "project":
            return session.project().id
        session.workspace()
        return session.setting(match[1]) or ""

    filled = re.sub(r"\{(org|workspace|project)\}", find, path)
    return filled if filled.startswith("/") else f"/{filled}"


def _parse_fields(texts: tuple[str, ...], values: tuple[str, ...]) -> dict[str, object]:
    fields: dict[str, object] = dict(_split(text, "=") for text in texts)
    for name, text in (_split(value, "=") for value in values):
        try:
            fields[name] = json.loads(text)
        except ValueError:
            fields[name] = text
    return fields


def _split(text: str, mark: str) -> tuple[str, str]:
    name, separator, value = text.partition(mark)
    if not name or not separator:
        fail_usage(f"{text!r} must be NAME{mark}VALUE")
    return name.strip(), value.strip() if mark == ":" else value


@click.command("watch", cls=JsonCommand)
@click.option("--count", type=click.IntRange(1), help="Stop after this number of events. Default: never.")
@click.option(
    "--from", "start", metavar="ID", help="Begin after the event with this eventId; 0 for all events."
)
@in_workspace(json=True)
def watch(session: CommandContext, count: int | None, start: str | None) -> None:
    """Print the events of a workspace as they happen, until you press Ctrl-C.

    \b
    Example:
      stellary watch
      stellary watch --json=type,meta --count 10
    """
    with session.workspace().events(last_event_id=UNSET if start is None else start) as events:
        for number, activity in enumerate(events, 1):
            if session.json:
                event = {**activity.to_dict(), "eventId": events.last_event_id}
                print_json(event, session.json, on_one_line=True)
            else:
                print_line(_format_activity(activity))
            sys.stdout.flush()
            if number == count:
                return


def _format_activity(activity: Activity) -> str:
    parts = [f"{activity.created_at:%Y-%m-%d %H:%M:%S}", activity.actor_name, activity.type.replace("_", " ")]
    parts += [
        str(activity.meta[name])
        for name in ("cardKey", "cardTitle", "title", "name")
        if activity.meta.get(name)
    ]
    return "  ".join(part for part in parts if part)
