"""The pages on which people work: what they show to whom, and each of their forms."""

import pytest

from reference_server.pages import work
from tests.server.running import WITHOUT_JOBS, running
from tests.server.test_pages import FORM, send_form, text_of
from tests.support.each_case import for_each
from tests.support.html_forms import Html, encode
from tests.support.page_scene import HOSTILE, PageScene, SilentChannel
from tests.support.statements import record_statements

PUBLIC = ("sign-in", "registration", "forgotten password")
BROWSER = "text/html,application/xhtml+xml,*/*;q=0.8"


@pytest.fixture
def core_options():
    """Let each core have channels, so that there is something to choose."""
    return {"channels": [SilentChannel("mail"), SilentChannel("chat")]}


@pytest.fixture
def site(core):
    """Yield a server with something on each page, on each kind of database."""
    scene = PageScene(core)
    with running(core, WITHOUT_JOBS) as server:
        yield Site(server, scene)


@pytest.fixture
def sqlite_site(sqlite_core):
    """Yield the same on SQLite."""
    scene = PageScene(sqlite_core)
    with running(sqlite_core, WITHOUT_JOBS) as server:
        yield Site(server, scene)


class Site:
    """A server, and the browsers of people."""

    def __init__(self, server, scene):
        self.server, self.scene = server, scene

    def open(self, person, page):
        """Return the response to a request of a person for a page, by its name or its path."""
        path = self.scene.paths.get(page, page)
        return self.server.ask("GET", path.partition("#")[0], **self.scene.sign_in(person))

    def send(self, person, page, do, **typed):
        """Fill in the form of a page, and return the response."""
        form = read(self.open(person, page)).find_form(do, **typed)
        return self.post(person, form["action"], form)

    def post(self, person, path, form):
        path, headers = path.partition("#")[0], self.scene.sign_in(person)
        return self.server.ask("POST", path, encode(form), content_type=FORM, **headers)

    def list_forms(self, person, page):
        """Return the names of the forms of a page that a person sees."""
        return [form["do"] for form in read(self.open(person, page)).forms if "do" in form]


def read(reply):
    return Html(reply.body.decode())


def test_card_says_when_it_repeats(sqlite_site):
    scene = sqlite_site.scene
    assert "Repeats" not in text_of(sqlite_site.open(scene.ann, "card"))
    scene.card.update(recurrence={"rule": "FREQ=WEEKLY;BYDAY=MO"})
    assert "Repeats every Monday" in text_of(sqlite_site.open(scene.ann, "card"))


@pytest.mark.slow("opens all pages")
def test_pages_show_texts_of_people_as_text(site):
    for name, path in site.scene.paths.items():
        reply = site.open(site.scene.ann, path)
        assert (reply.status, reply.headers["content-type"]) == (200, "text/html; charset=utf-8"), name
        assert not read(reply).tags & {"script", "img", "iframe"}, name
        assert 'href="javascript' not in reply.body.decode(), name
        policy = reply.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; style-src '"), name
        assert "script" not in policy, name
    for view in ("board", "list", "calendar"):
        links = read(site.open(site.scene.vic, view)).links
        assert links[f"Release notes {HOSTILE}"] == site.scene.paths["card"], view
    card = text_of(site.open(site.scene.bob, "card"))
    for words in (f"Release notes {HOSTILE}", f"It is urgent . {HOSTILE}", "notes <b>.txt", "1 of 2", "bob"):
        assert words in card, words
    assert "Because of users ." in text_of(site.open(site.scene.vic, "document"))


def test_home_shows_the_work_of_the_user(site):
    home = site.open(site.scene.bob, "home")
    overdue, today = text_of(home).index("Overdue"), text_of(home).index("Today")
    assert overdue < text_of(home).index("Release notes") < today < text_of(home).index("Translate the notes")
    links = read(home).links
    assert links[f"Release notes {HOSTILE}"] == site.scene.paths["card"]
    assert links["6 unread notifications"] == "/my-notifications"
    assert "It is done." in text_of(site.open(site.scene.ann, "home"))


def test_saved_filters_lead_to_their_cards(site):
    scene = site.scene
    assert read(site.open(scene.vic, "home")).links["Bob's <i>"] == scene.paths["filter"]
    page = site.open(scene.vic, "filter")
    assert read(page).links[f"Release notes {HOSTILE}"] == scene.paths["card"]
    assert ("assignee = bob" in text_of(page), "Q1 <Launch>" in text_of(page)) == (True, True)
    at = scene.open_client(scene.ann).workspace("acme", "eng")
    bugs = at.saved_filters.create(name="Bugs", filter='label = "Bug <b>" and priority = low')
    path = f"/filters/acme/eng/{bugs.id}"
    assert "No cards match." in text_of(site.open(scene.ann, path))
    assert site.open(scene.vic, path).status == 404
    assert "Bugs" not in text_of(site.open(scene.vic, "home"))
    labels = at.project(scene.card.get().project_id).labels
    labels.delete(next(label for label in labels.list() if label.name == "Bug <b>"))
    broken = site.open(scene.ann, path)
    assert (broken.status, "Bug <b>" in text_of(broken)) == (400, True)


def test_home_reads_no_more_organizations_than_it_shows(sqlite_site, monkeypatch):
    # The user has an organization of their own.
    monkeypatch.setattr(work, "WORKSPACES_MAX", 2)
    scene, counts = sqlite_site.scene, []
    for slug in ("beta", "gamma", "delta"):
        scene.world.organization(scene.ann, slug)
        with record_statements() as statements:
            assert "Q1" in text_of(sqlite_site.open(scene.ann, "home"))
        lists = ("stellary_workspaces", "stellary_saved_filters")
        counts.append(sum(sql.partition("FROM ")[2].startswith(lists) for sql in statements))
    assert counts == [4, 4, 4]


@pytest.mark.slow("sends each form")
def test_forms_change_what_they_say_and_lead_back(site):
    scene = site.scene
    done, bob, long_text = scene.columns[-1].id, scene.bob.id, "🙂" * 4993
    hours = {"channels.mail.card": "never", "digest": "week", "digestHour": "7", "timeZone": "Asia/Tokyo"}
    cases = [
        ("preferences", scene.bob, "save", hours, "Your choices are saved.", "By e-mail"),
        ("approvals", scene.ann, "approve", {}, "The proposal is approved.", "Another title"),
        ("approvals", scene.ann, "reject", {"reason": "No"}, "The proposal is rejected.", "No agent waits"),
        ("approvals", scene.ann, "approve_action", {}, "The action is approved.", "No action waits"),
        ("card", scene.bob, "move", {"columnId": done}, "The card is moved.", "Column Done"),
        ("card", scene.bob, "assign", {"assigneeId": scene.ann.id}, "is saved", "Assigned to ann"),
        ("card", scene.bob, "assign", {"assigneeId": ""}, "is saved", "Assigned to nobody"),
        ("card", scene.bob, "due", {"dueDate": "2027-02-03"}, "is saved", "Due 2027-02-03"),
        ("card", scene.bob, "due", {"dueDate": ""}, "is saved", "Due no date"),
        (
            "card",
            scene.bob,
            "edit",
            {"title": "New", "description": f"a\r\n\r\nb{long_text}"},
            "is saved",
            "New",
        ),
        ("card", scene.bob, "mute", {}, "You are not notified of changes.", "You have muted this card"),
        ("card", scene.vic, "watch", {}, "You are notified of each change.", "You watch this card"),
        (
            "card",
            scene.vic,
            "unwatch",
            {},
            "You are notified as by default.",
            "You are notified of changes if",
        ),
        ("card", scene.bob, "tick", {}, "The checklist is saved.", "0 of 2"),
        ("card", scene.bob, "add", {"title": "Third"}, "The item is added.", "0 of 3"),
        ("card", scene.bob, "comment", {"content": "x <y>"}, "Your comment is posted.", "x <y>"),
        ("card", scene.bob, "archive", {}, "The card is archived.", "archived"),
        ("card", scene.bob, "restore", {}, "The card is back on the board.", "Column Done"),
        ("document", scene.vic, "comment", {"content": "Fine."}, "Your comment is posted.", "Fine."),
        ("notifications", scene.bob, "read", {}, "is marked as read", "Mark all as read"),
        ("notifications", scene.bob, "read_all", {}, "are marked as read", "Notifications"),
    ]
    for page, person, do, typed, message, words in cases:
        reply = site.send(person, page, do, **typed)
        location = f"{scene.paths[page]}?done={do}"
        assert (reply.status, reply.headers.get("location")) == (303, location), (do, text_of(reply))
        text = text_of(site.open(person, location))
        assert (message in text, words in text) == (True, True), (do, text)
        assert message not in text_of(site.open(person, page))
    card = scene.card.get()
    assert (card.title, card.description, card.due_date) == ("New", f"a\n\nb{long_text}", None)
    assert [item.done for item in card.checklist] == [False, False, False]
    assert (card.column_id, card.assignee_id, card.archived) == (done, None, False)
    assert scene.open_client(scene.bob).notifications.count().count == 0
    chosen = scene.open_client(scene.bob).notifications.preferences()
    assert (chosen.digest, chosen.digest_hour, chosen.time_zone) == ("week", 7, "Asia/Tokyo")
    assert (chosen.channels["mail"]["card"], chosen.channels["mail"]["mention"]) == ("never", "immediate")
    assert bob in {comment.author_id for comment in scene.card.comments.list()}


def test_document_is_reviewed_on_its_page(sqlite_site):
    scene = sqlite_site.scene
    at = scene.open_client(scene.ann).workspace("acme", "eng")
    assert sqlite_site.list_forms(scene.bob, "document") == ["comment"]
    at.members.update(scene.bob, pilotage_role="reviewer")
    by_author = sqlite_site.send(scene.ann, "document", "approve")
    assert (by_author.status, "author" in text_of(by_author)) == (403, True)
    reply = sqlite_site.send(scene.bob, "document", "reject", notes=f"Shorter, please. {HOSTILE}")
    assert reply.status == 303
    assert f"bob: Shorter, please. {HOSTILE}" in text_of(sqlite_site.open(scene.ann, "document"))
    assert sqlite_site.send(scene.ann, "document", "submit").status == 303
    stale = read(sqlite_site.open(scene.bob, "document")).find_form("approve")
    scene.document.update(tags=["x"])
    assert sqlite_site.post(scene.bob, stale["action"], stale).status == 412
    assert sqlite_site.send(scene.bob, "document", "approve").status == 303
    assert scene.document.get().status == "approved"
    assert "Version 2" in text_of(sqlite_site.open(scene.vic, "document"))


@pytest.mark.slow("tries each form for each role")
def test_buttons_and_pages_follow_the_role(site):
    scene = site.scene
    of_readers = ["watch", "mute"]
    assert site.list_forms(scene.vic, "card") == of_readers
    all_forms = {form["do"]: form for form in read(site.open(scene.bob, "card")).forms if "do" in form}
    of_editors = {"tick", "add", "move", "assign", "due", "edit", "archive", "comment"}
    assert all_forms.keys() == {*of_readers, *of_editors}
    token = read(site.open(scene.vic, "card")).forms[0]["formToken"]
    outsider = read(site.open(scene.eve, "home")).forms[0]["formToken"]
    before = scene.card.get()
    for do, form in all_forms.items():
        if do in of_editors:
            refused = site.post(scene.vic, form["action"], {**form, "formToken": token, "content": "x"})
            assert (refused.status, 'role="alert"' in refused.body.decode()) == (403, True), do
        hidden = site.post(scene.eve, form["action"], {**form, "formToken": outsider, "content": "x"})
        assert (hidden.status, "Not found" in text_of(hidden)) == (404, True), do
    assert scene.card.get() == before
    signed_in = [name for name in scene.paths if name not in PUBLIC]
    of_everyone = {"home", "notifications", "preferences", "tokens", "second factor", "account"}
    assert {site.open(scene.eve, name).status for name in signed_in if name not in of_everyone} == {404}
    for name in signed_in:
        reply = site.server.ask("GET", scene.paths[name])
        assert (reply.status, read(reply).find_form("").get("next")) == (401, scene.paths[name]), name
    unknown = site.open(scene.eve, f"/boards/acme/eng/{'0' * 24}")
    assert (unknown.status, unknown.body) == (404, site.open(scene.eve, "board").body)
    workspace = scene.open_client(scene.ann).workspace("acme", "eng")
    project = workspace.project(before.project_id)
    project.update(member_role="commenter")
    assert site.list_forms(scene.vic, "card") == ["comment", *of_readers]
    workspace.members.update(scene.bob, role="guest")
    assert set(site.list_forms(scene.bob, "card")) == all_forms.keys()
    for name in signed_in:
        assert site.open(scene.bob, name).status == (404 if name in ("document", "version") else 200), name
    project.update(visibility="private")
    assert site.open(scene.vic, "card").status == 404
    assert "Q1" not in text_of(site.open(scene.vic, "home"))


def test_two_people_do_not_overwrite_each_other(site):
    scene = site.scene
    form = read(site.open(scene.bob, "card")).find_form("edit", title="Mine", description="My text")
    scene.card.update(title="Theirs")
    reply = site.post(scene.bob, form["action"], form)
    assert (reply.status, "This has been changed since you opened the page" in text_of(reply)) == (412, True)
    again = read(reply).find_form("edit")
    assert (again["title"], again["description"]) == ("Mine", "My text")
    assert scene.card.get().title == "Theirs"
    assert site.post(scene.bob, again["action"], again).status == 303
    assert scene.card.get().title == "Mine"


@for_each(
    "do, typed, status, problem",
    [
        ("comment", {"content": ""}, 400, "The comment must"),
        ("comment", {"content": "y" * 2001}, 400, "The comment must"),
        ("edit", {"title": " "}, 400, "The title must"),
        ("due", {"dueDate": "tomorrow <b>"}, 400, "The due date must"),
        ("move", {"columnId": "0" * 24}, 400, "The column"),
        ("assign", {"assigneeId": "0" * 24}, 400, "The person"),
        ("tick", {"item_id": "0" * 24}, 404, "not found"),
        ("tick", {"item_id": "../x"}, 404, "not found"),
        ("tick", {"done": "maybe"}, 400, "done must be"),
    ],
)
def test_problem_is_shown_beside_what_was_typed(sqlite_site, do, typed, status, problem):
    reply = sqlite_site.send(sqlite_site.scene.bob, "card", do, **typed)
    assert (reply.status, problem in text_of(reply)) == (status, True), text_of(reply)
    if do != "tick":
        form = read(reply).find_form(do)
        assert 'role="alert"' in reply.body.decode().partition(f'id="{do}"')[2].partition("</form>")[0]
        assert {name: form[name] for name in typed} == typed or do in ("move", "due")


def test_wrong_hour_of_a_digest_is_shown_beside_the_form(site):
    reply = site.send(site.scene.bob, "preferences", "save", digestHour="25")
    assert (reply.status, "The hour of the digest must" in text_of(reply)) == (400, True), text_of(reply)
    assert read(reply).find_form("save")["digestHour"] == "25"
    form = {**read(reply).find_form("save"), "digestHour": "7", "channels": "x", "channels.mail.card.x": "y"}
    assert site.post(site.scene.bob, form["action"], form).status == 400


@for_each(
    "typed",
    [
        {"channels.mail.card.x": "never"},
        {f"channels.mail{'.x' * 1000}": "never"},
        {"digestHour": "9" * 20},
        {"digestHour": "9" * 5000},
    ],
)
def test_wrong_preferences_are_refused(site, typed):
    form = {**read(site.open(site.scene.bob, "preferences")).find_form("save"), **typed}
    reply = site.post(site.scene.bob, form["action"], form)
    assert (reply.status, "must be" in text_of(reply)) == (400, True), text_of(reply)


def test_item_with_an_id_that_no_text_of_a_database_may_have_is_not_found(site):
    form = {**read(site.open(site.scene.bob, "notifications")).find_form("read"), "id": "\0"}
    assert site.post(site.scene.bob, form["action"], form).status == 404


def test_server_without_a_channel_says_so(sqlite_site):
    assert "sends no notifications by e-mail" in text_of(
        sqlite_site.open(sqlite_site.scene.bob, "preferences")
    )


def test_other_requests_are_no_errors(sqlite_site):
    bob, card = sqlite_site.scene.bob, sqlite_site.scene.paths["card"]
    form = read(sqlite_site.open(bob, "card")).find_form("comment", content="x")
    assert sqlite_site.post(bob, card, {**form, "do": "everything"}).status == 200
    for query, status in (("comments=x", 400), ("done=%00", 200), ("history=", 200), ("card=x", 200)):
        assert sqlite_site.open(bob, f"{card}?{query}").status == status, query
    assert sqlite_site.open(bob, f"{card}?x=<script>&done=comment").body.count(b"<script") == 0
    assert len(sqlite_site.scene.card.comments.list()) == 2


def test_form_that_is_sent_twice_is_done_once(site):
    bob, comments = site.scene.bob, site.scene.card.comments
    form = read(site.open(bob, "card")).find_form("comment", content="Twice.")
    assert [site.post(bob, form["action"], form).status for _ in range(2)] == [303, 303]
    assert [comment.content for comment in comments.list()].count("Twice.") == 1
    ticks = [form for form in read(site.open(bob, "card")).forms if form.get("do") == "tick"]
    for tick in ticks:
        assert site.post(bob, tick["action"], {**tick, "done": "true"}).status == 303
    assert site.scene.card.get().checklist_progress.done == len(ticks) == 2
    other = site.post(bob, form["action"], {**form, "content": "Another text."})
    assert (other.status, "was sent before" in text_of(other)) == (422, True)
    assert read(other).find_form("comment")["content"] == "Another text."


def test_long_lists_have_pages(sqlite_site):
    scene = sqlite_site.scene
    for number in range(50):
        scene.card.comments.create(content=f"Number {number}.")
    first = sqlite_site.open(scene.vic, "card")
    assert ("Number 47." in text_of(first), "Number 48." in text_of(first)) == (True, False)
    second = sqlite_site.open(scene.vic, read(first).links["Newer comments"])
    assert ("Number 47." in text_of(second), "Number 49." in text_of(second)) == (False, True)
    assert "Newer comments" not in read(second).links


def test_file_is_downloaded_by_those_who_see_the_card(site):
    links = read(site.open(site.scene.vic, "card")).links
    file = site.open(site.scene.vic, links["notes <b>.txt"])
    assert (file.status, file.body) == (200, b"hello")
    assert file.headers["content-disposition"].startswith("attachment;")
    assert site.open(site.scene.eve, links["notes <b>.txt"]).status == 404
    assert site.server.ask("GET", links["notes <b>.txt"]).status == 401


def test_first_page_is_for_browsers_and_programs(sqlite_site):
    reply = sqlite_site.server.ask("GET", "/", accept=BROWSER)
    assert (reply.status, reply.headers["location"], reply.headers["vary"]) == (303, "/home", "accept")
    for accept in ("application/json", "*/*", "application/json, text/html"):
        assert sqlite_site.server.ask("GET", "/", accept=accept).json["name"] == "Stellary"
    assert sqlite_site.server.ask("GET", "/").json["name"] == "Stellary"


def test_account_is_created_where_registration_is_open(sqlite_site):
    server = sqlite_site.server
    assert read(server.ask("GET", "/sign-in")).links["Create an account"] == "/register"
    fields = {"do": "register", "email": "new@example.com", "name": "New", "password": "short"}
    refused = send_form(server, "/register", **fields)
    assert (refused.status, "The password must" in text_of(refused)) == (400, True)
    assert read(refused).find_form("register")["email"] == "new@example.com"
    reply = send_form(server, "/register", **{**fields, "password": "correct horse"})
    assert (reply.status, reply.headers["location"]) == (303, "/home")
    assert server.ask("GET", "/home", cookie=reply.headers["set-cookie"].partition(";")[0]).status == 200
    server.core.env.registration = "closed"
    assert "register" not in [form.get("do") for form in read(server.ask("GET", "/register")).forms]
    assert "Create an account" not in read(server.ask("GET", "/sign-in")).links
    assert send_form(server, "/register", **{**fields, "email": "x@example.com"}).status in (400, 403)
