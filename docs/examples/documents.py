"""Documents: write a specification in Markdown, review, edit and find it.

Start a server with ``python3 dev.py serve``, then run ``python docs/examples/documents.py``.
"""

from __future__ import annotations

import sys
from uuid import uuid4

from stellary import Forbidden, PreconditionFailed, Stellary

SPEC = """# Login

Whoever has an account logs in with an e-mail address and a **password**.

- At most ten attempts an hour
- No hint which of the two was wrong
"""


def documents(author: Stellary, reviewer: Stellary, organization: str, workspace: str) -> list[str]:
    """Write a specification, have it reviewed by another member of the workspace, and return its history."""
    ws = author.workspace(organization, workspace)
    project = ws.projects.create(name="Web shop")

    # --8<-- [start:create]
    handbook = ws.documents.create(title="Handbook")
    spec = ws.documents.create(
        title="Login",
        doc_type="spec",
        content=SPEC,
        content_format="markdown",
        context_type="project",
        context_id=project.id,
        parent_id=handbook.id,
        tags=["security"],
    )
    # --8<-- [end:create]

    # --8<-- [start:read]
    assert ws.documents.get(spec).content["content"][0]["type"] == "heading"  # TipTap JSON, for an editor
    assert ws.documents.get(spec, content_format="markdown").content == SPEC.strip()
    (draft,) = ws.documents.list(tag="security", status="draft")  # without content
    # --8<-- [end:read]
    assert draft.id == spec.id

    # --8<-- [start:save]
    saved = ws.document(spec).update(content=SPEC + "\nNobody is locked out.", content_format="markdown")
    try:
        ws.documents.with_options(if_match=spec).update(spec, title="Sign in")  # an outdated version
    except PreconditionFailed as error:
        print(error.message)
    # --8<-- [end:save]

    # --8<-- [start:comments]
    comment = ws.document(spec).comments.create(content="@Rob Roe, is this what you meant?")
    reviewer.workspace(organization, workspace).document(spec).comments.create(content="Nearly.")
    ws.document(spec).comments.update(comment, content="@Rob Roe, is this what you mean?")
    for remark in ws.document(spec).comments.list():  # oldest first
        print(f"{remark.author_name}: {remark.content}")
    # --8<-- [end:comments]

    # --8<-- [start:review]
    ws.document(saved).submit_review()
    try:
        ws.document(spec).review(status="approved")
    except Forbidden as error:
        print(error.message)
    theirs = reviewer.workspace(organization, workspace).document(spec)
    theirs.review(status="changes_requested", notes="How long is a password?")

    ws.document(spec).update(content=SPEC + "\nIt has 12 characters.", content_format="markdown")
    ws.document(spec).submit_review()
    approved = theirs.review(status="approved")
    # --8<-- [end:review]
    assert approved.status == "approved"

    # --8<-- [start:versions]
    versions = ws.document(spec).versions()  # newest first, without content
    history = [f"{version.number}: {version.status} by {version.reviewer_name}" for version in versions]
    first = ws.document(spec).get_version(versions[-1], content_format="markdown")
    # --8<-- [end:versions]
    assert "locked out" in first.content

    operations = author.organization(organization).workspaces.create(name="Operations", slug="ops")
    # --8<-- [start:transfer]
    moved = ws.document(handbook).transfer(context_type="workspace", context_id=operations.id)
    assert moved.id == handbook.id
    # --8<-- [end:transfer]
    # Child documents of other projects stay.
    assert ws.documents.get(spec).parent_id is None
    return history


def main(url: str = "http://localhost:3001") -> None:
    """Run the example with two new accounts, and print the history of the specification."""
    name = f"acme-{uuid4().hex[:8]}"
    with (
        Stellary.register(url, f"jane-{name}@example.com", "a-long-password", name="Jane Doe") as jane,
        Stellary.register(url, f"rob-{name}@example.com", "a-long-password", name="Rob Roe") as rob,
    ):
        jane.organizations.create(name=name.title(), slug=name)
        ws = jane.organization(name).workspaces.create(name="Engineering", slug="eng")
        invitation = jane.workspace(name, ws).members.invite(email=f"rob-{name}@example.com")
        assert invitation.token is not None  # the server sends no e-mails
        rob.invitations.accept(invitation.token)
        jane.workspace(name, ws).members.update(rob.auth.me().user.id, pilotage_role="reviewer")
        for line in documents(jane, rob, name, "eng"):
            print(line)


if __name__ == "__main__":
    main(*sys.argv[1:])
