"""The objects in other tools' files: the fields that the importers read, with their types, and the fields that they ignore.

Ignored fields hold ids, counters, addresses or derived values. Any other field with content is reported.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

import attrs

ValueType = Literal["text", "id", "integer", "number", "boolean"]
ValueFormat: TypeAlias = "ValueType | ObjectFormat | list[ValueType | ObjectFormat]"
"""A plain type, an object, or a list whose items have the same type."""


def _split(words: str) -> frozenset[str]:
    return frozenset(words.split())


@attrs.frozen
class ObjectFormat:
    """One kind of object in a file.

    Attributes:
        kind: The name of the kind in the report: ``card``.
        types: The fields that the importers read. A null stands for a missing field.
        ignored: Further fields that are not reported, as words; None if no further field is reported.
        required: The field without which an item of a list is omitted.
        named_by: The field that names the object in the report; without it, the surrounding object is named.
        text_field: The field that a string stands for, if the tool writes a string in place of the object.
        repeated: Whether the file repeats the whole object wherever it is used. It is then reported only once.
    """

    kind: str
    types: Mapping[str, ValueFormat]
    ignored: frozenset[str] | None = attrs.field(default=None, converter=attrs.converters.optional(_split))
    required: str | None = None
    named_by: str | None = None
    text_field: str | None = None
    repeated: bool = False

    def reports(self, field: str) -> bool:
        """Return whether content of an undeclared field is reported."""
        return self.ignored is not None and field not in self.ignored and not field.endswith("_url")


def _types(plain: Mapping[ValueType, str], **nested: ValueFormat) -> Mapping[str, ValueFormat]:
    """Return the types of fields by name.

    Args:
        plain: The names of the fields that have each of the plain types.
        nested: The types of the other fields.
    """
    return {name: kind for kind, names in plain.items() for name in names.split()} | nested


_TRELLO_LABEL = ObjectFormat(
    "label", _types({"id": "id", "text": "name color"}), required="id", named_by="name", repeated=True
)
_TRELLO_VALUE = ObjectFormat("card.customField", _types({"text": "text number checked date"}))
_TRELLO_OPTION = ObjectFormat(
    "customField.option", _types({"id": "id", "number": "pos"}, value=_TRELLO_VALUE), required="id"
)
_TRELLO_FIELD = ObjectFormat(
    "customField",
    _types({"id": "id", "text": "name type", "number": "pos"}, options=[_TRELLO_OPTION]),
    required="id",
    named_by="name",
)
_TRELLO_FIELD_ITEM = ObjectFormat(
    "card.customField",
    _types({"id": "idCustomField", "text": "idValue"}, value=_TRELLO_VALUE),
    required="idCustomField",
)
_TRELLO_MEMBER = ObjectFormat(
    "member", _types({"id": "id", "text": "username fullName"}), required="id", named_by="username"
)
_TRELLO_ITEM = ObjectFormat(
    "checkItem",
    _types({"text": "name state", "number": "pos"}),
    ignored="id idChecklist nameData nodeId",
)
_TRELLO_CHECKLIST = ObjectFormat(
    "checklist",
    _types({"id": "idCard", "text": "name", "number": "pos"}, checkItems=[_TRELLO_ITEM]),
    required="idCard",
    named_by="name",
)
_TRELLO_ATTACHMENT = ObjectFormat("attachment", _types({"text": "name url", "boolean": "isUpload"}))
_TRELLO_COMMENT = ObjectFormat(
    "action.data",
    _types({"text": "text"}, card=ObjectFormat("action.data.card", _types({"text": "id name"}))),
)
_TRELLO_AUTHOR = ObjectFormat("action.memberCreator", _types({"text": "fullName username"}))
_TRELLO_ACTION = ObjectFormat(
    "action",
    _types({"text": "type date"}, memberCreator=_TRELLO_AUTHOR, data=_TRELLO_COMMENT),
    named_by="type",
)
_TRELLO_LIST = ObjectFormat(
    "list",
    _types({"id": "id", "text": "name", "boolean": "closed", "number": "pos"}),
    ignored="creationMethod idBoard idOrganization limits nodeId subscribed type",
    required="id",
    named_by="name",
)
_TRELLO_CARD = ObjectFormat(
    "card",
    _types(
        {
            "id": "id idList",
            "integer": "idShort",
            "text": "name desc start due dateLastActivity",
            "boolean": "dueComplete closed",
            "number": "pos",
        },
        labels=[_TRELLO_LABEL],
        idLabels=["id"],
        idMembers=["id"],
        attachments=[_TRELLO_ATTACHMENT],
        customFieldItems=[_TRELLO_FIELD_ITEM],
        badges=ObjectFormat("card.badges", _types({"integer": "comments"})),
        cover=ObjectFormat("card.cover", _types({"text": "color idAttachment idUploadedBackground"})),
    ),
    ignored="""
        address cardRole checkItemStates creationMethod dateClosed dateCompleted descData email
        idAttachmentCover idBoard idChecklists idOrganization isTemplate limits manualCoverAttachment
        nodeId shortLink shortUrl subscribed url
        """,
    required="id",
    named_by="name",
)
TRELLO_BOARD = ObjectFormat(
    "board",
    _types(
        {"text": "name desc", "boolean": "closed"},
        lists=[_TRELLO_LIST],
        cards=[_TRELLO_CARD],
        labels=[_TRELLO_LABEL],
        customFields=[_TRELLO_FIELD],
        members=[_TRELLO_MEMBER],
        checklists=[_TRELLO_CHECKLIST],
        actions=[_TRELLO_ACTION],
    ),
    ignored="""
        creationMethod dateClosed dateLastActivity dateLastView datePluginDisable descData enterpriseOwned
        id idBoardSource idEnterprise idMemberCreator idOrganization idTags ixUpdate labelNames limits
        memberships nodeId pinned powerUps prefs premiumFeatures shortLink shortUrl starred subscribed
        templateGallery type url
        """,
)

_GITHUB_USER = ObjectFormat("user", _types({"text": "login"}))
_GITHUB_LABEL = ObjectFormat(
    "label",
    _types({"text": "name color"}),
    ignored="default id node_id url",
    named_by="name",
    text_field="name",
    repeated=True,
)
GITHUB_ISSUE = ObjectFormat(
    "issue",
    _types(
        {
            "integer": "number comments",
            "text": "title body state state_reason created_at closed_at html_url repository_url",
        },
        user=_GITHUB_USER,
        assignee=_GITHUB_USER,
        assignees=[_GITHUB_USER],
        labels=[_GITHUB_LABEL],
        milestone=ObjectFormat("milestone", _types({"text": "title due_on"})),
        type=ObjectFormat("issue.type", _types({"text": "name"})),
    ),
    ignored="""
        author_association body_html body_text draft id node_id pull_request repository score updated_at url
        """,
    named_by="number",
)
GITHUB_COMMENT = ObjectFormat(
    "comment",
    _types({"text": "body created_at updated_at issue_url"}, user=_GITHUB_USER),
    ignored="author_association body_html body_text html_url id node_id url",
    named_by="html_url",
)
