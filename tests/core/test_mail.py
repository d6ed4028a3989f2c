"""Emails, where there is no mail server to take them."""

from __future__ import annotations

from stellary.core.ports.mail import Email, log_email


def test_without_a_mail_server_an_email_is_logged_with_its_link(caplog):
    log_email(Email("bob@example.com", "Invitation", "Follow http://localhost:3001/invitations/t0ken"))
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert "bob@example.com" in record.getMessage()
    assert "http://localhost:3001/invitations/t0ken" in record.getMessage()


def test_the_text_of_an_email_is_not_told_by_its_name():
    assert "t0ken" not in repr(Email("bob@example.com", "Invitation", "t0ken"))
