"""The roles of a user in an organization, in a workspace and in its pilotage; and who may become a user."""

from __future__ import annotations

from typing import Literal

OrganizationRole = Literal["owner", "admin", "member"]
WorkspaceRole = Literal["admin", "member"]
PilotageRole = Literal["viewer", "reviewer", "owner"]

MemberRole = Literal["admin", "member"]
"""A role that can be granted. Ownership cannot."""

Registration = Literal["open", "invited", "closed"]
"""Who may create an account: everyone; people whose address has a pending invitation; nobody."""
