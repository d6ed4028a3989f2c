"""The pages in a browser: from an invitation to the board, with a second factor."""

import asyncio
from datetime import timedelta

import pytest

from stellary import Stellary
from tests.server.running import Running
from tests.support import browser
from tests.support.authenticator import show_code
from tests.support.world import StoppedClock, links

PASSWORD = "correct horse"
BOB = "bob@example.com"


def invite(server: Running) -> str:
    """Create a board, invite a new user, and return the link in the e-mail."""
    emails = []
    server.core.env.mailer = emails.append
    server.core.env.public_url = server.url
    with Stellary(server.url, token=server.register()) as client:
        client.organizations.create(name="Acme", slug="acme")
        client.organization("acme").workspaces.create(name="Engineering", slug="eng")
        workspace = client.workspace("acme", "eng")
        project = workspace.project(workspace.projects.create(name="Launch"))
        project.cards.create(project.columns.list()[0], title="Write the <release> notes")
        workspace.members.invite(email=BOB, role="member")
    (link,) = set(links(emails[0]))
    return link


async def visit(server: Running, clock: StoppedClock, link: str) -> str:
    """Accept the invitation as a new user, enable the second factor, sign in again, and return the text of the board."""
    async with browser.open_browser() as page:
        await page.open(link)
        await page.fill_in({"name": "Bob", "password": PASSWORD}, "Create the account and accept")
        await page.fill_in({}, "See your projects")
        await page.fill_in({}, "Second factor")
        await page.fill_in({"password": PASSWORD}, "Set up the second factor")
        secret = await page.evaluate("document.querySelector('[name=secret]').value")
        code = show_code(secret, clock.now)
        await page.fill_in({"code": code}, "Enable the second factor")
        assert "Keep your recovery codes" in await page.read_text()
        await page.fill_in({}, "Sign out")
        await page.open(f"{server.url}/home")
        await page.fill_in({"email": BOB, "password": PASSWORD}, "Sign in")
        # The code that enabled the factor is not accepted again.
        await page.fill_in({"code": code}, "Sign in")
        assert "The code is wrong, or was used before." in await page.read_text()
        clock.advance(timedelta(seconds=30))
        await page.fill_in({"code": show_code(secret, clock.now)}, "Sign in")
        await page.fill_in({}, "Launch")
        return await page.read_text()


@pytest.mark.skipif(
    browser.PROGRAM is None, reason="Chromium is not installed: python3 dev.py services installs it"
)
def test_user_comes_from_an_invitation_to_the_board(server):
    link = invite(server)
    server.core.env.clock = clock = StoppedClock()
    assert "Write the <release> notes" in asyncio.run(visit(server, clock, link))
