"""Instructions: plain English sentences about a card, read as calls of actions.

A prompt is understood as a whole or refused as a whole: nothing is guessed or left out. The grammar is in
``instructions.lark``; its parser is LALR, so the time is linear in the length of the prompt.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import date, timedelta
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from string import whitespace
from typing import TypeVar

import attrs
from lark import Lark, Token, Tree, UnexpectedInput

from stellary.contract.cards import Card

_Day = TypeVar("_Day", bound=date)
ParsedAction = tuple[str, dict[str, object]]
STEPS_MAX = 100
# The keywords of the grammar that have synonyms. Any other one matches its own name.
_SYNONYMS = (
    r"MOVE=move|put RESTORE=restore|unarchive COMPLETE=complete|finish|close START=start|begin SET=set|change|raise|lower OF=of|for "
    r"DUE=due\s+date|due|deadline POSTPONE=postpone|delay|extend|push CLEAR=clear|remove LABEL=(?:label|tag)s? "
    r"ADD=add|write|leave|post RENAME=rename|call SPLIT=split|break CHECK=check|tick NOTIFY=notify|tell|inform COMMENT=comment|reply CHILD=child|subtask "
    r"RELATE=relate|link RELATION=relation|link EQ=to|as|is|on INTO=into|to|in THE=the|an?|its THAT=that|saying "
    r"WORK=work|working CARD=card|task|ticket|issue CARDS=cards|tasks|tickets|issues SUBTASKS=subtasks|children "
    r"CHECKLIST=(?:checklist\s+)?(?:items?|steps?)|checklist NAMED=called|named|titled|with|containing"
)
# Terminals that are not keywords, with the text that an error message suggests for them.
_HINTS = dict.fromkeys(["_SEP", "_POLITE", "_COMMA", "_DOT", "$END", "QUESTION", "ASK", "COUNT", "QUOTED", "NONE"], "") | {
    "WORD": "a name", "TEXT": "a text", "DATE": "a date", "SPAN": "1 week", "OBJECT": "this card", "COLON": "a colon",
}  # fmt: skip
# Words that change the meaning of an instruction. Names and texts contain them only in quotes.
_STRICT = frozenset(
    [
        "if",
        "unless",
        "when",
        "whenever",
        "once",
        "until",
        "till",
        "while",
        "provided",
        "assuming",
        "except",
        "otherwise",
        "else",
        "whether",
        "or",
        "but",
        "instead",
        "after",
        "before",
        "only",
        "maybe",
        "perhaps",
        "because",
        "whoever",
        "wait",
        "please",
        "thanks",
        "etc",
        "all",
        "every",
        "each",
        "any",
        "everything",
        "everyone",
        "everybody",
        "anything",
        "anyone",
        "both",
        "most",
        "many",
        "several",
        "some",
        "few",
        "half",
        "not",
        "never",
        "no",
        "nor",
        "neither",
        "none",
        "nothing",
        "nobody",
        "without",
        "don't",
        "dont",
        "doesn't",
        "isn't",
        "won't",
        "can't",
        "cannot",
        "shouldn't",
    ]
)
_TITLE = _STRICT | frozenset(
    [
        "due",
        "deadline",
        "priority",
        "assigned",
        "label",
        "labels",
        "labeled",
        "labelled",
        "tagged",
        "checklist",
    ]
)
# The first word of a name may be one of these: a column can be called "Today" or "Next up".
_TIMES = frozenset(
    [
        "today",
        "tomorrow",
        "tonight",
        "now",
        "later",
        "soon",
        "next",
        "eventually",
        "afterwards",
        "immediately",
        "asap",
    ]
)
_DAYS = [name.lower() for name in calendar.day_name]
_MONTHS = [name.lower() for name in calendar.month_abbr]
_NUMBERS = {
    word: max(1, at - 1)
    for at, word in enumerate(
        ["a", "an", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
    )
}
_BULLET = re.compile(r"\s*+(?:[-*\u2022]|\d{1,3}[.)])\s++")
_SEPARATOR = re.compile(r"[,;.]\s*+(?:(?:and|then)\s++)*+|\s(?:and|then)\s++", re.IGNORECASE)
_TO_CARD = re.compile(
    r"\s(?:to|on)\s+(?:this|the|that)\s+(?:card|task|ticket|issue)$|\sto\s+it$|\?$", re.IGNORECASE
)
_NEXT_WORD = re.compile(r"[\s,;:.]*+(?:(?:and|then)\s++)*+([^\s,;:.!]+)")
_AND = re.compile(r"\sand\s")
_SETTERS: Mapping[str, ParsedAction] = {
    "archive": ("archive_card", {"archived": True}),
    "restore": ("archive_card", {"archived": False}),
    "complete": ("set_status", {"status": "done"}),
    "reopen": ("set_status", {"status": "open"}),
    "start_work": ("set_status", {"status": "in_progress"}),
    "unassign": ("assign_card", {"assigneeId": None}),
}
_REPEATABLE = frozenset(
    [
        "create_card",
        "create_cards_bulk",
        "split_card",
        "add_checklist_item",
        "add_comment",
        "notify",
        "add_relation",
        "remove_relation",
    ]
)
_STATUSES = {"o": "open", "t": "open", "i": "in_progress", "s": "in_progress"}  # by their first letters
_LEVELS = {"normal": "medium", "urgent": "high", "critical": "high", "": None}


class InstructionError(Exception):
    """A prompt that is not understood. The message names the word, and suggests a similar instruction."""


@attrs.frozen
class InstructionContext:
    """The card, person and day that words such as ``it``, ``me`` and ``tomorrow`` refer to."""

    card: Card
    requester_id: str
    today: date


def read(prompt: str, context: InstructionContext) -> list[ParsedAction]:
    """Return the calls that a prompt requests, in order: names of actions, with their parameters.

    Args:
        prompt: One or more instructions, on one line or on several.
        context: What the words of the prompt refer to.

    Raises:
        InstructionError: A part of the prompt is not understood or contradicts another part, or it asks for over 100 calls.
    """
    calls: list[ParsedAction] = []
    written: set[tuple[str, str]] = set()
    for line in _join_lists(prompt):
        for command in _list_trees(_parse(line)):
            for action, params in _Command(line, context, command).read():
                calls.append((action, params))
                for field in () if action in _REPEATABLE else params.keys() - {"cardId", "done"}:
                    key = (
                        str(params["cardId"]),
                        str(params[field]).casefold() if field in ("label", "itemId") else field,
                    )
                    if key in written:
                        raise InstructionError(
                            f"I did not understand {line[:200]!r}: it gives {key[1]!r} a second value."
                        )
                    written.add(key)
    if not 0 < len(calls) <= STEPS_MAX:
        raise InstructionError(f"I understand tasks of 1 to {STEPS_MAX} changes; this one has {len(calls)}.")
    return calls


def _join_lists(prompt: str) -> Iterator[str]:
    """Yield the lines without bullets. Bulleted lines below one that ends with a colon become its list."""
    head = ""
    for line in prompt.splitlines():
        bullet = _BULLET.match(line)
        text = (line[bullet.end() :] if bullet else line).strip()
        if bullet and head and text:
            head += f"{'' if head.endswith(':') else ';'} {text}"
        elif text:
            yield from [head] if head else []
            head = text if text.endswith(":") else ""
            yield from [] if head else [text]
    yield from [head] if head else []


@cache
def _build_parser() -> tuple[Lark, re.Pattern[str]]:
    """Return the parser, and a pattern of the words that can begin an instruction."""
    grammar = Path(__file__).with_suffix(".lark").read_text(encoding="utf-8")
    synonyms = dict(group.split("=") for group in _SYNONYMS.split())
    verbs = []
    for name in sorted(set(re.findall(r"\b_[A-Z_]+[A-Z]\b", grammar)) - _HINTS.keys()):
        word = name.removeprefix("_V").strip("_")
        words = synonyms.get(word, word.lower())
        verbs += [words] if name.startswith("_V_") else []
        grammar += f"{name}: /(?:{words})(?![\\w'\u2019])/i\n"
    first_words = rf"(?:{'|'.join(verbs)}|please(?=\s+\w)|(?:can|could|would|will)\s+you)(?![\w'\u2019])"
    return Lark(grammar.replace("VERB", first_words), parser="lalr"), re.compile(first_words, re.IGNORECASE)


def _list_trees(tree: Tree[Token]) -> list[Tree[Token]]:
    """Return the branches of a syntax tree."""
    return [child for child in tree.children if isinstance(child, Tree)]


def _parse(line: str) -> Tree[Token]:
    """Return the syntax tree of a line.

    Raises:
        InstructionError: It is not understood.
    """
    parser, _ = _build_parser()
    try:
        return parser.parse(line)
    except UnexpectedInput as error:
        token = getattr(error, "token", None)
        position = len(line) if token is not None and token.type == "$END" else error.pos_in_stream
        changing = (
            word.start()
            for word in re.finditer(r"[\w'\u2019]+", line[:position])
            if word[0].lower() in _STRICT - {"please", "thanks"}
        )
        position = next(changing, position)
        words = set()
        for name in getattr(error, "accepts", None) or getattr(error, "allowed", None) or ():
            pattern = "" if name in _HINTS else parser.get_terminal(name).pattern.value
            words |= {_HINTS[name]} if name in _HINTS else set(re.findall(r"[a-z]{2,}", pattern))
        raise _refuse(line, position or 0, words - {""}) from None


def _strip_joining_words(text: str) -> str:
    """Return a text without the spaces, punctuation and joining words at its end."""
    text = text.rstrip(f"{whitespace},;:.")
    words = text.rsplit(maxsplit=1)
    while len(words) == 2 and words[1].lower() in ("and", "then", "on"):
        text = words[0].rstrip(f"{whitespace},;:.")
        words = text.rsplit(maxsplit=1)
    return text


def _split_column(text: str) -> tuple[str, str | None]:
    """Return the title and the column of "title in the column name"; the column is None if there is none."""
    words = text.split()
    lowered = [word.lower() for word in words]
    positions = [index for index in range(1, len(words) - 1) if lowered[index] == "in"]
    if not positions:
        return text, None
    start, end = positions[-1] + 1, len(words)
    for article in ("the", "column"):
        if lowered[start] == article and start < end - 1:
            start += 1
    if lowered[end - 1] == "column" and start < end - 1:
        end -= 1
    return " ".join(words[: positions[-1]]), " ".join(words[start:end])


def _refuse(line: str, position: int, expected: Collection[str], *, quotes: bool = False) -> InstructionError:
    """Return the error for a line: it names the word that is not understood, and suggests an alternative.

    Args:
        line: The line.
        position: The start of the part that is not understood.
        expected: The terminals that are possible there.
        quotes: Whether it is possible there in quotes.
    """
    word_match = _NEXT_WORD.match(line, position)
    word = word_match[1] if word_match else line.rsplit(maxsplit=1)[-1]
    before = _strip_joining_words(line[:position])
    message = f"I did not understand {word[:100]!r} in {line[:200]!r}."
    if (
        len(word) > 3
        and word.lower() not in _STRICT
        and (near := get_close_matches(word.lower(), set(expected) - {word.lower()}, 1, 0.7))
    ):
        return InstructionError(f"{message} Did you mean {near[0]!r}?")
    if _is_instruction(before):
        message += f" Without it, I understand {before[-200:]!r}."
    elif expected:
        message += f" Here I understand: {', '.join(sorted(expected))}."
    return InstructionError(
        f"{message} Put a name or a text that contains it in quotes." if quotes else message
    )


def _is_instruction(text: str) -> bool:
    """Return whether a text would be understood as one or more instructions."""
    parser, first_words = _build_parser()
    try:
        return first_words.match(text) is not None and parser.parse(text) is not None
    except UnexpectedInput:
        return False


def _shift(day: _Day, span: str, sign: int = 1) -> _Day:
    """Return a day that is some days, weeks or months later, or earlier for a negative sign."""
    number, unit = span.lower().split()
    count = sign * (int(number) if number.isdigit() else _NUMBERS[number])
    if not unit.startswith("month"):
        return day + timedelta(days=count * (7 if unit.startswith("week") else 1))
    years, month = divmod(day.month - 1 + count, 12)
    last = calendar.monthrange(day.year + years, month + 1)[1]
    return day.replace(year=day.year + years, month=month + 1, day=min(day.day, last))


class _Command:
    """One command of a line.

    Args:
        line: The line.
        context: What the words refer to.
        tree: The syntax tree of the command.
    """

    def __init__(self, line: str, context: InstructionContext, tree: Tree[Token]) -> None:
        self.line, self.context = line, context
        (action,) = _list_trees(tree)
        parts = [*tree.children, *action.children]
        if action.data == "mark":
            (action,) = _list_trees(action)
            parts += action.children
        self.kind = str(action.data)
        self.tokens = {part.type: part for part in parts if isinstance(part, Token)}
        self.trees = {part.data: part for part in parts if isinstance(part, Tree)}
        self.card_id = self.to_card_id(self.tokens.get("OBJECT", "it"))

    def read(self) -> Iterator[ParsedAction]:
        """Yield the calls that the command asks for.

        Raises:
            InstructionError: A name, a text, a date or a number in it is not possible.
        """
        if "QUESTION" in self.tokens and "ASK" not in self.tokens:
            raise _refuse(self.line, self.tokens["QUESTION"].start_pos or 0, ["."])
        for action, params in self.read_action():
            yield action, params if "projectId" in params else {"cardId": self.card_id, **params}

    def read_action(self) -> Iterable[ParsedAction]:  # noqa: C901 - one branch for each rule of the grammar
        """Return the calls that the command asks for, without the card if it is the object of the command."""
        kind, tokens, card = self.kind, self.tokens, self.context.card
        match kind:
            case _ if kind in _SETTERS:
                return [_SETTERS[kind]]
            case "set_status":
                return [(kind, {"status": _STATUSES.get(tokens["STATUS"][0].lower(), "done")})]
            case "set_priority":
                level = tokens.get("LEVEL", "").lower()
                return [(kind, {"priority": _LEVELS.get(level, level)})]
            case "set_due" | "set_start":
                return [("update_card", {f"{kind[4:]}Date": self.read_date()})]
            case "postpone" | "advance":
                if card.due_date is None or self.card_id != card.id:
                    raise _refuse(self.line, tokens["SPAN"].start_pos or 0, ["a date such as 2027-03-15"])
                day = _shift(card.due_date, tokens["SPAN"], -1 if kind == "advance" else 1)
                return [("update_card", {"dueDate": day.isoformat()})]
            case "move":
                return [("move_card", {"targetColumn": self.read_name("name")})]
            case "assign":
                return [("assign_card", {"assigneeId": self.to_person(self.read_name("name", "listed"))})]
            case "add_label" | "remove_label":
                return [(kind, {"label": name}) for name in self.read_names()]
            case "comment":
                return [("add_comment", {"content": self.read_prose()})]
            case "notify":
                people = [self.to_person(name) for name in self.read_names()]
                return [(kind, {"message": self.read_prose(), "to": people})]
            case "describe":
                return [("update_card", {"description": self.read_prose()})]
            case "rename":
                return [("update_card", {"title": self.read_text(_TITLE)})]
            case "create_card" | "create_cards":
                titles, column = self.read_titles()
                where = {"projectId": card.project_id, **column}
                if kind == "create_card":
                    return [(kind, {**where, "title": titles[0]})]
                return [("create_cards_bulk", {**where, "cards": [{"title": title} for title in titles]})]
            case "split":
                return [("split_card", {"titles": self.read_titles()[0]})]
            case "add_items":
                return [("add_checklist_item", {"title": title}) for title in self.read_titles()[0]]
            case "add_item":
                return [("add_checklist_item", {"title": self.read_name("listed")})]
            case "check" | "uncheck":
                item = {"itemId": self.read_name("name"), "done": kind == "check"}
                return [("toggle_checklist_item", item)]
            case "complete_checklist":
                items = [{"itemId": item.id, "done": True} for item in card.checklist if not item.done]
                return [("toggle_checklist_item", item) for item in items]
            case "unlink":
                return [("remove_relation", {"targetCardId": self.read_card()})]
            case "child_of":
                parent: dict[str, object] = {
                    "cardId": self.read_card(),
                    "type": "parent_of",
                    "targetCardId": self.card_id,
                }
                return [("add_relation", parent)]
            case _:
                return [("add_relation", {"type": str(kind), "targetCardId": self.read_card()})]

    def to_card_id(self, text: str) -> str:
        return text.upper() if "-" in text else self.context.card.id

    def to_person(self, name: str) -> str | None:
        name = name.removeprefix("@").removeprefix("the ")
        return {"nobody": None, "none": None, "me": self.context.requester_id}.get(name.lower(), name)

    def read_card(self) -> str:
        (part,) = self.trees["card"].children
        return self.to_card_id(part) if isinstance(part, Token) else self.join(part)

    def read_name(self, *rules: str) -> str:
        return self.join(next(self.trees[rule] for rule in rules if rule in self.trees))

    def read_names(self) -> list[str]:
        names = self.trees["names"].children if "names" in self.trees else [self.trees["listed"]]
        trees = [name for name in names if isinstance(name, Tree)]
        return [self.join(tree, is_first=tree is trees[0]) for tree in trees]

    def join(self, name: Tree[Token], *, is_first: bool = True) -> str:
        """Return a name. Unless it is in quotes, words that change the meaning of the instruction are rejected."""
        words = [part for part in name.children if isinstance(part, Token)]
        if words[0].type == "QUOTED":
            return words[0][1:-1]
        start, text = words[0].start_pos or 0, " ".join(words)
        if text.lower() not in ("nobody", "none"):
            self.check(self.line[start : words[-1].end_pos], start, _STRICT, is_first=is_first)
        return text

    def check(self, text: str, start: int, refused: Collection[str], *, is_first: bool = True) -> None:
        """Check that a text can be taken literally.

        Args:
            text: The text, which is not in quotes.
            start: The index of the text in the line, for the message of an error.
            refused: Words that change the meaning of an instruction.
            is_first: Whether the text begins the name. Its first word may then be a time, such as ``Monday``.

        Raises:
            InstructionError: The text contains one of the words, or a time.
        """
        for word in re.finditer(r"[^\s,;:.!?]+", text):
            folded = word[0].lower().replace("\u2019", "'")
            is_time = (word.start() or not is_first) and (folded in _TIMES or folded in _DAYS)
            if folded in refused or is_time:
                raise _refuse(self.line, start + word.start(), (), quotes=True)

    def read_text(self, refused: Collection[str], token: Token | None = None) -> str:
        """Return a text. Unless it is in quotes, certain words and further instructions in it are rejected."""
        token = token or self.tokens.get("QUOTED") or self.tokens["TEXT"]
        if token.type == "QUOTED":
            return token[1:-1]
        start, text = token.start_pos or 0, token.rstrip()
        for separator in _SEPARATOR.finditer(text):
            if _is_instruction(_SEPARATOR.split(text[separator.end() :], maxsplit=1)[0]):
                raise _refuse(self.line, start + separator.end(), (), quotes=True)
        if refused:
            text = text.removesuffix("?" if "ASK" in self.tokens else ".")
            if card_match := _TO_CARD.search(text):
                raise _refuse(self.line, start + card_match.start(), (), quotes=True)
            self.check(text, start, refused)
        return text

    def read_prose(self) -> str | None:
        """Return the text of a comment, a message or a description, if there is one. After a colon, any text is accepted."""
        if not self.tokens.keys() & {"TEXT", "QUOTED"}:
            return None
        return self.read_text(() if "COLON" in self.tokens else _STRICT)

    def read_titles(self) -> tuple[list[str], dict[str, str]]:
        """Return the titles of new cards or items, and the parameter ``column`` if the instruction names a column."""
        column = {"column": self.read_name("name")} if "name" in self.trees else {}
        listed = (
            [part for part in self.trees["list"].children if isinstance(part, Token)]
            if "list" in self.trees
            else []
        )
        text = self.read_text(_TITLE, listed[0] if listed else None)
        titles = [token[1:-1] for token in listed] or [text]
        if "TEXT" in [token.type for token in listed or self.tokens.values()]:
            if "create" in self.kind:
                text, column_name = _split_column(text)
                column = column if column_name is None else {"column": column_name}
            titles = [text]
            if listed:
                *titles, last = [part.strip() for part in text.split(";" if ";" in text else ",")]
                titles += _AND.split(last) if not last.startswith("and ") else [last[4:]]
            titles = [title.strip(" \"'“”") for title in titles if title.strip(" \"'“”")]
        count = self.tokens.get("COUNT", "").lower()
        if count and (int(count) if count.isdigit() else _NUMBERS[count]) != len(titles):
            raise _refuse(self.line, self.tokens["COUNT"].start_pos or 0, [str(len(titles))])
        return titles, column

    def read_date(self) -> str | None:
        """Return the date of the command; None if it clears one."""
        if (token := self.tokens.get("DATE")) is None:
            return None
        today, words = self.context.today, token.lower().removeprefix("this ").split()
        try:
            if words[0] in ("today", "tomorrow"):
                day = today + timedelta(days=words[0] == "tomorrow")
            elif words[0] == "in":
                day = _shift(today, " ".join(words[1:]))
            elif words[0] in _DAYS:
                day = today + timedelta(days=(_DAYS.index(words[0]) - today.weekday() - 1) % 7 + 1)
            elif len(words) == 1:
                day = date.fromisoformat(words[0])
            else:
                number, *years = map(int, re.findall(r"\d+", token))
                month = next(_MONTHS.index(word[:3]) for word in words if word[:3] in _MONTHS)
                day = date(years[0] if years else today.year, month, number)
                day = day.replace(year=day.year + 1) if day < today and not years else day
        except (ValueError, OverflowError):
            raise _refuse(self.line, token.start_pos or 0, ["a date such as 2027-03-15"]) from None
        return day.isoformat()
