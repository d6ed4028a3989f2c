"""The pages in a browser: from an invitation to the board, with a second factor; all of them checked by axe; by keyboard."""

import asyncio
from contextlib import closing
from datetime import timedelta
from itertools import product

import pytest

from stellary import Stellary
from stellary.core import Core
from tests.server.running import WITHOUT_JOBS, Running, running
from tests.support import browser
from tests.support.authenticator import show_code
from tests.support.colours import create_workspace
from tests.support.page_scene import PageScene, SilentChannel
from tests.support.world import StoppedClock, links

PASSWORD = "correct horse"
BOB = "bob@example.com"


def invite(server: Running) -> str:
    """Create a board, invite a new user, and return the link in the e-mail."""
    emails = []
    server.core.env.mailer = emails.append
    server.core.env.public_url = server.url
    with Stellary(server.url, token=server.register()) as client:
        workspace = create_workspace(client)
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
        await page.fill_in({"currentPassword": PASSWORD}, "Set up the second factor")
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


async def check_pages(server: Running, scene: PageScene) -> dict[str, list[str]]:
    """Return what axe finds on each page, by its name, the width of the screen, and the colour scheme."""
    violations = {}
    members = scene.open_client(scene.ann).workspace("acme", "eng").members
    token = members.invite(email="new@example.com", role="member").token
    links = {
        "invitation": f"/invitations/{token}",
        "ended link": "/reset-password/x",
        "unknown": "/boards/a/b/c",
    }
    async with browser.open_browser() as page:
        session = {"name": "stellary_session", "value": scene.bearers[scene.ann.email], "url": server.url}
        for width, scheme in product((390, 1280), ("light", "dark")):
            await page.emulate(width, scheme)
            for name, path in {**scene.paths, **links}.items():
                await page.send("Network.setCookie", **session)
                await page.open(f"{server.url}{path}")
                page_violations = await page.find_violations()
                if await page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
                    page_violations.append("the page is wider than the screen")
                if page_violations:
                    violations[f"{name}, {width}, {scheme}"] = page_violations
    return violations


async def comment_by_keyboard(server: Running, scene: PageScene) -> str:
    """Sign in, and tick and comment on a card, by the keyboard alone and without scripts; return the text of the page."""
    async with browser.open_browser() as page:
        await page.send("Emulation.setScriptExecutionDisabled", value=True)
        await page.open(f"{server.url}{scene.paths['card']}")
        for text in (scene.bob.email, PASSWORD):
            await tab_to(page, "INPUT")
            await page.send("Input.insertText", text=text)
        await press_and_wait(page, "Enter", "\r")
        await tab_to(page, "tick")
        await press_and_wait(page, " ", " ")
        await tab_to(page, "content")
        await page.send("Input.insertText", text="By keyboard.")
        await page.press("Tab")
        await press_and_wait(page, "Enter", "\r")
        return await page.read_text()


async def tab_to(page: browser.Page, target: str) -> None:
    """Press the tabulator until an element with this tag, name or value has the focus."""
    for _ in range(60):
        await page.press("Tab")
        element = "(({tagName, name, value}) => [tagName, name, value])(document.activeElement)"
        if target in await page.evaluate(element):
            return
    raise AssertionError(f"no {target} in the order of the tabulator")


async def press_and_wait(page: browser.Page, key: str, text: str) -> None:
    """Press a key, and wait for the next page."""
    before = page.loads
    await page.press(key, text)
    await page.wait_for_load(before)


@pytest.mark.skipif(not browser.IS_INSTALLED, reason=browser.NOT_INSTALLED)
def test_axe_finds_nothing_on_any_page(sqlite_url):
    with closing(Core(sqlite_url, bcrypt_rounds=4, channels=[SilentChannel()])) as core:
        scene = PageScene(core)
        with running(core, WITHOUT_JOBS) as server:
            assert asyncio.run(check_pages(server, scene)) == {}


@pytest.mark.skipif(not browser.IS_INSTALLED, reason=browser.NOT_INSTALLED)
def test_card_is_changed_by_the_keyboard_without_scripts(sqlite_core):
    scene = PageScene(sqlite_core)
    with running(sqlite_core, WITHOUT_JOBS) as server:
        text = asyncio.run(comment_by_keyboard(server, scene))
    assert ("Your comment is posted." in text, "By keyboard." in text, "0 of 2" in text) == (True, True, True)


@pytest.mark.skipif(not browser.IS_INSTALLED, reason=browser.NOT_INSTALLED)
def test_user_comes_from_an_invitation_to_the_board(server):
    link = invite(server)
    server.core.env.clock = clock = StoppedClock()
    assert "Write the <release> notes" in asyncio.run(visit(server, clock, link))
