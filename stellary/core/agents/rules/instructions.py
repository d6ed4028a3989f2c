"""Instructions: plain English sentences about a card, read as calls of actions.

A prompt is understood as a whole or refused as a whole: nothing is guessed or left out. The grammar is in
``instructions.lark``; its parser is LALR, so the time is linear in the length of the prompt.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import TypeVar

import attrs
from lark import Token, Tree

from stellary.contract.cards import Card
from stellary.core.kernel.grammars import Grammar, NotRead, find_near, list_trees

_Day = TypeVar("_Day", bound=date)
ParsedAction = tuple[str, dict[str, object]]
_Params = Iterable[dict[str, object]]
STEPS_MAX = 100
_DAYS = [name.lower() for name in calendar.day_abbr]
_MONTHS = [name.lower() for name in calendar.month_abbr]
_GRAMMAR = Grammar(Path(__file__))
_CHANGING, _TIMES, _REPEATABLE, _FRENCH_VERBS, _FRENCH = (
    frozenset(_GRAMMAR.vocabulary[name].split())
    for name in ("changing", "times", "repeatable", "french_verbs", "french")
)
_EXAMPLES = "'move to Done', 'assign this card to Bob', 'due friday', 'start this', 'tell Bob: …', 'archive'"
_NUMBERS = {"a": 1, "an": 1, "another": 1} | {
    word: number for number, word in enumerate(_GRAMMAR.vocabulary["numbers"].split(), 1)
}
_QUOTES = " \"'“”"
_BULLET = re.compile(r"\s*+(?:[-*\u2022]|\d{1,3}[.)])\s++")
_SEPARATOR = re.compile(r"[,;.]\s*+(?:(?:and|then)\s++)*+|\s(?:and|then)\s++", re.IGNORECASE)
_NEXT_WORD = re.compile(r"[\s,;:.]*+(?:(?:and|then)\s++)*+([^\s,;:.!]+)")
_STATUSES = {"o": "open", "t": "open", "i": "in_progress", "s": "in_progress"}  # by their first letters
_PLURALS = frozenset({"them", "these", "those"})
_PRONOUNS = _PLURALS | {"it"}
# Commands that are about no card that exists.
_CARDLESS = frozenset({"create_card", "create_cards", "notify"})
# Commands about "it" or "them" that give a new card one of its fields.
_OF_NEW_CARD = frozenset({"assign", "take", "set_due", "set_start", "set_priority"})
_YEARS_MAX = 10
_LEVELS = {"normal": "medium", "urgent": "high", "critical": "high", "": None}


class InstructionError(Exception):
    """A prompt that is not understood. The message names the word, and suggests a similar instruction.

    Attributes:
        effect: A sentence in the language of the message, which says that the prompt has no effect.
    """

    effect = "Nothing was changed."


class FrenchInstructionError(InstructionError):
    """A prompt in French. The message is in French, too."""

    effect = "Rien n'a été modifié."


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
    written: set[tuple[object, str]] = set()
    creates = False
    for line in _join_lists(prompt):
        commands = [_Command(line, context, tree) for tree in list_trees(_parse(line))]
        _check_questions(line, commands)
        creates = _check_references(line, commands, creates)
        for action, params in (
            call for command in commands if not command.is_attached for call in command.read()
        ):
            calls.append((action, params))
            for field in () if action in _REPEATABLE else params.keys() - {"cardId", "done"}:
                value = str(params[field]).casefold() if field in ("label", "itemId") else field
                if (params["cardId"], value) in written:
                    raise InstructionError(
                        f"I did not understand {line[:200]!r}: it gives {value!r} a second value."
                    )
                written.add((params["cardId"], value))
    if not 0 < len(calls) <= STEPS_MAX:
        raise InstructionError(f"I understand tasks of 1 to {STEPS_MAX} changes; this one has {len(calls)}.")
    return calls


def _check_questions(line: str, commands: Iterable[_Command]) -> None:
    """Check that a question mark ends a request, such as "can you archive this and tell Bob?", and no question."""
    is_asked = False
    for command in commands:
        is_asked = is_asked or "ASK" in command.tokens
        if "QUESTION" in command.tokens and not is_asked:
            raise _refuse(line, command.tokens["QUESTION"].start_pos or 0, ["."])


def _check_references(line: str, commands: Iterable[_Command], creates: bool) -> bool:
    """Attach the commands about "it" or "them" to the creation before them, and refuse others about new cards, which have no id yet.

    Args:
        line: The line.
        commands: Its commands.
        creates: Whether a line before creates cards: then "it" may be one of them.

    Returns:
        Whether a command of this line or one before creates cards.

    Raises:
        InstructionError: A command does not say which card it is about.
    """
    creates_here = False
    creation: _Command | None = None
    for command in commands:
        names_none = command.kind in _CARDLESS
        word = command.tokens.get("OBJECT", "")
        is_pronoun = word.lower() in _PRONOUNS
        if creation is not None and creation.attach(command):
            continue
        creation = command if command.kind in ("create_card", "create_cards") else None
        if (is_pronoun and creates) or (creates_here and not names_none and (is_pronoun or not word)):
            raise InstructionError(
                f"I did not understand {str(word or command.kind.replace('_', ' '))!r} in {line[:200]!r}: it could be the new card. Say"
                " 'this card', or give the new card in a separate task."
            )
        creates_here = creates_here or command.kind in ("create_card", "create_cards", "split")
        creates = creates or creates_here
    return creates


def _join_lists(prompt: str) -> list[str]:
    """Return the lines without bullets. Bulleted lines below one that ends with a colon become its list."""
    lines: list[str] = []
    is_list = False
    for line in prompt.splitlines():
        bullet = _BULLET.match(line)
        text = line[bullet.end() if bullet else 0 :].strip()
        if bullet and is_list and text:
            lines[-1] += f" {text}" if lines[-1].endswith(":") else f"; {text}"
        elif text:
            lines.append(text)
            is_list = text.endswith(":")
    return lines


def _parse(line: str) -> Tree[Token]:
    """Return the syntax tree of a line.

    Raises:
        InstructionError: It is not understood.
    """
    try:
        return _GRAMMAR.parse(line)
    except NotRead as error:
        if _is_french(line):
            raise FrenchInstructionError(
                f"Je ne comprends pas {line[:200]!r}. Je lis l'anglais seulement, par exemple {_EXAMPLES}."
            ) from None
        changing = _find_words(line[: error.position], _CHANGING - {"please", "thanks"})
        raise _refuse(line, next(changing, error.position), error.expected) from None


def _is_french(line: str) -> bool:
    """Return whether a line begins with a French verb, or contains two French words."""
    words = re.findall(r"[^\W\d_]+", line.lower())
    return words[:1] != [] and (words[0] in _FRENCH_VERBS or len(_FRENCH.intersection(words)) > 1)


def _find_words(text: str, words: Collection[str]) -> Iterator[int]:
    """Yield the indices at which one of the words stands in a text."""
    for word in re.finditer(r"[^\s,;:.!?]+", text):
        if word[0].lower().replace("\u2019", "'") in words:
            yield word.start()


def _refuse(line: str, position: int, expected: Collection[str] = ()) -> InstructionError:
    """Return the error for a line: it names the word that is not understood, and suggests an alternative.

    Args:
        line: The line.
        position: The start of the part that is not understood.
        expected: The words that are possible there; none if the word is possible in quotes.
    """
    next_word = _NEXT_WORD.match(line, position)
    word = next_word[1] if next_word else line.rsplit(maxsplit=1)[-1]
    message = f"I did not understand {word[:100]!r} in {line[:200]!r}."
    alternatives = set(expected) - {word.lower()}
    if next_word and word.lower() not in _CHANGING and (near := find_near(word, alternatives)):
        return InstructionError(f"{message} Did you mean {near!r}?")
    words = line[:position].split()
    while words and words[-1].strip(",;:.").lower() in ("", "and", "then", "on"):
        words.pop()
    before = " ".join(words).rstrip(",;:.")
    if _GRAMMAR.is_command(before):
        message += f" Without it, I understand {before[-200:]!r}."
    elif "archive" in expected:
        message += f" Here I understand instructions such as {_EXAMPLES}."
    elif "a text in quotes" in expected and (example := _find_text_example(line, position)):
        message += f" Here I understand a text in quotes, or after a colon: {example[:200]!r}."
    elif expected:
        message += f" Here I understand: {', '.join(sorted(expected))}."
    if not expected:
        message += " Put a name or a text that contains it in quotes."
    return InstructionError(message)


def _find_text_example(line: str, position: int) -> str | None:
    """Return a line in which what follows a position is a text after a colon, if the grammar contains it."""
    head, text = line[:position].rstrip(" :="), line[position:].strip()
    examples = (f"{start}: {text}" for start in (head.rpartition(" ")[0], head))
    return next(filter(_GRAMMAR.is_command, examples), None)


def _to_number(word: str) -> int:
    return int(word) if word.isdigit() else _NUMBERS[word]


def _shift(day: _Day, span: str, sign: int = 1) -> _Day:
    """Return a day that is some days, weeks or months later, or earlier for a negative sign.

    Raises:
        ValueError: The span is zero, or longer than ten years.
    """
    number, unit = span.lower().split()
    count = sign * _to_number(number)
    unit = unit.removesuffix("s")
    if (
        not 0
        < abs(count)
        <= _YEARS_MAX * {"day": 366, "week": 52, "fortnight": 26, "month": 12, "year": 1}[unit]
    ):
        raise ValueError(span)
    if (days := {"day": 1, "week": 7, "fortnight": 14}.get(unit)) is not None:
        return day + timedelta(days=count * days)
    years, month = divmod(day.month - 1 + count * (12 if unit == "year" else 1), 12)
    last = calendar.monthrange(day.year + years, month + 1)[1]
    return day.replace(year=day.year + years, month=month + 1, day=min(day.day, last))


def _find_end(today: date, unit: str) -> date:
    """Return the last day of the week of a day, which is a Sunday, or of its month or year."""
    if unit == "week":
        return today + timedelta(days=6 - today.weekday())
    month = today.month if unit == "month" else 12
    return today.replace(month=month, day=calendar.monthrange(today.year, month)[1])


def _find_date(today: date, text: str) -> date:
    """Return the day that a date in words means.

    Args:
        today: The day on which it was written.
        text: The date as the grammar reads it, in lower case.

    Raises:
        ValueError: There is no such day, it has another day of the week, or it is more than ten years away.
    """
    words = re.findall("[a-z]+|[0-9]+", text)
    numbers = [int(word) for word in words if word.isdigit()]
    weekdays = [_DAYS.index(word[:3]) for word in words if word[:3] in _DAYS]
    months = [_MONTHS.index(word[:3]) for word in words if word[:3] in _MONTHS and word != "month"]
    if "end" in words:
        day = _find_end(_shift(today, f"1 {words[-1]}") if "next" in words else today, words[-1])
    elif words[0] == "in" or "from" in words:
        day = _shift(today, " ".join(words[words[0] == "in" :][:2]))
    elif "today" in words or "tomorrow" in words:
        day = today + timedelta(days=("tomorrow" in words) + ("after" in words))
    elif months:
        number, *years = numbers
        day = date(years[0] if years else today.year, months[0], number)
        day = day.replace(year=day.year + 1) if day < today and not years else day
        if weekdays and weekdays[0] != day.weekday():
            raise ValueError(text)
    elif weekdays and "next" in words:
        day = today + timedelta(days=7 + weekdays[0] - today.weekday())
    elif weekdays:
        day = today + timedelta(days=(weekdays[0] - today.weekday() - 1) % 7 + 1)
    elif len(numbers) == 1:
        day = _find_day_of_month(today, numbers[0])
    else:
        day = date.fromisoformat(text)
    if not _shift(today, f"{_YEARS_MAX} year", -1) <= day <= _shift(today, f"{_YEARS_MAX} year"):
        raise ValueError(text)
    return day


def _find_day_of_month(today: date, number: int) -> date:
    """Return the next day with a number in its month, from today on."""
    month = today.replace(day=1)
    while calendar.monthrange(month.year, month.month)[1] < number <= 31 or month.replace(day=number) < today:
        month = _shift(month, "1 month")
    return month.replace(day=number)


class _Command:
    """One command of a line.

    Args:
        line: The line.
        context: What the words refer to.
        tree: The syntax tree of the command.
    """

    def __init__(self, line: str, context: InstructionContext, tree: Tree[Token]) -> None:
        self.line, self.context = line, context
        (action,) = list_trees(tree)
        parts = [*tree.children, *action.children]
        if action.data == "mark":
            (action,) = list_trees(action)
            parts += action.children
        self.kind = str(action.data)
        self.tokens = {part.type: part for part in parts if isinstance(part, Token)}
        self.trees = {part.data: part for part in parts if isinstance(part, Tree)}
        self.card_id = self.to_card_id(self.tokens.get("OBJECT", "it"))
        self.new_fields: dict[str, object] = {}
        self.is_attached = False

    def attach(self, command: _Command) -> bool:
        """Give the new cards the field that a command about "it" or "them" names; return False for any other command."""
        pronoun = "it" if self.kind == "create_card" else "them"
        if command.kind not in _OF_NEW_CARD or command.tokens.get("OBJECT", "").lower() != pronoun:
            return False
        (fields,) = _ACTIONS[command.kind][1](command)
        if None in fields.values() or not fields.keys().isdisjoint(self.new_fields):
            return False
        self.new_fields |= fields
        command.is_attached = True
        return True

    def read(self) -> Iterator[ParsedAction]:
        """Yield the calls that the command asks for.

        Raises:
            InstructionError: A name, a text, a date or a number in it is not possible.
        """
        word = self.tokens.get("OBJECT")
        if word is not None and word.lower() in _PLURALS:
            raise _refuse(self.line, word.start_pos or 0, ["this card"])
        action, list_params = _ACTIONS[self.kind]
        for params in list_params(self):
            yield action, params if "projectId" in params else {"cardId": self.card_id, **params}

    def to_card_id(self, text: str) -> str:
        return text.upper() if "-" in text else self.context.card.id

    def to_person(self, name: str) -> str | None:
        name = name.removeprefix("@").removeprefix("the ")
        return {"nobody": None, "none": None, "me": self.context.requester_id}.get(name.lower(), name)

    def read_card(self) -> str:
        (part,) = self.trees["card"].children
        return self.to_card_id(part) if isinstance(part, Token) else self.join(part)

    def read_level(self) -> str | None:
        level = self.tokens.get("LEVEL", "").lower()
        return _LEVELS.get(level, level)

    def read_status(self) -> str:
        return _STATUSES.get(self.tokens["STATUS"][0].lower(), "done")

    def read_name(self) -> str:
        return self.join(self.trees.get("name") or self.trees["listed"])

    def read_quoted(self) -> list[str]:
        """Return texts that must be in quotes."""
        words = [part for name in list_trees(self.trees["names"]) for part in name.children[:1]]
        for word in words:
            if isinstance(word, Token) and word.type != "QUOTED":
                raise _refuse(self.line, word.start_pos or 0)
        return [str(word)[1:-1] for word in words]

    def read_names(self) -> list[str]:
        names = list_trees(self.trees["names"]) if "names" in self.trees else [self.trees["listed"]]
        return [self.join(name, is_first=name is names[0]) for name in names]

    def join(self, name: Tree[Token], *, is_first: bool = True) -> str:
        """Return a name. Unless it is in quotes, words that change the meaning of the instruction are rejected."""
        words = [part for part in name.children if isinstance(part, Token)]
        if words[0].type == "QUOTED":
            return words[0][1:-1]
        start, text = words[0].start_pos or 0, " ".join(words)
        if text.lower() not in ("nobody", "none"):
            self.check(self.line[start : words[-1].end_pos], start, _CHANGING, is_first=is_first)
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
        times = (index for index in _find_words(text, _TIMES) if index or not is_first)
        if positions := [*_find_words(text, refused), *times]:
            raise _refuse(self.line, start + min(positions))

    def read_text(self, token: Token | None = None) -> str:
        """Return a text in quotes or after a colon. After a colon, further instructions in it are rejected."""
        token = token or self.tokens.get("QUOTED") or self.tokens["TEXT"]
        if token.type == "QUOTED":
            return token[1:-1]
        start, text = token.start_pos or 0, token.rstrip()
        if not text.strip(_QUOTES):
            raise _refuse(self.line, start, ["a text"])
        for separator in _SEPARATOR.finditer(text):
            if _GRAMMAR.is_command(_SEPARATOR.split(text[separator.end() :], maxsplit=1)[0]):
                raise _refuse(self.line, start + separator.end())
        return text

    def read_prose(self) -> str | None:
        """Return the text of a comment, a message, a title or a description, if there is one."""
        if not self.tokens.keys() & {"TEXT", "QUOTED"}:
            return None
        return self.read_text()

    def read_titles(self) -> tuple[list[str], dict[str, object]]:
        """Return the titles of new cards or items, and the parameter ``column`` if the instruction names a column."""
        parts = self.trees["list"].children if "list" in self.trees else [*self.tokens.values()]
        tokens = [part for part in parts if isinstance(part, Token) and part.type in ("TEXT", "QUOTED")]
        titles = [self.read_text(token) for token in tokens]
        column = self.read_name() if "name" in self.trees else ""
        if tokens[0].type == "TEXT" and "list" in self.trees:
            *titles, last = [text.strip() for text in titles[0].split(";" if ";" in titles[0] else ",")]
            last = last.removesuffix("?") if "ASK" in self.tokens else last
            titles += [last[4:]] if last.startswith("and ") else last.split(" and ")
            titles = [title for text in titles if (title := text.strip(_QUOTES))]
            if not titles:
                raise _refuse(self.line, tokens[0].start_pos or 0, ["a text"])
        count = self.tokens.get("COUNT", "").lower()
        if count and _to_number(count) != len(titles):
            raise _refuse(self.line, self.tokens["COUNT"].start_pos or 0, [str(len(titles))])
        return titles, {"column": column} if column else {}

    def read_date(self) -> str | None:
        """Return the date of the command; None if it clears one."""
        if (token := self.tokens.get("DATE")) is None:
            return None
        try:
            day = _find_date(self.context.today, token.lower())
        except (ValueError, OverflowError):
            raise _refuse(self.line, token.start_pos or 0, ["a date such as 2027-03-15"]) from None
        return day.isoformat()

    def create_cards(self) -> _Params:
        titles, column = self.read_titles()
        cards = [{"title": title, **self.new_fields} for title in titles]
        content: dict[str, object] = {"cards": cards} if self.kind == "create_cards" else dict(cards[0])
        return [{"projectId": self.context.card.project_id, **column, **content}]

    def read_notification(self) -> _Params:
        return [{"message": self.read_prose(), "to": [*map(self.to_person, self.read_names())]}]

    def move_due_date(self) -> str:
        due, span = self.context.card.due_date, self.tokens["SPAN"]
        if due is None or self.card_id != self.context.card.id:
            raise _refuse(self.line, span.start_pos or 0, ["a date such as 2027-03-15"])
        try:
            return _shift(due, span, -1 if self.kind == "advance" else 1).isoformat()
        except (ValueError, OverflowError):
            raise _refuse(self.line, span.start_pos or 0, ["a span of at most ten years"]) from None


def _set(**params: object) -> Callable[[_Command], _Params]:
    """Return a reader of commands that always set the same values."""
    return lambda _: [params]


def _read(param: str, read: Callable[[_Command], object], **params: object) -> Callable[[_Command], _Params]:
    """Return a reader of commands that set one value of their text, and perhaps others that are always the same."""
    return lambda command: [{param: read(command), **params}]


def _read_each(param: str, read: Callable[[_Command], Iterable[str]]) -> Callable[[_Command], _Params]:
    """Return a reader of commands that make one call for each value of their text."""
    return lambda command: [{param: value} for value in read(command)]


def _move(command: _Command) -> _Params:
    return [{"targetColumn": command.read_name(), **({"order": 0} if "TOP" in command.tokens else {})}]


def _relate(command: _Command) -> _Params:
    if command.kind == "child_of":
        return [{"cardId": command.read_card(), "type": "parent_of", "targetCardId": command.card_id}]
    return [{"type": command.kind, "targetCardId": command.read_card()}]


def _complete_checklist(command: _Command) -> _Params:
    return [{"itemId": item.id, "done": True} for item in command.context.card.checklist if not item.done]


# The rules of the grammar, each with the action that it calls, and the parameters of its calls.
_ACTIONS: Mapping[str, tuple[str, Callable[[_Command], _Params]]] = {
    "archive": ("archive_card", _set(archived=True)),
    "restore": ("archive_card", _set(archived=False)),
    "complete": ("set_status", _set(status="done")),
    "reopen": ("set_status", _set(status="open")),
    "start_work": ("set_status", _set(status="in_progress")),
    "set_status": ("set_status", _read("status", _Command.read_status)),
    "set_priority": ("set_priority", _read("priority", _Command.read_level)),
    "set_due": ("update_card", _read("dueDate", _Command.read_date)),
    "set_start": ("update_card", _read("startDate", _Command.read_date)),
    "postpone": ("update_card", _read("dueDate", _Command.move_due_date)),
    "advance": ("update_card", _read("dueDate", _Command.move_due_date)),
    "move": ("move_card", _move),
    "assign": ("assign_card", _read("assigneeId", lambda command: command.to_person(command.read_name()))),
    "take": ("assign_card", _read("assigneeId", lambda command: command.context.requester_id)),
    "unassign": ("assign_card", _set(assigneeId=None)),
    "add_label": ("add_label", _read_each("label", _Command.read_names)),
    "remove_label": ("remove_label", _read_each("label", _Command.read_names)),
    "comment": ("add_comment", _read("content", _Command.read_prose)),
    "notify": ("notify", _Command.read_notification),
    "describe": ("update_card", _read("description", _Command.read_prose)),
    "rename": ("update_card", _read("title", _Command.read_prose)),
    "create_card": ("create_card", _Command.create_cards),
    "create_cards": ("create_cards_bulk", _Command.create_cards),
    "split": ("split_card", _read("titles", lambda command: command.read_titles()[0])),
    "add_items": ("add_checklist_item", _read_each("title", lambda command: command.read_titles()[0])),
    "add_item": ("add_checklist_item", _read_each("title", _Command.read_quoted)),
    "check": ("toggle_checklist_item", _read("itemId", _Command.read_name, done=True)),
    "uncheck": ("toggle_checklist_item", _read("itemId", _Command.read_name, done=False)),
    "complete_checklist": ("toggle_checklist_item", _complete_checklist),
    "unlink": ("remove_relation", _read("targetCardId", _Command.read_card)),
    **dict.fromkeys(
        ("blocked_by", "blocks", "related_to", "duplicates", "child_of"), ("add_relation", _relate)
    ),
}
