"""The roles of a user in an organization, in a workspace and in its pilotage."""

from __future__ import annotations

from typing import Literal

OrganizationRole = Literal["owner", "admin", "member"]
WorkspaceRole = Literal["admin", "member"]
PilotageRole = Literal["viewer", "reviewer", "owner"]

MemberRole = Literal["admin", "member"]
"""A role that can be granted. Ownership cannot."""
