"""Trello: the JSON export of a board, as Trello's menu "Print, export, and share" gives it."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime
from functools import partial
from typing import Any

import attrs

from stellary.client.errors import UnsuitableFile
from stellary.client.importers.known import TRELLO_BOARD, TRELLO_CARD, TRELLO_ITEM, TRELLO_LIST
from stellary.client.importers.labels import Fields, Labels
from stellary.client.importers.reading import NAME_MAX, Draft, Reading, Report
from stellary.client.importers.texts import (
    comments_of,
    description_and_rest,
    moment_of,
    object_of,
    short,
    text_of,
    title_and_rest,
)
from stellary.client.transfer.json_file import JsonFile, parsed
from stellary.contract.cards import DESCRIPTION_MAX, CardStatus
from stellary.contract.checklists import CHECKLIST_MAX
from stellary.contract.project_imports import (
    ImportedCard,
    ImportedChecklistItem,
    ImportedColumn,
    ImportedComment,
    ImportedMember,
)
from stellary.contract.unset import UNSET

_WHAT = "the JSON export of a Trello board"
_ITEM_MAX = 500
_COLORS = {
    "green": "#4bce97",
    "yellow": "#e2b203",
    "orange": "#faa53d",
    "red": "#f87462",
    "purple": "#9f8fef",
    "blue": "#579dff",
    "sky": "#6cc3e0",
    "lime": "#94c748",
    "pink": "#e774bb",
    "black": "#8590a2",
}
_NO_COLOR = "#8590a2"
_COMMENTS = frozenset({"commentCard", "copyCommentCard"})


def read_trello(
    file: JsonFile,
    *,
    people: Mapping[str, str] | None = None,
    statuses: Mapping[str, CardStatus] | None = None,
) -> Reading:
    """Read a board: lists become columns, cards keep their numbers, labels, checklists, comments, fields and dates.

    Args:
        file: A path, the bytes, an open file, or what it says as a dict.
        people: E-mail addresses by the names of Trello's users, since the file has none: ``{"jdoe": "jane@acme.com"}``.
            They become members and assignees, if they reach the workspace.
        statuses: What being in a list means, by its name: ``{"Doing": "in_progress", "Done": "done"}``. Without that,
            only cards whose due date is marked as complete are done.

    Raises:
        UnsuitableFile: It is no such file.
        OSError: It cannot be read.
    """
    board = parsed(file, _WHAT)
    if not isinstance(board.get("lists"), list) or not isinstance(board.get("cards"), list):
        raise UnsuitableFile(f"this is not {_WHAT}: it has no lists and cards")
    report = Report()
    draft = _Board(board, report, people or {}, statuses or {}).draft()
    return Reading(draft.split(), report.left_out())


@attrs.define
class _Board:
    """A board while it is read."""

    board: dict[str, Any]
    report: Report
    people: Mapping[str, str]
    statuses: Mapping[str, CardStatus]

    def draft(self) -> Draft:
        labels, fields = self._labels(), self._fields()
        members = {each["id"]: each for each in _things(self.board, "members")}
        checklists: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for each in _in_order(_things(self.board, "checklists")):
            checklists[text_of(each.get("idCard"))].append(each)
        comments = self._comments()
        self.report.unknown("board", self.board, TRELLO_BOARD, "the board")
        archived_lists = {each["id"] for each in _things(self.board, "lists") if each.get("closed")}
        reader = partial(
            self._card,
            labels=labels,
            fields=fields,
            members=members,
            checklists=checklists,
            comments=comments,
            archived_lists=archived_lists,
        )
        cards = _in_order(_things(self.board, "cards"))
        columns = self._columns(cards)
        placed = list(self._placed(cards, {column.id for column in columns}))
        numbered = self._keeps_numbers(placed)
        return Draft(
            name=short(self.board.get("name"), NAME_MAX, "board.name", "the board", self.report),
            description=short(self.board.get("desc"), DESCRIPTION_MAX, "board.desc", "the board", self.report)
            if self.board.get("desc")
            else None,
            archived=bool(self.board.get("closed")),
            columns=columns,
            labels=labels.made,
            custom_fields=fields.made,
            cards=[reader(card, numbered=numbered) for card in placed],
            members=self._members(members.values()),
        )

    # ------------------------------------------------------------------------------------------ what cards refer to

    def _columns(self, cards: Iterable[dict[str, Any]]) -> list[ImportedColumn]:
        used = {text_of(card.get("idList")) for card in cards}
        columns = []
        for each in _in_order(_things(self.board, "lists")):
            name = text_of(each.get("name"))
            where = f"list {name[:NAME_MAX]!r}"
            self.report.unknown("list", each, TRELLO_LIST, where)
            if each.get("closed") and each["id"] not in used:
                self.report.note("list", "it is archived and empty", where)
                continue
            if each.get("closed"):
                self.report.note(
                    "list.closed", "columns cannot be archived: its cards are archived here", where
                )
            columns.append(
                ImportedColumn(
                    id=each["id"],
                    name=short(name, NAME_MAX, "list.name", where, self.report),
                    card_status=self.statuses.get(name, UNSET),
                )
            )
        return columns

    def _labels(self) -> Labels:
        labels = Labels(self.report)
        on_cards = [each for card in _things(self.board, "cards") for each in _things(card, "labels")]
        for each in [*_things(self.board, "labels"), *on_cards]:
            color = text_of(each.get("color"))
            name = each.get("name") or color.replace("_", " ") or "No name"
            labels.add(each["id"], name, _COLORS.get(color.split("_")[0], _NO_COLOR))
        return labels

    def _fields(self) -> Fields:
        fields = Fields(self.report)
        for each in _in_order(_things(self.board, "customFields")):
            id, name, kind = each["id"], each.get("name"), each.get("type")
            options = {option["id"]: _value(option, "text") for option in _in_order(_things(each, "options"))}
            if kind == "list":
                fields.choice(id, name, list(options.values()), partial(_chosen, options))
            elif kind == "number":
                fields.add(id, name, "number", _number)
            elif kind == "checkbox":
                fields.add(
                    id,
                    name,
                    "boolean",
                    lambda item: {"true": True, "false": False}.get(_value(item, "checked")),
                )
            elif kind == "date":
                fields.add(id, name, "date", _day)
            else:
                fields.add(id, name, "text", lambda item: _value(item, "text"))
        return fields

    def _comments(self) -> dict[str, list[ImportedComment]]:
        found: dict[str, list[ImportedComment]] = defaultdict(list)
        # The file has the newest first.
        for each in reversed(_things(self.board, "actions")):
            data = object_of(each.get("data"))
            if text_of(each.get("type")) not in _COMMENTS:
                self.report.note("action", "the history stays in Trello", text_of(each.get("type")))
                continue
            card = object_of(data.get("card"))
            author = object_of(each.get("memberCreator"))
            where = f"card {text_of(card.get('name'))[:NAME_MAX]!r}"
            when = moment_of(each.get("date"), "comment.date", where, self.report)
            name = text_of(author.get("fullName")) or text_of(author.get("username"))
            found[text_of(card.get("id"))] += comments_of(data.get("text"), name, when)
        return found

    def _members(self, members: Iterable[dict[str, Any]]) -> list[ImportedMember]:
        found = []
        for each in members:
            username = text_of(each.get("username"))
            if username in self.people:
                found.append(ImportedMember(name=_name(each)[:NAME_MAX], email=self.people[username]))
            else:
                self.report.note("member", "`people` names no e-mail address", username or _name(each))
        return found

    # ------------------------------------------------------------------------------------------ cards

    def _placed(self, cards: Iterable[dict[str, Any]], known: set[Any]) -> Iterator[dict[str, Any]]:
        for card in cards:
            if text_of(card.get("idList")) in known:
                yield card
            else:
                self.report.note("card", "the file does not have its list", _where(card))

    def _keeps_numbers(self, cards: Iterable[dict[str, Any]]) -> bool:
        """Whether the cards can keep their numbers: no two have the same one."""
        numbers = [card.get("idShort") for card in cards]
        if all(map(_is_a_number, numbers)) and len(set(numbers)) == len(numbers):
            return True
        self.report.note("card.idShort", "some have none, or the same one: all get new ones", "the board")
        return False

    def _card(
        self,
        card: dict[str, Any],
        labels: Labels,
        fields: Fields,
        members: Mapping[str, dict[str, Any]],
        checklists: Mapping[str, list[dict[str, Any]]],
        comments: Mapping[str, list[ImportedComment]],
        archived_lists: set[str],
        *,
        numbered: bool,
    ) -> ImportedCard:
        where, report = _where(card), self.report
        report.unknown("card", card, TRELLO_CARD, where)
        cover = object_of(card.get("cover"))
        if any(cover.get(name) for name in ("color", "idAttachment", "idUploadedBackground")):
            report.note("card.cover", "there is nothing like it here", where)
        title, title_rest = title_and_rest(card.get("name"), where, report)
        description, rest = description_and_rest(card.get("desc"), where, report)
        start = moment_of(card.get("start"), "card.start", where, report)
        due = moment_of(card.get("due"), "card.due", where, report)
        if start and due and start > due:
            report.note("card.start", "it is after the due date", where)
            start = None
        created = _made_at(card["id"])
        active = moment_of(card.get("dateLastActivity"), "card.dateLastActivity", where, report)
        done = bool(card.get("dueComplete"))
        own = comments.get(card["id"], [])
        self._count_comments(card, own, where)
        more = [title_rest, rest, self._files(card, where)]
        return ImportedCard(
            id=card["id"],
            title=title,
            column_id=card["idList"],
            description=description,
            number=card["idShort"] if numbered else UNSET,
            status="done" if done else UNSET,
            start_date=start,
            due_date=due,
            archived=bool(card.get("closed")) or card["idList"] in archived_lists,
            assignee=self._assignee(card, members, where),
            label_ids=labels.ids(_texts(card, "idLabels"), where),
            custom_fields=fields.values(
                {text_of(each.get("idCustomField")): each for each in _things(card, "customFieldItems")},
                where,
            ),
            checklist=self._steps(checklists.get(card["id"], []), where),
            comments=[*(each for text in more for each in comments_of(text)), *own],
            created_at=created or UNSET,
            completed_at=max(filter(None, (active, created)), default=None) if done else UNSET,
        )

    def _assignee(
        self, card: dict[str, Any], members: Mapping[str, dict[str, Any]], where: str
    ) -> str | None:
        assignee = None
        for id in _texts(card, "idMembers"):
            who = members.get(id, {})
            email = self.people.get(text_of(who.get("username")))
            if assignee is None and email is not None:
                assignee = email
            else:
                reason = "`people` names no e-mail address" if email is None else "a card has one assignee"
                self.report.note("assignee", f"{_name(who) or id}: {reason}", where)
        return assignee

    def _steps(self, checklists: list[dict[str, Any]], where: str) -> list[ImportedChecklistItem]:
        steps: list[ImportedChecklistItem] = []
        for checklist in checklists:
            name = text_of(checklist.get("name")).strip()
            for item in _in_order(_things(checklist, "checkItems")):
                self.report.unknown("checkItem", item, TRELLO_ITEM, where)
                said = text_of(item.get("name"))
                if len(checklists) > 1:
                    said = f"{name}: {said}"
                if len(steps) == CHECKLIST_MAX:
                    self.report.note("checkItem", f"a card takes {CHECKLIST_MAX}; {said!r}", where)
                    continue
                title = short(said, _ITEM_MAX, "checkItem.name", where, self.report)
                steps.append(ImportedChecklistItem(title=title, done=item.get("state") == "complete"))
        if len(checklists) > 1:
            self.report.note("checklist", "a card has one: their names stand before the steps", where)
        elif checklists and text_of(checklists[0].get("name")).strip() not in ("", "Checklist"):
            self.report.note("checklist.name", f"it has none here: {checklists[0].get('name')!r}", where)
        return steps

    def _files(self, card: dict[str, Any], where: str) -> str:
        """Attachments as links: the bytes of a file are not in the export, and Trello gives them to its members only."""
        lines = []
        for each in _things(card, "attachments"):
            name = text_of(each.get("name")) or text_of(each.get("url"))
            if each.get("isUpload"):
                self.report.note("attachment", "the export has no files; a comment has the link", where)
            lines.append(f"- {name}: {text_of(each.get('url'))}")
        return "\n".join(["Attachments in Trello:", *lines]) if lines else ""

    def _count_comments(self, card: dict[str, Any], own: list[ImportedComment], where: str) -> None:
        there = object_of(card.get("badges")).get("comments")
        if isinstance(there, int) and there > len(own):
            reason = "the export has the last 1000 actions of a board only"
            self.report.note("comment", reason, where, there - len(own))


def _things(found: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """A list of things, of which each has an id."""
    things = found.get(name)
    if not isinstance(things, list):
        return []
    return [each for each in things if isinstance(each, dict) and isinstance(each.get("id"), str)]


def _texts(found: Mapping[str, Any], name: str) -> list[str]:
    """A list of ids."""
    ids = found.get(name)
    return [each for each in ids if isinstance(each, str)] if isinstance(ids, list) else []


def _in_order(things: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(things, key=lambda each: each["pos"] if _is_number(each.get("pos")) else math.inf)


def _is_number(found: Any) -> bool:
    return isinstance(found, int | float) and not isinstance(found, bool)


def _is_a_number(found: Any) -> bool:
    return isinstance(found, int) and 0 < found < 2_000_000_000


def _where(card: Mapping[str, Any]) -> str:
    return f"card {text_of(card.get('name'))[:NAME_MAX]!r}"


def _name(member: Mapping[str, Any]) -> str:
    return text_of(member.get("fullName")) or text_of(member.get("username"))


def _value(item: Mapping[str, Any], name: str) -> str:
    return text_of(object_of(item.get("value")).get(name))


def _chosen(options: Mapping[str, str], item: Mapping[str, Any]) -> str:
    return options.get(text_of(item.get("idValue")), "")


def _day(item: Mapping[str, Any]) -> str | None:
    try:
        return date.fromisoformat(_value(item, "date")[:10]).isoformat()
    except ValueError:
        return None


def _number(item: Mapping[str, Any]) -> float | int | None:
    try:
        found = float(_value(item, "number"))
    except ValueError:
        return None
    if not math.isfinite(found):
        return None
    return int(found) if found.is_integer() and abs(found) < 2**53 else found


def _made_at(id: str) -> datetime | None:
    """When something was made: the ids of Trello begin with that."""
    try:
        return datetime.fromtimestamp(int(id[:8], 16), UTC)
    except ValueError:
        return None
