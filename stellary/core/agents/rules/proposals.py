"""Texts of proposals, and checks that they are not stale. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

import orjson

from stellary.contract.errors import Conflict
from stellary.contract.limits import ID_PATTERN

SUMMARY_MAX = 500
_VALUE_MAX = 100
_NAME_MAX = 60
_ID = re.compile(rf" \({ID_PATTERN}\)")


def summarize(
    action_summary: str, params: Mapping[str, object], names: Mapping[str, str] = MappingProxyType({})
) -> str:
    """Return a proposal as a sentence: ``Move a card to a column: cardId 'Write' (6f…), targetColumn 'Done' (6f…)``.

    Args:
        action_summary: The summary of the action or endpoint.
        params: The parameters, each shown with at most 100 characters.
        names: Names by id, shown before the id.

    Returns:
        At most 500 characters.
    """
    shown_params = ", ".join(
        f"{name} {_format_value(_put_names(value, names))}" for name, value in params.items()
    )
    sentence = action_summary.rstrip(".") + (f": {shown_params}" if shown_params else "")
    return ellipsize(sentence, SUMMARY_MAX)


def _put_names(value: object, names: Mapping[str, str]) -> object:
    """Return a value with the name before each id that has one."""
    if isinstance(value, list):
        return [_put_names(item, names) for item in value]
    if isinstance(value, Mapping):
        return {key: _put_names(item, names) for key, item in value.items()}
    if isinstance(value, str) and value in names:
        return f"{ellipsize(names[value], _NAME_MAX)!r} ({value})"
    return value


def put_ids(params: Mapping[str, object], seen: Mapping[str, str]) -> dict[str, object]:
    """Return the parameters of an action with the ids that their names were resolved to.

    Args:
        params: The parameters as JSON.
        seen: The versions that the action has read, with keys such as ``column in cards[0].column 6f…`` for names.
    """
    ids = {}
    for key in seen:
        kind, _, id = key.rpartition(" ")
        _, is_named, path = kind.rpartition(" in ")
        if is_named:
            ids[path] = id
    # The column of a new card is resolved even if no parameter names it.
    top = {path: id for path, id in ids.items() if path.isidentifier()}
    return {name: _put_ids(value, ids, name) for name, value in params.items()} | top


def _put_ids(value: object, ids: Mapping[str, str], path: str) -> object:
    if isinstance(value, list):
        return [_put_ids(item, ids, f"{path}[{index}]") for index, item in enumerate(value)]
    if isinstance(value, Mapping):
        return {key: _put_ids(item, ids, f"{path}.{key}") for key, item in value.items()}
    return ids.get(path, value)


def _format_value(value: object) -> str:
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    return ellipsize(text, _VALUE_MAX)


def ellipsize(text: str, length: int) -> str:
    """Return the text, cut to a length in characters with an ellipsis as its last one.

    Args:
        text: The text.
        length: The maximum length in characters, at least 1.
    """
    return text if len(text) <= length else f"{text[: length - 1]}…"


def describe_outcome(done: Iterable[str], not_done: Iterable[str], remarks: str | None = None) -> str:
    """Return the outcome of a mission: ``Done: Move APP-1 *Sign* … Not done: Archive APP-1 *Sign* (rejected: Wait).``.

    Args:
        done: The changes that were made, in words.
        not_done: The changes that were not, each with the reason.
        remarks: Further sentences.
    """
    done, not_done = "; ".join(map(_drop_ids, done)), "; ".join(not_done)
    sentences = (done and f"Done: {done}.", not_done and f"Not done: {not_done}.", remarks)
    return " ".join(sentence for sentence in sentences if sentence)


def describe_rejection(summary: str, reason: str | None) -> str:
    """Return a text for one rejected proposal.

    Args:
        summary: The proposal in words.
        reason: The reason that the person gave; None or empty for none.
    """
    return f"{_drop_ids(summary)} (rejected: {reason or 'no reason was given'})"


def _drop_ids(summary: str) -> str:
    """Return a change in words without the ids beside the names, for people."""
    return _ID.sub("", summary)


def describe_batch(
    decisions: Sequence[tuple[str, str, str | None]], result: str | None, remarks: str | None
) -> str:
    """Return the outcome of a mission whose proposals were decided as one batch.

    Args:
        decisions: The summary, the status and the rejection reason of each proposal.
        result: The agent's own summary, which assumes that all proposals are approved.
        remarks: Further sentences of the agent.

    Returns:
        The agent's summary if it gave one and all proposals are approved, else the lists of changes done and not done.
    """
    approved = [summary for summary, status, _ in decisions if status == "approved"]
    if result and len(approved) == len(decisions):
        return result
    rejected = [
        describe_rejection(summary, why) for summary, status, why in decisions if status == "rejected"
    ]
    return describe_outcome(approved, rejected, remarks)


def check_fresh(seen: Mapping[str, str], now: Mapping[str, str]) -> None:
    """Check that the items that a proposal depends on are unchanged since it was made.

    Args:
        seen: The version of each item, by key, when the proposal was made.
        now: The versions that the execution has read.

    Raises:
        Conflict: They differ.
    """
    if seen != now:
        names = sorted({key.rpartition(" ")[0] for key, _ in seen.items() ^ now.items()})
        raise stale(f"the {' and the '.join(names)} has changed since it was proposed")


def stale(why: str) -> Conflict:
    """Return the error for a proposal whose items have changed since it was made."""
    return Conflict(why, code="stale")


def renew_versions(seen: Mapping[str, str], versions: Mapping[str, tuple[str, str]]) -> dict[str, str]:
    """Return the versions that a proposal expects after another proposal of its mission was executed.

    Args:
        seen: The versions that it expected before, by key.
        versions: The version before and after the execution, by the key of each changed item.
    """
    return {
        key: versions[key][1] if key in versions and versions[key][0] == version else version
        for key, version in seen.items()
    }
