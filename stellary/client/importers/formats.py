"""The objects in other tools' files: the fields that the importers read, with their types, and the fields that they ignore.

Ignored fields hold ids, counters, addresses or derived values. Any other field with content is reported.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import attrs

ValueType = Literal["text", "id", "integer", "number", "boolean"]


@attrs.frozen
class ListFormat:
    """A list whose items have the same type."""

    item: ValueType | ObjectFormat


@attrs.frozen
class ObjectFormat:
    """One kind of object in a file.

    Attributes:
        kind: The name of the kind in the report: ``card``.
        types: The fields that the importers read. A null stands for a missing field.
        ignored: Further fields that are not reported; None if no further field is reported.
        required: The field without which an item of a list is omitted.
        named_by: The field that names the object in the report; without it, the surrounding object is named.
        text_field: The field that a string stands for, if the tool writes a string in place of the object.
        repeated: Whether the file repeats the whole object wherever it is used. It is then reported only once.
    """

    kind: str
    types: Mapping[str, ValueType | ListFormat | ObjectFormat]
    ignored: frozenset[str] | None = None
    required: str | None = None
    named_by: str | None = None
    text_field: str | None = None
    repeated: bool = False

    def reports(self, field: str) -> bool:
        """Return whether content of an undeclared field is reported."""
        return self.ignored is not None and field not in self.ignored and not field.endswith("_url")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_TRELLO_LABEL = ObjectFormat(
    kind="label",
    types={"id": "id", "name": "text", "color": "text"},
    required="id",
    named_by="name",
    repeated=True,
)
_TRELLO_VALUE = ObjectFormat(
    kind="card.customField",
    types={"text": "text", "number": "text", "checked": "text", "date": "text"},
)
_TRELLO_OPTION = ObjectFormat(
    kind="customField.option", types={"id": "id", "pos": "number", "value": _TRELLO_VALUE}, required="id"
)
_TRELLO_FIELD = ObjectFormat(
    kind="customField",
    types={
        "id": "id",
        "name": "text",
        "type": "text",
        "pos": "number",
        "options": ListFormat(_TRELLO_OPTION),
    },
    required="id",
    named_by="name",
)
_TRELLO_FIELD_ITEM = ObjectFormat(
    kind="card.customField",
    types={"idCustomField": "id", "idValue": "text", "value": _TRELLO_VALUE},
    required="idCustomField",
)
_TRELLO_MEMBER = ObjectFormat(
    kind="member",
    types={"id": "id", "username": "text", "fullName": "text"},
    required="id",
    named_by="username",
)
_TRELLO_ITEM = ObjectFormat(
    kind="checkItem",
    types={"name": "text", "state": "text", "pos": "number"},
    ignored=_words("id idChecklist nameData nodeId"),
)
_TRELLO_CHECKLIST = ObjectFormat(
    kind="checklist",
    types={"idCard": "id", "name": "text", "pos": "number", "checkItems": ListFormat(_TRELLO_ITEM)},
    required="idCard",
    named_by="name",
)
_TRELLO_ATTACHMENT = ObjectFormat(
    kind="attachment", types={"name": "text", "url": "text", "isUpload": "boolean"}
)
_TRELLO_ACTION = ObjectFormat(
    kind="action",
    types={
        "type": "text",
        "date": "text",
        "memberCreator": ObjectFormat(
            kind="action.memberCreator", types={"fullName": "text", "username": "text"}
        ),
        "data": ObjectFormat(
            kind="action.data",
            types={
                "text": "text",
                "card": ObjectFormat(kind="action.data.card", types={"id": "text", "name": "text"}),
            },
        ),
    },
    named_by="type",
)
_TRELLO_LIST = ObjectFormat(
    kind="list",
    types={"id": "id", "name": "text", "closed": "boolean", "pos": "number"},
    ignored=_words("creationMethod idBoard idOrganization limits nodeId subscribed type"),
    required="id",
    named_by="name",
)
_TRELLO_CARD = ObjectFormat(
    kind="card",
    types={
        "id": "id",
        "idList": "id",
        "idShort": "integer",
        "name": "text",
        "desc": "text",
        "start": "text",
        "due": "text",
        "dateLastActivity": "text",
        "dueComplete": "boolean",
        "closed": "boolean",
        "pos": "number",
        "labels": ListFormat(_TRELLO_LABEL),
        "idLabels": ListFormat("id"),
        "idMembers": ListFormat("id"),
        "attachments": ListFormat(_TRELLO_ATTACHMENT),
        "customFieldItems": ListFormat(_TRELLO_FIELD_ITEM),
        "badges": ObjectFormat(kind="card.badges", types={"comments": "integer"}),
        "cover": ObjectFormat(
            kind="card.cover",
            types={"color": "text", "idAttachment": "text", "idUploadedBackground": "text"},
        ),
    },
    ignored=_words(
        """
        address cardRole checkItemStates creationMethod dateClosed dateCompleted descData email
        idAttachmentCover idBoard idChecklists idOrganization isTemplate limits manualCoverAttachment
        nodeId shortLink shortUrl subscribed url
        """
    ),
    required="id",
    named_by="name",
)
TRELLO_BOARD = ObjectFormat(
    kind="board",
    types={
        "name": "text",
        "desc": "text",
        "closed": "boolean",
        "lists": ListFormat(_TRELLO_LIST),
        "cards": ListFormat(_TRELLO_CARD),
        "labels": ListFormat(_TRELLO_LABEL),
        "customFields": ListFormat(_TRELLO_FIELD),
        "members": ListFormat(_TRELLO_MEMBER),
        "checklists": ListFormat(_TRELLO_CHECKLIST),
        "actions": ListFormat(_TRELLO_ACTION),
    },
    ignored=_words(
        """
        creationMethod dateClosed dateLastActivity dateLastView datePluginDisable descData enterpriseOwned
        id idBoardSource idEnterprise idMemberCreator idOrganization idTags ixUpdate labelNames limits
        memberships nodeId pinned powerUps prefs premiumFeatures shortLink shortUrl starred subscribed
        templateGallery type url
        """
    ),
)

_GITHUB_USER = ObjectFormat(kind="user", types={"login": "text"})
_GITHUB_LABEL = ObjectFormat(
    kind="label",
    types={"name": "text", "color": "text"},
    ignored=_words("default id node_id url"),
    named_by="name",
    text_field="name",
    repeated=True,
)
GITHUB_ISSUE = ObjectFormat(
    kind="issue",
    types={
        "number": "integer",
        "title": "text",
        "body": "text",
        "state": "text",
        "state_reason": "text",
        "created_at": "text",
        "closed_at": "text",
        "html_url": "text",
        "repository_url": "text",
        "comments": "integer",
        "user": _GITHUB_USER,
        "assignee": _GITHUB_USER,
        "assignees": ListFormat(_GITHUB_USER),
        "labels": ListFormat(_GITHUB_LABEL),
        "milestone": ObjectFormat(kind="milestone", types={"title": "text", "due_on": "text"}),
        "type": ObjectFormat(kind="issue.type", types={"name": "text"}),
    },
    ignored=_words(
        """
        author_association body_html body_text draft id node_id pull_request repository score updated_at url
        """
    ),
    named_by="number",
)
GITHUB_COMMENT = ObjectFormat(
    kind="comment",
    types={
        "body": "text",
        "created_at": "text",
        "updated_at": "text",
        "issue_url": "text",
        "user": _GITHUB_USER,
    },
    ignored=_words("author_association body_html body_text html_url id node_id url"),
    named_by="html_url",
)
