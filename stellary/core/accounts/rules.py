"""The rules of accounts: what a standing grants. Values in, values out."""

from __future__ import annotations

import attrs

from stellary.contract.endpoint import Role

_RANKS = {"member": 1, "admin": 2, "owner": 3}


@attrs.frozen
class Standing:
    """How somebody stands to a place: the roles that were read together with it.

    Attributes:
        user_id: Whose standing it is.
        org_role: owner, admin or member of the organization; None for a stranger.
        ws_role: admin or member of the workspace; None for somebody outside, or where no workspace is in question.
        pilotage_role: As the workspace's member list has it.
        in_project: Whether a member of the project, where one is in question.
    """

    user_id: str
    organization_id: str
    org_role: str | None
    workspace_id: str | None = None
    workspace_owner_id: str | None = None
    is_personal: bool = False
    ws_role: str | None = None
    pilotage_role: str | None = None
    in_project: bool = False

    @property
    def leads_organization(self) -> bool:
        return self.org_role in ("owner", "admin")

    @property
    def sees_organization(self) -> bool:
        return self.org_role is not None

    @property
    def sees_workspace(self) -> bool:
        """Members see it; who leads the organization sees every workspace but somebody's personal one."""
        return self.workspace_id is not None and (
            self.ws_role is not None or (self.leads_organization and not self.is_personal)
        )

    @property
    def workspace_role(self) -> str | None:
        """The role that holds: who leads the organization is an implicit admin."""
        if not self.sees_workspace:
            return None
        return "admin" if self.leads_organization else self.ws_role

    @property
    def effective_pilotage_role(self) -> str | None:
        """The pilotage role that holds: who leads the organization is an implicit pilotage owner."""
        if not self.sees_workspace:
            return None
        return "owner" if self.leads_organization else self.pilotage_role

    def grants(self, role: Role, author_id: str | None = None) -> bool:
        """Whether this standing is enough for a policy row's role.

        Args:
            role: What the endpoint asks for.
            author_id: Who made the thing, or whom it is about, for the roles that ask that.
        """
        admin = self.workspace_role == "admin"
        match role:
            case "org_read":
                return self.sees_organization
            case "org_admin":
                return self.leads_organization
            case "org_owner":
                return self.org_role == "owner"
            case "ws_read":
                return self.sees_workspace
            case "ws_admin":
                return admin
            case "ws_admin_or_self" | "author":
                return self.sees_workspace and (admin or author_id == self.user_id)
            case "ws_owner":
                owns = self.workspace_owner_id == self.user_id or self.org_role == "owner"
                return self.sees_workspace and owns
            case "proj_manage":
                return self.sees_workspace and (admin or self.in_project)
            case "pil_write":
                return self.effective_pilotage_role == "owner"
            case "pil_review":
                return self.effective_pilotage_role in ("owner", "reviewer")
            case _:
                return False


def outranks(actor_role: str | None, other_role: str) -> bool:
    """Whether somebody of that role may change, or make, somebody of the other one."""
    return _RANKS.get(actor_role or "", 0) > _RANKS[other_role]
