"""The emails about accounts: one link each, with the same sentences as text and as HTML."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from types import MappingProxyType

from stellary.core.accounts.people import find_contact
from stellary.core.kernel.unit import UnitOfWork
from stellary.core.ports.mail import Email, EmailKind

_PAGE = Path(__file__).with_name("email.html").read_text("utf-8")

# Mail programs make links of host names too.
_DOT = re.compile(r"(?<=\w)[.\u3002](?=[^\W\d_])")


def clean_name(name: str) -> str:
    """Return the name of a user or a thing for an e-mail: on one line, without URLs and invisible characters.

    Anyone can choose a name and have it sent to a stranger, so it must not look like a part of the message.

    Args:
        name: The name.
    """
    normal = unicodedata.normalize("NFKC", name)
    visible = "".join(" " if unicodedata.category(letter)[0] in "CZ" else letter for letter in normal)
    words = " ".join(word for word in visible.split() if ":/" not in word)
    return " ".join(_DOT.sub(" ", words).split()) or "…"


def send_email(
    uow: UnitOfWork,
    to: str,
    subject: str,
    *,
    kind: EmailKind,
    intro: Sequence[str],
    action: str,
    link: str,
    outro: Sequence[str],
    data: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Mail a link to the recipient once the unit has committed.

    Args:
        uow: A unit that may write.
        to: The address of the recipient.
        subject: The subject.
        kind: The occasion.
        intro: The paragraphs before the link.
        action: The words for what the link does, such as ``Reset the password``.
        link: The URL.
        outro: The paragraphs after the link.
        data: The values in the message apart from the link, for mailers with templates of their own. Default: none.
    """
    # Users choose names, so each is put on one line, where it cannot look like a paragraph of the e-mail.
    before, after = ([" ".join(paragraph.split()) for paragraph in part] for part in (intro, outro))
    html = build_page(subject, _to_html(before), action, link, _to_html(after))
    text = "\n\n".join([*before, f"{action}: {link}", *after])
    email = Email(to=to, subject=subject, text=f"{text}\n", html=html, kind=kind, data={**data, "link": link})
    uow.after_commit.append(lambda: uow.env.mailer(email))


def send_security_notice(uow: UnitOfWork, user_id: str, change: str) -> None:
    """Tell the owner of an account that the ways to get into it have changed. Nothing is sent if e-mails reach nobody.

    Args:
        uow: A unit that may write.
        user_id: The account.
        change: What has happened, in a sentence.
    """
    owner = find_contact(uow, user_id) if uow.env.sends_email else None
    if owner is None:
        return
    send_email(
        uow,
        owner.email,
        change.rstrip("."),
        kind="security_notice",
        intro=[f"{change} This happened on {uow.now:%Y-%m-%d at %H:%M} UTC."],
        action="See your account",
        link=f"{uow.env.public_url}/account",
        outro=[
            "If it was not you, set a new password at once, which ends all sessions, and revoke your API tokens.",
            "These messages protect your account, and cannot be switched off.",
        ],
        data={"change": change},
    )


def build_page(title: str, intro: str, action: str, link: str, outro: str) -> str:
    """Return an e-mail as an HTML page.

    Args:
        title: The title.
        intro: The HTML before the link.
        action: The words for what the link does.
        link: The URL.
        outro: The HTML after the link.
    """
    words = {"title": " ".join(title.split()), "action": action, "link": link}
    return _PAGE.format(intro=intro, outro=outro, **{name: escape(text) for name, text in words.items()})


def _to_html(paragraphs: Sequence[str]) -> str:
    return "\n".join(f"<p>{escape(paragraph)}</p>" for paragraph in paragraphs)
