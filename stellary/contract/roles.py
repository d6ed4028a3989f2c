"""The roles of a user in an organization, in a workspace and in its pilotage, and the registration policy."""

from __future__ import annotations

from typing import Literal

OrganizationRole = Literal["owner", "admin", "member"]
WorkspaceRole = Literal["admin", "member"]
PilotageRole = Literal["viewer", "reviewer", "owner"]

MemberRole = Literal["admin", "member"]
"""A role that can be granted. Ownership cannot."""

Registration = Literal["open", "invited", "closed"]
"""The people who may create an account: everyone, only people with a pending invitation, or no one."""
