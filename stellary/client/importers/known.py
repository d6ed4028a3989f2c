"""The fields of other tools' files that the importers read, or ignore because they hold ids, counters, addresses or derived values.

Any other field with content is reported.
"""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


TRELLO_BOARD = _words(
    """
    actions cards checklists closed creationMethod customFields dateClosed dateLastActivity dateLastView
    datePluginDisable desc descData enterpriseOwned id idBoardSource idEnterprise idMemberCreator
    idOrganization idTags ixUpdate labelNames labels limits lists members memberships name nodeId pinned
    powerUps prefs premiumFeatures shortLink shortUrl starred subscribed templateGallery type url
    """
)
TRELLO_LIST = _words(
    """
    closed creationMethod id idBoard idOrganization limits name nodeId pos subscribed type
    """
)
TRELLO_CARD = _words(
    """
    address attachments badges cardRole checkItemStates closed cover creationMethod customFieldItems
    dateClosed dateCompleted dateLastActivity desc descData due dueComplete email id idAttachmentCover
    idBoard idChecklists idLabels idList idMembers idOrganization idShort isTemplate labels limits
    manualCoverAttachment name nodeId pos shortLink shortUrl start subscribed url
    """
)
TRELLO_ITEM = _words(
    """
    id idChecklist name nameData nodeId pos state
    """
)
GITHUB_ISSUE = _words(
    """
    assignee assignees author_association body body_html body_text closed_at comments created_at draft
    html_url id labels milestone node_id number pull_request repository score state state_reason title
    type updated_at url user
    """
)
GITHUB_LABEL = _words(
    """
    color default id name node_id url
    """
)
GITHUB_COMMENT = _words(
    """
    author_association body body_html body_text created_at html_url id issue_url node_id updated_at url
    user
    """
)
