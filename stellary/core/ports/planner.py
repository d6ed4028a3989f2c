"""The planner: the port that generates the questions and roadmaps of project drafts, by rules or by a language model.

A planner is called outside any transaction, so it may take its time. Its output is not trusted: questions and roadmaps
are adapted to the limits of the API, and a score never falls.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Protocol

import attrs

from stellary.contract.wizard import Question, Roadmap
from stellary.core.ports.llm import ModelAccount


@attrs.frozen
class Text:
    """One text of a brief; ``title`` is empty for the description."""

    title: str
    content: str


@attrs.frozen
class Brief:
    """The input of a planner: all information about a draft.

    Attributes:
        name: The name of the planned project.
        texts: The description, then the context documents.
        today: The day on which the draft was created, so that the same brief leads to the same plan on any day.
        questions: The questions of all rounds so far, in order.
        answers: The answers by question id, in the question's format; dates as ISO 8601 strings.
        feedback: The feedback on the roadmap, oldest first; the last one is new.
        before: The roadmap that the last feedback refers to; None for the first roadmap.
        account: Pays for calls of language models.
    """

    name: str
    texts: Sequence[Text]
    today: date
    questions: Sequence[Question] = ()
    answers: Mapping[str, Any] = attrs.field(factory=dict)
    feedback: Sequence[str] = ()
    before: Roadmap | None = None
    account: ModelAccount = attrs.field(factory=ModelAccount, eq=False, repr=False)


@attrs.frozen
class Refinement:
    """The questions of the next round, and the completeness of a brief.

    Attributes:
        questions: The questions of the next round, all new; empty if there is nothing left to ask.
        score: The completeness, 0-100.
        missing: Descriptions of the missing information, for people.
    """

    questions: Sequence[Question]
    score: int
    missing: Sequence[str] = ()


class Planner(Protocol):
    """A planner. Both methods raise ``Unavailable`` if it cannot answer at the moment.

    A request with feedback is refused before ``plan`` is called if the planner has an attribute ``reads_feedback`` that is
    False. Over HTTP, a job calls a planner with an attribute ``is_slow`` that is True; a request waits for the job, but
    not for more than 30 seconds.
    """

    def refine(self, brief: Brief, round: int, /) -> Refinement:
        """Return the questions of a round, and the completeness of the brief before they are answered.

        Args:
            brief: The texts, documents and earlier answers of a draft.
            round: The number of the round, from 1.

        Returns:
            At most a screen of questions; no questions end the refinement.
        """

    def plan(self, brief: Brief, /) -> Roadmap:
        """Return the roadmap of a brief, which follows all feedback; it lists feedback that was not understood."""
