"""GitHub: the issues of a repository, as its REST API lists them (``GET /repos/{owner}/{repo}/issues?state=all``)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import attrs

from stellary.client.errors import UnsuitableFile
from stellary.client.importers.known import GITHUB_COMMENT, GITHUB_ISSUE, GITHUB_LABEL
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
from stellary.client.transfer.json_file import JsonList, parsed_list
from stellary.contract.project_imports import (
    ImportedCard,
    ImportedColumn,
    ImportedComment,
    ImportedMember,
    ImportedPerson,
)
from stellary.contract.unset import UNSET

_WHAT = "a list of GitHub issues, as its REST API gives it"
_OPEN, _DONE, _LEFT = "open", "done", "left"
_MILESTONE, _TYPE, _ADDRESS = "milestone", "type", "address"
_ELSEWHERE = frozenset({"not_planned", "duplicate"})


def read_github_issues(
    file: JsonList,
    *,
    name: str | None = None,
    comments: JsonList | None = None,
    people: Mapping[str, str] | None = None,
    pull_requests: bool = False,
) -> Reading:
    """Read issues: they become cards with their numbers, in columns for what is open, done, and given up.

    Args:
        file: A path, the bytes, an open file, or the list itself; pages of a list are put together before.
        name: Of the project; that of the repository if not given.
        comments: A list of the repository's comments (``GET /repos/{owner}/{repo}/issues/comments``), likewise: the list of
            issues only tells how many there are.
        people: E-mail addresses by login, since GitHub tells none: ``{"octocat": "jane@acme.com"}``. They become
            members and assignees, if they reach the workspace.
        pull_requests: Whether to take these as well, which GitHub lists among the issues.

    Raises:
        UnsuitableFile: It is no such list.
        OSError: It cannot be read.
    """
    issues = [object_of(each) for each in parsed_list(file, _WHAT)]
    for each in issues:
        if not isinstance(each.get("number"), int) or not isinstance(each.get("title"), str):
            raise UnsuitableFile(f"this is not {_WHAT}: an issue has a number and a title")
    said = (
        [] if comments is None else [object_of(each) for each in parsed_list(comments, "a list of comments")]
    )
    report = Report()
    draft = _Issues(issues, said, report, people or {}, pull_requests).draft(name)
    return Reading(draft.split(), report.left_out())


@attrs.define
class _Issues:
    """Issues while they are read."""

    issues: Sequence[dict[str, Any]]
    said: Sequence[dict[str, Any]]
    report: Report
    people: Mapping[str, str]
    pull_requests: bool

    def draft(self, name: str | None) -> Draft:
        issues = list(self._wanted())
        several = len({_repository(each) for each in issues}) > 1
        if several:
            self.report.note("number", "they are of several repositories: all get new ones", "the list")
        labels, fields = self._labels(issues), self._fields(issues)
        comments = self._comments()
        cards = [self._card(each, labels, fields, comments, numbered=not several) for each in issues]
        for issue, number in comments.items():
            self.report.note("comment", "the list does not have its issue", f"issue {issue[1]}", len(number))
        named = name or (_repository(issues[0]) if issues else "") or "GitHub issues"
        return Draft(
            name=short(named, NAME_MAX, "name", "the project", self.report),
            description=None,
            columns=list(_columns(cards)),
            labels=labels.made,
            custom_fields=fields.made,
            cards=cards,
            members=self._members(issues),
        )

    def _wanted(self) -> Iterator[dict[str, Any]]:
        """The issues, the oldest first, each once: pages that were fetched while issues were opened overlap."""
        seen = set()
        for each in sorted(self.issues, key=lambda each: each["number"]):
            key = (_repository(each), each["number"])
            if key in seen:
                self.report.note("issue", "it stands in the list more than once", _where(each))
            elif each.get("pull_request") and not self.pull_requests:
                self.report.note("pull request", "it is no issue", _where(each))
            else:
                seen.add(key)
                yield each

    def _labels(self, issues: Iterable[dict[str, Any]]) -> Labels:
        labels, described = Labels(self.report), set()
        found = [_label(each) for issue in issues for each in _list(issue.get("labels"))]
        # A label can be no more than its name: where it is described as well, that says its color.
        for label in sorted(found, key=lambda each: "color" not in each):
            name, color = text_of(label.get("name")), text_of(label.get("color"))
            labels.add(name, name, f"#{color}" if _is_color(color) else "#ededed")
            if name not in described:
                described.add(name)
                self.report.unknown("label", label, GITHUB_LABEL, f"label {name!r}")
        return labels

    def _fields(self, issues: Sequence[dict[str, Any]]) -> Fields:
        fields = Fields(self.report)
        milestones = [object_of(each.get("milestone")) for each in issues]
        if any(milestones):
            fields.choice(_MILESTONE, "Milestone", [each.get("title") for each in milestones])
            for each in {
                text_of(each.get("title")): each for each in milestones if each.get("due_on")
            }.values():
                self.report.note(
                    "milestone.due_on", "a field has no date", f"milestone {each.get('title')!r}"
                )
        types = [object_of(each.get("type")).get("name") for each in issues]
        if any(types):
            fields.choice(_TYPE, "Type", types)
        fields.add(_ADDRESS, "GitHub", "text", text_of)
        return fields

    def _comments(self) -> dict[tuple[str, int], list[ImportedComment]]:
        found: dict[tuple[str, int], list[ImportedComment]] = defaultdict(list)
        for each in sorted(self.said, key=lambda each: text_of(each.get("created_at"))):
            repository, _, number = text_of(each.get("issue_url")).rpartition("/issues/")
            where = f"issue {number or '?'}"
            self.report.unknown("comment", each, GITHUB_COMMENT, where)
            created = moment_of(each.get("created_at"), "comment.created_at", where, self.report)
            updated = moment_of(each.get("updated_at"), "comment.updated_at", where, self.report)
            key = (_named(repository), int(number) if number.isdecimal() else 0)
            found[key] += comments_of(each.get("body"), _login(each.get("user")), created, updated)
        return found

    def _members(self, issues: Iterable[dict[str, Any]]) -> list[ImportedMember]:
        logins = {_login(who): None for issue in issues for who in (issue.get("user"), *_assignees(issue))}
        return [
            ImportedMember(name=login[:NAME_MAX], email=self.people[login])
            for login in logins
            if login in self.people
        ]

    def _card(
        self,
        issue: dict[str, Any],
        labels: Labels,
        fields: Fields,
        comments: dict[tuple[str, int], list[ImportedComment]],
        *,
        numbered: bool,
    ) -> ImportedCard:
        where, report = _where(issue), self.report
        report.unknown("issue", issue, GITHUB_ISSUE, where)
        title, title_rest = title_and_rest(issue["title"], where, report)
        description, rest = description_and_rest(issue.get("body"), where, report)
        own = comments.pop((_repository(issue), issue["number"]), [])
        there = issue.get("comments")
        if isinstance(there, int) and there and not own:
            report.note("comment", "the list has none: give `comments`", where, there)
        created = moment_of(issue.get("created_at"), "issue.created_at", where, report)
        closed = moment_of(issue.get("closed_at"), "issue.closed_at", where, report)
        is_open = issue.get("state") != "closed"
        column = _OPEN if is_open else _LEFT if text_of(issue.get("state_reason")) in _ELSEWHERE else _DONE
        labelled = [text_of(_label(each).get("name")) for each in _list(issue.get("labels"))]
        values = {
            _MILESTONE: object_of(issue.get("milestone")).get("title"),
            _TYPE: object_of(issue.get("type")).get("name"),
            _ADDRESS: issue.get("html_url"),
        }
        author = _login(issue.get("user"))
        completed = max(filter(None, (closed, created)), default=None)
        return ImportedCard(
            id=f"{_repository(issue)[:60]}#{issue['number']}",
            title=title,
            column_id=column,
            description=description,
            number=issue["number"] if numbered else UNSET,
            status="open" if is_open else "done",
            assignee=self._assignee(issue, where),
            label_ids=labels.ids(labelled, where),
            custom_fields=fields.values({id: said for id, said in values.items() if said}, where),
            comments=[*comments_of(title_rest), *comments_of(rest, author, created), *own],
            created_by=ImportedPerson(name=author[:NAME_MAX]) if author else UNSET,
            created_at=created or UNSET,
            completed_at=UNSET if is_open else completed,
        )

    def _assignee(self, issue: dict[str, Any], where: str) -> str | None:
        assignee: str | None = None
        for login in dict.fromkeys(map(_login, _assignees(issue))):
            email = self.people.get(login)
            if assignee is None and email is not None:
                assignee = email
            else:
                reason = "`people` names no e-mail address" if email is None else "a card has one assignee"
                self.report.note("assignee", f"{login}: {reason}", where)
        return assignee


def _columns(cards: Iterable[ImportedCard]) -> Iterator[ImportedColumn]:
    used = {card.column_id for card in cards}
    yield ImportedColumn(id=_OPEN, name="Open", card_status="open")
    yield ImportedColumn(id=_DONE, name="Done", card_status="done")
    if _LEFT in used:
        yield ImportedColumn(id=_LEFT, name="Not planned", card_status="done")


def _assignees(issue: Mapping[str, Any]) -> list[Any]:
    return _list(issue.get("assignees")) or [each for each in (issue.get("assignee"),) if each]


def _login(user: Any) -> str:
    return text_of(object_of(user).get("login"))


def _repository(issue: Mapping[str, Any]) -> str:
    """``owner/name``, as far as the list says."""
    return _named(text_of(issue.get("repository_url")))


def _named(address: str) -> str:
    return "/".join(address.rstrip("/").split("/")[-2:])


def _where(issue: Mapping[str, Any]) -> str:
    return f"issue {issue['number']}"


def _label(found: Any) -> dict[str, Any]:
    return {"name": found} if isinstance(found, str) else object_of(found)


def _list(found: Any) -> list[Any]:
    return found if isinstance(found, list) else []


def _is_color(found: str) -> bool:
    return len(found) == 6 and all(letter in "0123456789abcdefABCDEF" for letter in found)
