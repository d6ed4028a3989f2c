"""Roles: what somebody is in an organization, in a workspace and in its pilotage."""

from __future__ import annotations

from typing import Literal

OrganizationRole = Literal["owner", "admin", "member"]
WorkspaceRole = Literal["admin", "member"]
PilotageRole = Literal["viewer", "reviewer", "owner"]

MemberRole = Literal["admin", "member"]
"""A role that can be given to somebody: nobody is made an owner."""
