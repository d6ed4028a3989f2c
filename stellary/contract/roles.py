"""The roles of a user in an organization, in a workspace and in its pilotage, and the registration policy."""

from __future__ import annotations

from typing import Literal, get_args

OrganizationRole = Literal["owner", "admin", "member", "guest"]
WorkspaceRole = Literal["admin", "member", "guest"]
"""A guest sees the projects that they are a member of, and nothing else of the workspace or the organization."""
PilotageRole = Literal["viewer", "reviewer", "owner"]

MemberRole = Literal["admin", "member"]
"""A role in an organization that can be granted at once. Ownership cannot."""

ProjectRole = Literal["viewer", "commenter", "editor", "manager"]
"""A role in a project; each includes those before it."""
OthersRole = Literal["viewer", "commenter", "editor"]
"""The role of the members of the workspace who are not members of a project."""
Visibility = Literal["workspace", "private"]
"""The people who see a project: all of its workspace, or its members and the admins of the workspace."""
PROJECT_ROLES: tuple[ProjectRole, ...] = get_args(ProjectRole)

Registration = Literal["open", "invited", "closed"]
"""The people who may create an account: everyone, only people with a pending invitation, or no one."""
