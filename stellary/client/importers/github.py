"""The importer for GitHub issues, as the REST API lists them (``GET /repos/{owner}/{repo}/issues?state=all``)."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import attrs

from stellary.client.errors import UnsuitableFile
from stellary.client.importers.formats import GITHUB_COMMENT, GITHUB_ISSUE
from stellary.client.importers.labels import FieldCollection, LabelCollection
from stellary.client.importers.objects import NUMBER_MAX, is_card_number, read_object
from stellary.client.importers.reading import NAME_MAX, Draft, LossReport, Reading, comments_of, text_of
from stellary.client.transfer.json_file import JsonList, parse_json_list
from stellary.contract.project_imports import (
    ImportedCard,
    ImportedColumn,
    ImportedComment,
    ImportedMember,
    ImportedPerson,
)
from stellary.contract.wire import UNSET

_FILE_KIND = "a list of GitHub issues, as its REST API gives it"
_OPEN, _DONE, _NOT_PLANNED = "open", "done", "left"
_MILESTONE, _TYPE, _ADDRESS = "milestone", "type", "address"
_COLOR = re.compile("[0-9a-fA-F]{6}")
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
        file: A path, bytes, an open file, or the list itself. If the API returned several pages, concatenate
            their lists first.
        name: The name of the project; by default the repository.
        comments: The comments of the repository (``GET /repos/{owner}/{repo}/issues/comments``), in the same forms. The
            issues themselves have only the number of their comments.
        people: E-mail addresses by login, since GitHub does not export them: ``{"octocat": "jane@acme.com"}``. These people
            become members and assignees, if they have access to the workspace. The report lists logins that the file does
            not have.
        pull_requests: Whether to include pull requests, which GitHub lists among the issues.

    Returns:
        The project, and a report of everything that was omitted or changed.

    Raises:
        UnsuitableFile: The file is not a list of issues.
        OSError: The file cannot be read.
    """
    issues = parse_json_list(file, _FILE_KIND)
    for position, issue in enumerate(issues, start=1):
        if not (
            isinstance(issue, dict)
            and is_card_number(issue.get("number"))
            and isinstance(issue.get("title"), str)
        ):
            raise UnsuitableFile(
                f"this is not {_FILE_KIND}: item {position} must have a title and a number from 1 to {NUMBER_MAX}"
            )
    comment_list = [] if comments is None else parse_json_list(comments, "a list of comments")
    report = LossReport()
    draft = _Issues(issues, comment_list, report, people or {}, pull_requests).draft(name)
    return Reading(draft.split(), report.left_out())


@attrs.define
class _Issues:
    """A list of issues while it is converted."""

    issues: Sequence[dict[str, Any]]
    comment_list: Sequence[Any]
    report: LossReport
    people: Mapping[str, str]
    pull_requests: bool

    def draft(self, name: str | None) -> Draft:
        issues = list(self._select_issues())
        several = len({_repository(issue) for issue in issues}) > 1
        if several:
            self.report.note(
                "number", "the issues belong to several repositories: all cards get new numbers", "the list"
            )
        labels, fields = self._labels(issues), self._fields(issues)
        comments = self._comments()
        cards = [self._card(issue, labels, fields, comments, numbered=not several) for issue in issues]
        for issue, orphans in comments.items():
            self.report.note(
                "comment", "its issue is not in the list", f"issue {issue[1] or '?'}", len(orphans)
            )
        project_name = name or (_repository(issues[0]) if issues else "") or "GitHub issues"
        return Draft(
            name=self.report.shorten(project_name, NAME_MAX, "name", "the project"),
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
            key = (text_of(issue.get("repository_url")), issue["number"])
            if key in seen:
                self.report.note("issue", "it is in the list more than once", _where(issue))
            elif issue.get("pull_request") and not self.pull_requests:
                self.report.note("pull request", "it is not an issue", _where(issue))
            else:
                seen.add(key)
                yield read_object(issue, GITHUB_ISSUE, _where(issue), self.report)

    def _labels(self, issues: Iterable[dict[str, Any]]) -> LabelCollection:
        labels = LabelCollection(self.report)
        issue_labels = [label for issue in issues for label in issue.get("labels", [])]
        # A label can be just a name. Labels with a colour come first, so that the colour is used.
        for label in sorted(issue_labels, key=lambda label: "color" not in label):
            name, color = label.get("name", ""), label.get("color", "")
            labels.add(name, name, f"#{color}" if _COLOR.fullmatch(color) else "#ededed")
        return labels

    def _fields(self, issues: Sequence[dict[str, Any]]) -> FieldCollection:
        fields = FieldCollection(self.report)
        milestones = [issue.get("milestone", {}) for issue in issues]
        if any(milestones):
            fields.choice(_MILESTONE, "Milestone", [milestone.get("title") for milestone in milestones])
            for milestone in {
                milestone.get("title"): milestone for milestone in milestones if milestone.get("due_on")
            }.values():
                self.report.note(
                    "milestone.due_on",
                    "an option of a field cannot have a date",
                    f"milestone {milestone.get('title')!r}",
                )
        types = [issue.get("type", {}).get("name") for issue in issues]
        if any(types):
            fields.choice(_TYPE, "Type", types)
        fields.add(_ADDRESS, "GitHub", "text", text_of)
        return fields

    def _comments(self) -> dict[tuple[str, str], list[ImportedComment]]:
        """Return the comments by repository and number of their issue."""
        by_issue: dict[tuple[str, str], list[ImportedComment]] = defaultdict(list)
        comments = [
            read_object(comment, GITHUB_COMMENT, "the comments", self.report) for comment in self.comment_list
        ]
        for comment in sorted(comments, key=lambda comment: comment.get("created_at", "")):
            repository, _, number = comment.get("issue_url", "").rpartition("/issues/")
            where = f"issue {number or '?'}"
            created = self.report.moment_of(comment.get("created_at"), "comment.created_at", where)
            updated = self.report.moment_of(comment.get("updated_at"), "comment.updated_at", where)
            by_issue[_repository_name(repository), number] += comments_of(
                comment.get("body"), _login(comment.get("user")), created, updated
            )
        return by_issue

    def _members(self, issues: Iterable[dict[str, Any]]) -> list[ImportedMember]:
        logins = {_login(user): None for issue in issues for user in (issue.get("user"), *_assignees(issue))}
        self.report.note_unknown("people", self.people, logins)
        return [
            ImportedMember(name=login[:NAME_MAX], email=self.people[login])
            for login in logins
            if login in self.people
        ]

    def _card(
        self,
        issue: dict[str, Any],
        labels: LabelCollection,
        fields: FieldCollection,
        comments: dict[tuple[str, str], list[ImportedComment]],
        *,
        numbered: bool,
    ) -> ImportedCard:
        where, report = _where(issue), self.report
        title, title_rest = report.split_title(issue["title"], where)
        description, description_rest = report.split_description(issue.get("body"), where)
        issue_comments = comments.pop((_repository(issue), str(issue["number"])), [])
        comment_count = issue.get("comments", 0)
        if comment_count > 0 and not issue_comments:
            report.note("comment", "the list contains no comments: pass `comments`", where, comment_count)
        created = report.moment_of(issue.get("created_at"), "issue.created_at", where)
        closed = report.moment_of(issue.get("closed_at"), "issue.closed_at", where)
        is_open = issue.get("state") != "closed"
        column = (
            _OPEN if is_open else _NOT_PLANNED if issue.get("state_reason") in _NOT_PLANNED_REASONS else _DONE
        )
        label_names = [label.get("name", "") for label in issue.get("labels", [])]
        values = {
            _MILESTONE: issue.get("milestone", {}).get("title"),
            _TYPE: issue.get("type", {}).get("name"),
            _ADDRESS: issue.get("html_url"),
        }
        author = _login(issue.get("user"))
        logins = dict.fromkeys(map(_login, _assignees(issue)))
        completed = max(filter(None, (closed, created)), default=None)
        return ImportedCard(
            id=f"{_repository(issue)[:60]}#{issue['number']}",
            title=title,
            column_id=column,
            description=description,
            number=issue["number"] if numbered else UNSET,
            status="open" if is_open else "done",
            assignee=report.choose_assignee([(login, self.people.get(login)) for login in logins], where),
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


def _columns(cards: Iterable[ImportedCard]) -> Iterator[ImportedColumn]:
    used = {card.column_id for card in cards}
    yield ImportedColumn(id=_OPEN, name="Open", card_status="open")
    yield ImportedColumn(id=_DONE, name="Done", card_status="done")
    if _NOT_PLANNED in used:
        yield ImportedColumn(id=_NOT_PLANNED, name="Not planned", card_status="done")


def _assignees(issue: Mapping[str, Any]) -> list[dict[str, Any]]:
    return issue.get("assignees") or [user for user in (issue.get("assignee"),) if user]


def _login(user: Mapping[str, Any] | None) -> str:
    login: str = user.get("login", "") if user else ""
    return login


def _repository(issue: Mapping[str, Any]) -> str:
    """Return ``owner/name``; an empty string if the issue has no repository."""
    return _repository_name(issue.get("repository_url", ""))


def _repository_name(address: str) -> str:
    return "/".join(address.rstrip("/").split("/")[-2:])


def _where(issue: Mapping[str, Any]) -> str:
    return f"issue {issue['number']}"
