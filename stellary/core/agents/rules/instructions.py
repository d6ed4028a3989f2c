"""Instructions: what plain sentences about a card ask for. Read without guessing: what is not understood is told."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta

import attrs

from stellary.contract.wire import Request, wire_fields

UNDERSTOOD = (
    "I understand: move to Done; set priority high; set status done; add checklist: a, b; check off a; comment: …; "
    "assign to Ann; unassign; add label bug; remove label bug; set due date 2027-04-01 (or tomorrow, in 3 days, friday); "
    "rename to …; description: …; archive; create card: …"
)


@attrs.frozen
class Step:
    """Something that was asked for.

    Attributes:
        action: The action that does it.
        params: Of that, without the card.
        said: In which words.
    """

    action: str
    params: Mapping[str, object]
    said: str


@attrs.frozen
class Read:
    """What was asked for, in its order, and what was not understood."""

    steps: Sequence[Step]
    misunderstood: Sequence[str]


_PRIORITIES = {"low": "low", "medium": "medium", "normal": "medium", "high": "high"}
_STATUSES = {
    "open": "open",
    "todo": "open",
    "in progress": "in_progress",
    "done": "done",
    "completed": "done",
    "complete": "done",
}
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_NOTHING = r"(?:none|nothing|nobody|no one|null)"

# Runs of white space are matched as a whole (`++`), and a text ends only after a character that is none: so each run is
# looked at once, and the time stays in proportion to the length.
_IT = r"(?:\s++(?:it|this|this\s++card|the\s++card))?"
_THE = r"(?:(?:the|a|an|its)\s++)?"
_TO = r"(?:\s*+(?::|=|\bto\b|\bas\b|\bis\b|\bon\b|\bby\b)\s*+|\s++)"
_PRIORITY = "|".join(_PRIORITIES)
_STATUS = "|".join(name.replace(" ", r"[\s_-]++") for name in _STATUSES)
_DATE = (
    rf"\d{{4}}-\d\d-\d\d|today|tomorrow|in\s++\d{{1,4}}\s++(?:day|week)s?|(?:next\s++)?(?:{'|'.join(_DAYS)})"
)

# Where another instruction may begin, so that the text of the one before it has ended.
_BEGINS = (
    rf"(?:move|put)\b|set\s++{_THE}(?:priority|status|due|start|title|description)|(?:priority|status|due)\b|"
    rf"(?:add|remove)\s++{_THE}(?:checklist|steps?|items?|labels?|tags?|comment)\b|(?:label|tag|comment)\b|"
    r"(?:un)?assign\b|rename\b|(?:un)?archive\b|restore\b|mark\b|(?:un)?check\b|clear\b|create\b|description\s*+:"
)
_BETWEEN = r"(?:\s*+[,;.]\s*+(?:(?:and|then|also|please)\s++)*|\s++(?:and\s++then|and|then)\s++(?:(?:also|please)\s++)*)"
_HARD = r"\s*+;\s*+|\s*+\.\s++"
# Of a list, of a name, and of one of so many words: the less a text can be, the sooner it has ended.
_LISTED = rf"(?<!\s)(?=\s*+(?:[.;,]\s*+)?$|{_BETWEEN}(?:{_BEGINS}))"
_UNTIL = rf"(?<!\s)(?=\s*+(?:[.;,]\s*+)?$|{_HARD}|{_BETWEEN}(?:{_BEGINS}))"
_THEN = rf"(?<!\s)(?=\s*+(?:[.;,]\s*+)?$|{_BETWEEN})"

# Each with what it becomes. The text of a comment or a description goes to the end of its line.
_PATTERNS: Sequence[tuple[str, str]] = (
    ("comment", rf"(?:add\s++{_THE})?comment\s*+(?::|\bthat\b|\bsaying\b)\s*+(?P<text>.+)$"),
    ("description", rf"(?:set\s++{_THE})?description{_TO}(?P<text>.+)$"),
    ("move", rf"(?:move|put){_IT}\s++(?:in)?to\s++{_THE}(?P<text>.+?)(?:(?<!\s)\s++column)?{_UNTIL}"),
    ("no_priority", rf"clear\s++{_THE}priority{_THEN}|(?:set\s++{_THE})?priority{_TO}{_NOTHING}{_THEN}"),
    ("priority", rf"(?:set\s++{_THE})?priority{_TO}(?P<text>{_PRIORITY}){_THEN}"),
    ("status", rf"(?:set\s++{_THE})?status{_TO}(?P<text>{_STATUS}){_THEN}"),
    ("status", rf"mark{_IT}(?:\s++as)?\s++(?P<text>{_STATUS}){_THEN}"),
    (
        "checklist",
        rf"add\s++{_THE}(?:checklist(?:\s++(?:items?|steps?))?|steps?|items?)\s*+(?::\s*+)?(?P<text>.+?){_LISTED}",
    ),
    ("check", rf"check(?:\s++off)?\s++{_THE}(?P<text>.+?){_UNTIL}"),
    ("uncheck", rf"uncheck\s++{_THE}(?P<text>.+?){_UNTIL}"),
    ("unassign", rf"unassign{_IT}{_THEN}|assign{_IT}\s++to\s++{_NOTHING}{_THEN}"),
    ("assign", rf"assign{_IT}\s++(?:to\s++)?(?P<text>.+?){_UNTIL}"),
    (
        "label",
        rf"(?:add\s++{_THE}(?:labels?|tags?)|(?:label|tag){_IT}(?:\s++(?:as|with))?)\s*+(?::\s*+)?(?P<text>.+?){_UNTIL}",
    ),
    ("unlabel", rf"remove\s++{_THE}(?:labels?|tags?)\s*+(?::\s*+)?(?P<text>.+?){_UNTIL}"),
    (
        "no_due",
        rf"(?:clear|remove)\s++{_THE}due(?:\s++date)?{_THEN}|(?:set\s++{_THE})?due(?:\s++date)?{_TO}{_NOTHING}{_THEN}",
    ),
    ("due", rf"(?:set\s++{_THE})?due(?:\s++date)?{_TO}(?P<text>{_DATE}){_THEN}"),
    ("start", rf"(?:set\s++{_THE})?start(?:\s++date)?{_TO}(?P<text>{_DATE}){_THEN}"),
    ("rename", rf"(?:rename{_IT}|set\s++{_THE}title)(?:\s++to\b|\s*+:)?\s++(?P<text>.+?){_UNTIL}"),
    ("unarchive", rf"(?:unarchive|restore){_IT}{_THEN}"),
    ("archive", rf"archive{_IT}{_THEN}"),
    (
        "create",
        rf"create\s++{_THE}card\s*+(?::\s*+)?(?P<text>.+?){_UNTIL}",
    ),
)
_READERS = tuple(
    (kind, re.compile(rf"(?:please\s++)?(?:{pattern})", re.IGNORECASE)) for kind, pattern in _PATTERNS
)
_NEXT = re.compile(rf"(?<!\s)(?:{_HARD}|{_BETWEEN}(?={_BEGINS}))", re.IGNORECASE)
_SEPARATOR = re.compile(r"\s*+(?:[,;.]\s*+)?(?:(?:and|then|also|please)\s++)*+", re.IGNORECASE)
_COLUMN = re.compile(r"(?<=\S)\s++in\s++(?:column\s++)?(?P<column>.+)", re.IGNORECASE)
_BULLET = re.compile(r"\s*+(?:[-*\u2022]|\d{1,3}[.)])\s++")


def read(prompt: str, today: date) -> Read:
    """What a prompt asks for.

    Args:
        prompt: Instructions, several on a line or each on a line of its own.
        today: What ``tomorrow`` comes after.
    """
    steps: list[Step] = []
    misunderstood: list[str] = []
    for line in _lines(prompt):
        rest = line
        while rest:
            kind, found = _first(rest)
            if found is None:
                beyond = _NEXT.search(rest)
                said = rest[: beyond.start()] if beyond else rest
                misunderstood.append(said.strip(" .,;")[:200])
                rest = rest[beyond.end() :] if beyond else ""
                continue
            said = found[0].strip(" .,;")
            made = list(_steps(kind, found, said, today))
            if not made:
                misunderstood.append(said[:200])
            steps += made
            after = _SEPARATOR.match(rest, found.end())
            rest = rest[after.end() if after else found.end() :]
    return Read(steps, [said for said in misunderstood if said])


def _lines(prompt: str) -> Iterator[str]:
    """The lines without bullets; points below a line that ends with a colon belong to it."""
    head: str | None = None
    for line in prompt.splitlines():
        bullet = _BULLET.match(line)
        text = (line[bullet.end() :] if bullet else line).strip()
        if not text:
            continue
        if head is not None and bullet:
            head = f"{head} {text}" if head.endswith(":") else f"{head}, {text}"
            continue
        if head is not None:
            yield head
        head = text if text.endswith(":") else None
        if head is None:
            yield text
    if head is not None:
        yield head


def _first(rest: str) -> tuple[str, re.Match[str] | None]:
    for kind, pattern in _READERS:
        if found := pattern.match(rest):
            return kind, found
    return "", None


def _steps(kind: str, found: re.Match[str], said: str, today: date) -> Iterator[Step]:
    text = _unquoted((found.groupdict().get("text") or "").strip())
    words = " ".join(re.split(r"[\s_-]+", text.casefold()))
    if found.groupdict().get("text") and not text.strip(":;,. "):
        # "add checklist:" with nothing after it.
        return
    if kind in _OF_EACH:
        action, name = _OF_EACH[kind]
        yield from (
            Step(action, {name: each}, f"{action.replace('_', ' ')} {each!r}") for each in _list(text)
        )
    elif kind in _OF_WORDS:
        action, name, meaning = _OF_WORDS[kind]
        yield Step(action, {name: meaning[words]}, said)
    elif kind in _OF_TEXT:
        action, name, more = _OF_TEXT[kind]
        yield Step(action, {name: text.removeprefix("@") if kind == "assign" else text, **more}, said)
    elif kind in _FIXED:
        action, fixed = _FIXED[kind]
        yield Step(action, fixed, said)
    elif kind == "create":
        end = max(text.rfind(","), text.rfind(";")) + 1
        column = _COLUMN.search(text, end)
        title = text if column is None else _unquoted(text[: column.start()])
        named = {} if column is None else {"column": column["column"].strip()}
        yield Step("create_card", {"title": title, **named}, said)
    elif (day := _day(words, today)) is not None:
        yield Step("update_card", {f"{kind}Date": day.isoformat()}, said)


_OF_EACH: Mapping[str, tuple[str, str]] = {
    "checklist": ("add_checklist_item", "title"),
    "label": ("add_label", "label"),
    "unlabel": ("remove_label", "label"),
}
_OF_WORDS: Mapping[str, tuple[str, str, Mapping[str, str]]] = {
    "priority": ("set_priority", "priority", _PRIORITIES),
    "status": ("set_status", "status", _STATUSES),
}
_OF_TEXT: Mapping[str, tuple[str, str, Mapping[str, object]]] = {
    "comment": ("add_comment", "content", {}),
    "description": ("update_card", "description", {}),
    "rename": ("update_card", "title", {}),
    "move": ("move_card", "targetColumn", {}),
    "assign": ("assign_card", "assigneeId", {}),
    "check": ("toggle_checklist_item", "itemId", {"done": True}),
    "uncheck": ("toggle_checklist_item", "itemId", {"done": False}),
}
_FIXED: Mapping[str, tuple[str, Mapping[str, object]]] = {
    "no_priority": ("set_priority", {"priority": None}),
    "no_due": ("update_card", {"dueDate": None}),
    "unassign": ("assign_card", {"assigneeId": None}),
    "archive": ("archive_card", {"archived": True}),
    "unarchive": ("archive_card", {"archived": False}),
}


def _day(words: str, today: date) -> date | None:
    """The day that is meant; of a day of the week the next one that comes. None if there is no such day."""
    try:
        if words in ("today", "tomorrow"):
            return today + timedelta(days=words == "tomorrow")
        if counted := re.fullmatch(r"in (\d+) (day|week)s?", words):
            return today + timedelta(days=int(counted[1]) * (7 if counted[2] == "week" else 1))
        if (name := words.removeprefix("next ")) in _DAYS:
            return today + timedelta(days=(_DAYS.index(name) - today.weekday() - 1) % 7 + 1)
        return date.fromisoformat(words.replace(" ", "-"))
    except (ValueError, OverflowError):
        return None


def _list(text: str) -> list[str]:
    return [each for part in re.split(r"[,;]", text) if (each := _unquoted(part.strip()))]


def _unquoted(text: str) -> str:
    quoted = re.fullmatch(r"""(["'“”])(.+)["'“”]""", text)
    return quoted[2] if quoted else text


def placed(step: Step, about: Mapping[str, str], takes: type[Request] | None) -> dict[str, object]:
    """The params of a step, about the card of the mission as far as the action takes that.

    Args:
        step: What is to be done.
        about: ``cardId`` and ``projectId``.
        takes: What the action takes; None if nobody knows it.
    """
    names = set(wire_fields(takes)) if takes is not None else {"cardId"}
    # A card says by itself of which project it is.
    wanted = names & ({"cardId"} if "cardId" in names else {"projectId"})
    return {name: id for name, id in about.items() if name in wanted} | dict(step.params)
