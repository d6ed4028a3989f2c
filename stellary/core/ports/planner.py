"""The planner: the port through which drafts get their questions and roadmaps. Deterministic, or a model.

A planner is called with no transaction open, so it may take its time. What it says is not trusted: questions and
roadmaps are fitted to the limits of the wire, and a score never falls.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Protocol

import attrs

from stellary.contract.wizard import Question, Roadmap


@attrs.frozen
class Text:
    """One text of a brief; ``title`` is empty for the description."""

    title: str
    content: str


@attrs.frozen
class Brief:
    """All that a planner knows of a draft.

    Attributes:
        name: Of the project to be.
        texts: The description, then the context documents.
        asked: The questions of all rounds so far, in their order.
        answers: By the id of a question, each of the question's format; dates as ISO 8601 texts.
        feedback: What was said to the roadmap, the oldest first; the last is new.
        before: The roadmap that the last feedback is about; None for the first one.
        today: The day on which the draft was made, so that the same brief makes the same plan on any day.
    """

    name: str
    texts: Sequence[Text]
    today: date
    asked: Sequence[Question] = ()
    answers: Mapping[str, Any] = attrs.field(factory=dict)
    feedback: Sequence[str] = ()
    before: Roadmap | None = None


@attrs.frozen
class Refinement:
    """How ready a brief is.

    Attributes:
        questions: What to ask in the next round, none of them asked before; none if there is nothing more to ask.
        score: 0-100.
        missing: What is not known, in words for people.
    """

    questions: Sequence[Question]
    score: int
    missing: Sequence[str] = ()


class Planner(Protocol):
    """Reads briefs. Both methods raise ``Unavailable`` if no answer is to be had at the moment."""

    def refine(self, brief: Brief, round: int, /) -> Refinement:
        """What to ask in that round, and how ready the brief is without it."""

    def plan(self, brief: Brief, /) -> Roadmap:
        """The roadmap of a brief, which keeps to all that was said to it; what was not understood is told in it."""
