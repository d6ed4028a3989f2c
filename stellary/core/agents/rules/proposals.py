"""What a proposal says, and whether it still holds. Values in, values out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson

from stellary.contract.errors import Conflict

SUMMARY_MAX = 500
_SHOWN_MAX = 100


def told(what: str, params: Mapping[str, Any]) -> str:
    """A proposal in a sentence: ``Move a card to a column: cardId LAUNCH-12, targetColumn Done``."""
    said = ", ".join(f"{name} {_shown(found)}" for name, found in params.items())
    sentence = what.rstrip(".") + (f": {said}" if said else "")
    return ellipsize(sentence, SUMMARY_MAX)


def _shown(found: Any) -> str:
    text = found if isinstance(found, str) else orjson.dumps(found).decode()
    return ellipsize(text, _SHOWN_MAX)


def ellipsize(text: str, length: int) -> str:
    """Return the text, cut to a length in characters with an ellipsis as its last one."""
    return text if len(text) <= length else f"{text[: length - 1]}…"


def describe_outcome(done: Iterable[str], not_done: Iterable[str], remarks: str | None = None) -> str:
    """Describe what came of a mission: ``Done: move_card. Not done: add_comment was rejected (Too chatty).``

    Args:
        done: The names of the actions that were carried out.
        not_done: What was not, each with the reason.
        remarks: What else there is to say, in sentences.
    """
    done, not_done = ", ".join(done), "; ".join(not_done)
    sentences = (done and f"Done: {done}.", not_done and f"Not done: {not_done}.", remarks)
    return " ".join(sentence for sentence in sentences if sentence)


def describe_rejection(action: str, reason: str | None) -> str:
    """Describe one proposal that was rejected."""
    return f"{action} was rejected ({reason or 'no reason was given'})"


def describe_batch(
    decisions: Sequence[tuple[str, str, str | None]], result: str | None, remarks: str | None
) -> str:
    """Describe what came of a mission whose proposals were decided as one batch.

    Args:
        decisions: Of each proposal its action, its status and the reason of a rejection.
        result: The agent's own words, which take it for granted that all was approved.
        remarks: What the agent has to say beside its proposals.

    Returns:
        The agent's own words if all was approved and it has found any, else what was done and what was not.
    """
    approved = [action for action, status, _ in decisions if status == "approved"]
    if result and len(approved) == len(decisions):
        return result
    rejected = [describe_rejection(action, why) for action, status, why in decisions if status == "rejected"]
    return describe_outcome(approved, rejected, remarks)


def check_fresh(seen: Mapping[str, str], now: Mapping[str, str]) -> None:
    """What was proposed is done to what was seen, in the very version.

    Args:
        seen: What the proposal hangs on, each in its version.
        now: The same, as it was found when it was to be done.

    Raises:
        Conflict: Something else has changed it.
    """
    if seen != now:
        names = sorted({key.rpartition(" ")[0] for key, _ in seen.items() ^ now.items()})
        raise stale(f"the {' and the '.join(names)} has changed since it was proposed")


def stale(why: str) -> Conflict:
    """The 409 that says that a proposal no longer fits."""
    return Conflict(why, code="stale")


def renewed(seen: Mapping[str, str], versions: Mapping[str, tuple[str, str]]) -> dict[str, str]:
    """What another proposal of the same mission hangs on, once one of them has changed something.

    Args:
        seen: As it was.
        versions: Of what was changed, by its key: the version before, and the one after.
    """
    return {
        key: versions[key][1] if key in versions and versions[key][0] == version else version
        for key, version in seen.items()
    }
