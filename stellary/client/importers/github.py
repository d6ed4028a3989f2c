"""The importer for GitHub issues, as the REST API lists them (``GET /repos/{owner}/{repo}/issues?state=all``)."""

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
    moment_of,
    object_of,
    shorten,
    split_description,
    split_title,
    text_of,
)
from stellary.client.transfer.json_file import JsonList, parse_json_list
from stellary.contract.project_imports import (
    ImportedCard,
    ImportedColumn,
    ImportedComment,
    ImportedMember,
    ImportedPerson,
)
from stellary.contract.unset import UNSET

_FILE_KIND = "a list of GitHub issues, as its REST API gives it"
_OPEN, _DONE, _NOT_PLANNED = "open", "done", "left"
_MILESTONE, _TYPE, _ADDRESS = "milestone", "type", "address"
_NOT_PLANNED_REASONS = frozenset({"not_planned", "duplicate"})


def read_github_issues(
    file: JsonList,
    *,
    name: str | None = None,
    comments: JsonList | None = None,
    people: Mapping[str, str] | None = None,
    pull_requests: bool = False,
) -> Reading:
    """Read GitHub issues as cards that keep their numbers, in columns for open, done and not planned issues.

    Args:
        file: A path, bytes, an open file, or the list itself. Concatenate the pages of the API before.
        name: The name of the project; by default the repository.
        comments: The comments of the repository (``GET /repos/{owner}/{repo}/issues/comments``), in the same forms. The
            issues themselves have only the number of their comments.
        people: E-mail addresses by login, since GitHub does not export them: ``{"octocat": "jane@acme.com"}``. These people
            become members and assignees, if they have access to the workspace.
        pull_requests: Whether to include pull requests, which GitHub lists among the issues.

    Returns:
        The project, and a report of everything that was omitted or changed.

    Raises:
        UnsuitableFile: The file is not a list of issues.
        OSError: The file cannot be read.
    """
    issues = [object_of(issue) for issue in parse_json_list(file, _FILE_KIND)]
    for issue in issues:
        if not isinstance(issue.get("number"), int) or not isinstance(issue.get("title"), str):
            raise UnsuitableFile(f"this is not {_FILE_KIND}: an issue has a number and a title")
    comment_list = (
        []
        if comments is None
        else [object_of(comment) for comment in parse_json_list(comments, "a list of comments")]
    )
    report = Report()
    draft = _Issues(issues, comment_list, report, people or {}, pull_requests).draft(name)
    return Reading(draft.split(), report.left_out())


@attrs.define
class _Issues:
    """A list of issues while it is converted."""

    issues: Sequence[dict[str, Any]]
    comment_list: Sequence[dict[str, Any]]
    report: Report
    people: Mapping[str, str]
    pull_requests: bool

    def draft(self, name: str | None) -> Draft:
        issues = list(self._select_issues())
        several = len({_repository(issue) for issue in issues}) > 1
        if several:
            self.report.note("number", "they are of several repositories: all get new ones", "the list")
        labels, fields = self._labels(issues), self._fields(issues)
        comments = self._comments()
        cards = [self._card(issue, labels, fields, comments, numbered=not several) for issue in issues]
        for issue, orphans in comments.items():
            self.report.note("comment", "the list does not have its issue", f"issue {issue[1]}", len(orphans))
        project_name = name or (_repository(issues[0]) if issues else "") or "GitHub issues"
        return Draft(
            name=shorten(project_name, NAME_MAX, "name", "the project", self.report),
            description=None,
            columns=list(_columns(cards)),
            labels=labels.imported,
            custom_fields=fields.imported,
            cards=cards,
            members=self._members(issues),
        )

    def _select_issues(self) -> Iterator[dict[str, Any]]:
        """Yield each issue once, by number. Pages overlap if issues were opened while they were fetched."""
        seen = set()
        for issue in sorted(self.issues, key=lambda issue: issue["number"]):
            key = (_repository(issue), issue["number"])
            if key in seen:
                self.report.note("issue", "it stands in the list more than once", _where(issue))
            elif issue.get("pull_request") and not self.pull_requests:
                self.report.note("pull request", "it is no issue", _where(issue))
            else:
                seen.add(key)
                yield issue

    def _labels(self, issues: Iterable[dict[str, Any]]) -> Labels:
        labels, described = Labels(self.report), set()
        issue_labels = [_label(label) for issue in issues for label in _list(issue.get("labels"))]
        # A label can be a bare name. Labels with a colour come first, so that theirs is used.
        for label in sorted(issue_labels, key=lambda label: "color" not in label):
            name, color = text_of(label.get("name")), text_of(label.get("color"))
            labels.add(name, name, f"#{color}" if _is_color(color) else "#ededed")
            if name not in described:
                described.add(name)
                self.report.note_unknown("label", label, GITHUB_LABEL, f"label {name!r}")
        return labels

    def _fields(self, issues: Sequence[dict[str, Any]]) -> Fields:
        fields = Fields(self.report)
        milestones = [object_of(issue.get("milestone")) for issue in issues]
        if any(milestones):
            fields.choice(_MILESTONE, "Milestone", [milestone.get("title") for milestone in milestones])
            for milestone in {
                text_of(milestone.get("title")): milestone
                for milestone in milestones
                if milestone.get("due_on")
            }.values():
                self.report.note(
                    "milestone.due_on", "a field has no date", f"milestone {milestone.get('title')!r}"
                )
        types = [object_of(issue.get("type")).get("name") for issue in issues]
        if any(types):
            fields.choice(_TYPE, "Type", types)
        fields.add(_ADDRESS, "GitHub", "text", text_of)
        return fields

    def _comments(self) -> dict[tuple[str, int], list[ImportedComment]]:
        by_issue: dict[tuple[str, int], list[ImportedComment]] = defaultdict(list)
        for comment in sorted(self.comment_list, key=lambda comment: text_of(comment.get("created_at"))):
            repository, _, number = text_of(comment.get("issue_url")).rpartition("/issues/")
            where = f"issue {number or '?'}"
            self.report.note_unknown("comment", comment, GITHUB_COMMENT, where)
            created = moment_of(comment.get("created_at"), "comment.created_at", where, self.report)
            updated = moment_of(comment.get("updated_at"), "comment.updated_at", where, self.report)
            key = (_repository_name(repository), int(number) if number.isdecimal() else 0)
            by_issue[key] += comments_of(comment.get("body"), _login(comment.get("user")), created, updated)
        return by_issue

    def _members(self, issues: Iterable[dict[str, Any]]) -> list[ImportedMember]:
        logins = {_login(user): None for issue in issues for user in (issue.get("user"), *_assignees(issue))}
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
        report.note_unknown("issue", issue, GITHUB_ISSUE, where)
        title, title_rest = split_title(issue["title"], where, report)
        description, description_rest = split_description(issue.get("body"), where, report)
        issue_comments = comments.pop((_repository(issue), issue["number"]), [])
        comment_count = issue.get("comments")
        if isinstance(comment_count, int) and comment_count and not issue_comments:
            report.note("comment", "the list has none: give `comments`", where, comment_count)
        created = moment_of(issue.get("created_at"), "issue.created_at", where, report)
        closed = moment_of(issue.get("closed_at"), "issue.closed_at", where, report)
        is_open = issue.get("state") != "closed"
        column = (
            _OPEN
            if is_open
            else _NOT_PLANNED
            if text_of(issue.get("state_reason")) in _NOT_PLANNED_REASONS
            else _DONE
        )
        label_names = [text_of(_label(label).get("name")) for label in _list(issue.get("labels"))]
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
            label_ids=labels.ids(label_names, where),
            custom_fields=fields.values({id: value for id, value in values.items() if value}, where),
            comments=[
                *comments_of(title_rest),
                *comments_of(description_rest, author, created),
                *issue_comments,
            ],
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
    if _NOT_PLANNED in used:
        yield ImportedColumn(id=_NOT_PLANNED, name="Not planned", card_status="done")


def _assignees(issue: Mapping[str, Any]) -> list[Any]:
    return _list(issue.get("assignees")) or [user for user in (issue.get("assignee"),) if user]


def _login(user: Any) -> str:
    return text_of(object_of(user).get("login"))


def _repository(issue: Mapping[str, Any]) -> str:
    """Return ``owner/name``; an empty string if the issue has no repository."""
    return _repository_name(text_of(issue.get("repository_url")))


def _repository_name(address: str) -> str:
    return "/".join(address.rstrip("/").split("/")[-2:])


def _where(issue: Mapping[str, Any]) -> str:
    return f"issue {issue['number']}"


def _label(label: Any) -> dict[str, Any]:
    return {"name": label} if isinstance(label, str) else object_of(label)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _is_color(text: str) -> bool:
    return len(text) == 6 and all(letter in "0123456789abcdefABCDEF" for letter in text)
