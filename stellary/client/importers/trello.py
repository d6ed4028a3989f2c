"""The importer for Trello boards: the JSON export of the menu "Print, export, and share"."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime
from functools import partial
from typing import Any

from stellary.client.errors import UnsuitableFile
from stellary.client.importers.formats import TRELLO_BOARD
from stellary.client.importers.labels import FieldCollection, LabelCollection
from stellary.client.importers.objects import is_card_number, read_object
from stellary.client.importers.reading import NAME_MAX, Draft, LossReport, Reading, comments_of
from stellary.client.transfer.json_file import JsonFile, parse_json_file
from stellary.contract.cards import DESCRIPTION_MAX, CardStatus
from stellary.contract.checklists import CHECKLIST_MAX
from stellary.contract.custom_fields import FieldType
from stellary.contract.project_imports import (
    ImportedCard,
    ImportedChecklistItem,
    ImportedColumn,
    ImportedComment,
    ImportedMember,
)
from stellary.contract.wire import UNSET

_FILE_KIND = "the JSON export of a Trello board"
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
    """Read a Trello board: lists become columns; cards keep their numbers, labels, checklists, comments, fields and dates.

    Args:
        file: A path, bytes, an open file, or the content as a dict.
        people: E-mail addresses by Trello username, since the export does not have them: ``{"jdoe": "jane@acme.com"}``.
            These people become members and assignees, if they have access to the workspace. The report lists usernames
            that the file does not have.
        statuses: The status of the cards of a list, by its name: ``{"Doing": "in_progress", "Done": "done"}``. By default
            only cards whose due date is marked as complete are done. The report lists names that no list has.

    Returns:
        The project, and a report of everything that was omitted or changed.

    Raises:
        UnsuitableFile: The file is not an export of a board.
        OSError: The file cannot be read.
    """
    board = parse_json_file(file, _FILE_KIND)
    if not isinstance(board.get("lists"), list) or not isinstance(board.get("cards"), list):
        raise UnsuitableFile(f"this is not {_FILE_KIND}: it has no lists and cards")
    report = LossReport()
    board = read_object(board, TRELLO_BOARD, "the board", report)
    draft = _Board(board, report, people or {}, statuses or {}).draft()
    return Reading(draft.split(), report.left_out())


class _Board:
    """A board while it is converted."""

    def __init__(
        self,
        board: dict[str, Any],
        report: LossReport,
        people: Mapping[str, str],
        statuses: Mapping[str, CardStatus],
    ) -> None:
        self.board, self.report = board, report
        self.people, self.statuses = people, statuses
        self.labels, self.fields = self._labels(), self._fields()
        self.members = {member["id"]: member for member in board.get("members", [])}
        self.checklists: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for checklist in _sort_by_position(board.get("checklists", [])):
            self.checklists[checklist["idCard"]].append(checklist)
        self.comments = self._comments()
        self.archived_lists = {
            trello_list["id"] for trello_list in board["lists"] if trello_list.get("closed")
        }

    def draft(self) -> Draft:
        cards = _sort_by_position(self.board["cards"])
        columns = self._columns(cards)
        column_ids = {column.id for column in columns}
        imported_cards = [card for card in cards if card.get("idList") in column_ids]
        for card in cards:
            if card.get("idList") not in column_ids:
                self.report.note("card", "its list is not in the file", _where(card))
        numbered = self._keeps_numbers(imported_cards)
        return Draft(
            name=self.report.shorten(self.board.get("name"), NAME_MAX, "board.name", "the board"),
            description=self.report.shorten(
                self.board.get("desc"), DESCRIPTION_MAX, "board.desc", "the board"
            )
            if self.board.get("desc")
            else None,
            archived=self.board.get("closed", False),
            columns=columns,
            labels=self.labels.imported,
            custom_fields=self.fields.imported,
            cards=[self._card(card, numbered) for card in imported_cards],
            members=self._members(),
        )

    # ------------------------------------------------------------------------------------------ columns and labels

    def _columns(self, cards: Iterable[dict[str, Any]]) -> list[ImportedColumn]:
        used = {card.get("idList") for card in cards}
        columns = []
        self.report.note_unknown(
            "statuses", self.statuses, {trello_list.get("name", "") for trello_list in self.board["lists"]}
        )
        for trello_list in _sort_by_position(self.board["lists"]):
            name = trello_list.get("name", "")
            where = f"list {name[:NAME_MAX]!r}"
            if trello_list.get("closed") and trello_list["id"] not in used:
                self.report.note("list", "it is archived and empty", where)
                continue
            if trello_list.get("closed"):
                self.report.note(
                    "list.closed", "columns cannot be archived: its cards are archived instead", where
                )
            columns.append(
                ImportedColumn(
                    id=trello_list["id"],
                    name=self.report.shorten(name, NAME_MAX, "list.name", where),
                    card_status=self.statuses.get(name, UNSET),
                )
            )
        return columns

    def _labels(self) -> LabelCollection:
        labels = LabelCollection(self.report)
        on_cards = [label for card in self.board["cards"] for label in card.get("labels", [])]
        for label in [*self.board.get("labels", []), *on_cards]:
            color = label.get("color", "")
            name = label.get("name") or color.replace("_", " ") or "No name"
            labels.add(label["id"], name, _COLORS.get(color.split("_")[0], _NO_COLOR))
        return labels

    def _fields(self) -> FieldCollection:
        fields = FieldCollection(self.report)
        for field in _sort_by_position(self.board.get("customFields", [])):
            id, name, kind = field["id"], field.get("name"), field.get("type", "")
            options = {
                option["id"]: _value(option, "text") for option in _sort_by_position(field.get("options", []))
            }
            if kind == "list":
                fields.choice(id, name, list(options.values()), partial(_option_text, options))
            else:
                fields.add(id, name, *_FIELD_TYPES.get(kind, _FIELD_TYPES["text"]))
        return fields

    def _comments(self) -> dict[str, list[ImportedComment]]:
        by_card: dict[str, list[ImportedComment]] = defaultdict(list)
        # The export has the newest actions first.
        for action in reversed(self.board.get("actions", [])):
            data = action.get("data", {})
            kind = action.get("type", "")
            if kind not in _COMMENTS:
                self.report.note("action", "the history stays in Trello", kind)
                continue
            card = data.get("card", {})
            created_at = self.report.moment_of(action.get("date"), "comment.date", _where(card))
            author_name = _name(action.get("memberCreator", {}))
            by_card[card.get("id", "")] += comments_of(data.get("text"), author_name, created_at)
        return by_card

    def _members(self) -> list[ImportedMember]:
        imported = []
        members = self.members.values()
        self.report.note_unknown("people", self.people, {member.get("username", "") for member in members})
        for member in members:
            username = member.get("username", "")
            if username in self.people:
                imported.append(ImportedMember(name=_name(member)[:NAME_MAX], email=self.people[username]))
            else:
                self.report.note(
                    "member", "`people` has no e-mail address for this login", username or _name(member)
                )
        return imported

    # ------------------------------------------------------------------------------------------ cards

    def _keeps_numbers(self, cards: Iterable[dict[str, Any]]) -> bool:
        """Return whether the cards can keep their numbers: all have one, and no two are equal."""
        numbers = [card.get("idShort") for card in cards]
        if all(map(is_card_number, numbers)) and len(set(numbers)) == len(numbers):
            return True
        self.report.note(
            "card.idShort",
            "some cards have no number or the same number: all cards get new numbers",
            "the board",
        )
        return False

    def _card(self, card: dict[str, Any], numbered: bool) -> ImportedCard:
        where, report = _where(card), self.report
        if any(card.get("cover", {}).values()):
            report.note("card.cover", "Stellary has no equivalent", where)
        title, title_rest = report.split_title(card.get("name"), where)
        description, description_rest = report.split_description(card.get("desc"), where)
        start = report.moment_of(card.get("start"), "card.start", where)
        due = report.moment_of(card.get("due"), "card.due", where)
        if start and due and start > due:
            report.note("card.start", "it is after the due date", where)
            start = None
        created = _creation_time(card["id"])
        active = report.moment_of(card.get("dateLastActivity"), "card.dateLastActivity", where)
        done = card.get("dueComplete", False)
        card_comments = self.comments.get(card["id"], [])
        missing_comments = card.get("badges", {}).get("comments", 0) - len(card_comments)
        if missing_comments > 0:
            reason = "the export contains only the last 1000 actions of a board"
            report.note("comment", reason, where, missing_comments)
        people = [(id, self.members.get(id, {})) for id in card.get("idMembers", [])]
        extra_texts = [title_rest, description_rest, self._files(card, where)]
        return ImportedCard(
            id=card["id"],
            title=title,
            column_id=card["idList"],
            description=description,
            number=card["idShort"] if numbered else UNSET,
            status="done" if done else UNSET,
            start_date=start,
            due_date=due,
            archived=card.get("closed", False) or card["idList"] in self.archived_lists,
            assignee=report.choose_assignee(
                [(_name(person) or id, self.people.get(person.get("username", ""))) for id, person in people],
                where,
            ),
            label_ids=self.labels.ids(card.get("idLabels", []), where),
            custom_fields=self.fields.values(
                {item["idCustomField"]: item for item in card.get("customFieldItems", [])}, where
            ),
            checklist=self._steps(self.checklists.get(card["id"], []), where),
            comments=[*(comment for text in extra_texts for comment in comments_of(text)), *card_comments],
            created_at=created or UNSET,
            completed_at=max(filter(None, (active, created)), default=None) if done else UNSET,
        )

    def _steps(self, checklists: list[dict[str, Any]], where: str) -> list[ImportedChecklistItem]:
        steps: list[ImportedChecklistItem] = []
        for checklist in checklists:
            name = checklist.get("name", "").strip()
            for item in _sort_by_position(checklist.get("checkItems", [])):
                text = item.get("name", "")
                if len(checklists) > 1:
                    text = f"{name}: {text}"
                if len(steps) == CHECKLIST_MAX:
                    self.report.note("checkItem", f"a card can have at most {CHECKLIST_MAX}: {text!r}", where)
                    continue
                title = self.report.shorten(text, _ITEM_MAX, "checkItem.name", where)
                steps.append(ImportedChecklistItem(title=title, done=item.get("state") == "complete"))
        if len(checklists) > 1:
            self.report.note(
                "checklist", "a card has one checklist: the names precede the titles of the items", where
            )
        elif checklists and checklists[0].get("name", "").strip() not in ("", "Checklist"):
            self.report.note(
                "checklist.name", f"checklists have no names: {checklists[0].get('name')!r}", where
            )
        return steps

    def _files(self, card: dict[str, Any], where: str) -> str:
        """Return the attachments as links. The export has no file contents, and Trello serves them to members only."""
        lines = []
        for attachment in card.get("attachments", []):
            url = attachment.get("url", "")
            if attachment.get("isUpload"):
                self.report.note("attachment", "the export has no files; a comment has the link", where)
            lines.append(f"- {attachment.get('name') or url}: {url}")
        return "\n".join(["Attachments in Trello:", *lines]) if lines else ""


def _sort_by_position(objects: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(objects, key=lambda item: item.get("pos", math.inf))


def _where(card: Mapping[str, Any]) -> str:
    return f"card {card.get('name', '')[:NAME_MAX]!r}"


def _name(member: Mapping[str, Any]) -> str:
    name: str = member.get("fullName") or member.get("username", "")
    return name


def _value(item: Mapping[str, Any], name: str) -> str:
    text: str = item.get("value", {}).get(name, "")
    return text


def _option_text(options: Mapping[str, str], item: Mapping[str, Any]) -> str:
    return options.get(item.get("idValue", ""), "")


def _day(item: Mapping[str, Any]) -> str | None:
    try:
        return date.fromisoformat(_value(item, "date")[:10]).isoformat()
    except ValueError:
        return None


def _number(item: Mapping[str, Any]) -> float | int | None:
    try:
        number = float(_value(item, "number"))
    except ValueError:
        return None
    if not math.isfinite(number):
        return None
    return int(number) if number.is_integer() and abs(number) < 2**53 else number


_FIELD_TYPES: Mapping[str, tuple[FieldType, Callable[[Any], Any]]] = {
    "number": ("number", _number),
    "checkbox": ("boolean", lambda item: {"true": True, "false": False}.get(_value(item, "checked"))),
    "date": ("date", _day),
    "text": ("text", lambda item: _value(item, "text")),
}
"""By type in Trello, the type of a custom field and the function that reads its values."""


def _creation_time(id: str) -> datetime | None:
    """Return the creation time of an object, which the first digits of its Trello id encode."""
    try:
        return datetime.fromtimestamp(int(id[:8], 16), UTC)
    except ValueError:
        return None
