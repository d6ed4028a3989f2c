"""Emails, where there is no mail server to take them."""

from stellary.core import Email, log_email
from tests.support.world import PASSWORD


def test_without_a_mail_server_an_email_is_logged_with_its_link(caplog):
    log_email(Email("bob@example.com", "Invitation", "Follow http://localhost:3001/invitations/t0ken"))
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert "bob@example.com" in record.getMessage()
    assert "http://localhost:3001/invitations/t0ken" in record.getMessage()


def test_the_text_of_an_email_is_not_told_by_its_name():
    assert "t0ken" not in repr(Email("bob@example.com", "Invitation", "t0ken"))


def test_emails_have_their_kind_and_their_values_for_templates_of_the_host(world, ann):
    eng = world.workspace(ann)
    world.ask(ann, "POST", f"{eng.path}/members/invite", {"email": "eve@example.com", "role": "admin"})
    world.ask(ann, "POST", "/auth/change-email", {"email": "new@example.com", "currentPassword": PASSWORD})
    world.ask(None, "POST", "/auth/forgot-password", {"email": ann.email})
    world.core.work.run_due()
    data = {email.kind: dict(email.data) for email in world.emails}
    for email in world.emails:
        assert email.data["link"] in email.text
        assert data[email.kind].pop("link").startswith("http://localhost:3001/")
        assert email.data["link"] not in repr(email)
    workspace = world.ask(ann, "GET", eng.path)["name"]
    assert data == {
        "invitation": {"inviter": "ann", "workspace": workspace, "role": "admin"},
        "email_change_notice": {"newEmail": "new@example.com"},
        "email_confirmation": {},
        "password_reset": {},
    }
