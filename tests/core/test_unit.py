"""Units of work: actors, access checks before the commit, events and reactions."""

from contextlib import suppress
from datetime import timedelta

import attrs
import pytest

from stellary.contract.endpoint import TOKEN_SCOPES, Endpoint, Policy
from stellary.contract.errors import (
    Forbidden,
    Invalid,
    NotFound,
    ServerError,
    Unauthenticated,
)
from stellary.contract.labels import CREATE_LABEL, LIST_LABELS, CreateLabel
from stellary.contract.projects import UpdateProject
from stellary.contract.refs import LabelRef, ProjectRef
from stellary.contract.wire import Listing, Paged
from stellary.core import NOBODY, Actor
from stellary.core.api import reactions
from stellary.core.kernel.events import Event, WorkspaceLeft
from stellary.core.kernel.unit import serves, serves_self_managed, service_of
from tests.support.boards import status
from tests.support.core_parts import labels, people, projects, settle_answer

PERSON = Actor("ann")


def token(*scopes):
    return Actor("ann", frozenset(scopes), "token")


# ------------------------------------------------------------------------------------------------- tokens


ALL = token(*TOKEN_SCOPES)


def test_nobody_is_not_a_user(core):
    with core.begin(NOBODY) as uow, pytest.raises(Unauthenticated):
        _ = uow.user_id


# ------------------------------------------------------------------------------------------------- policies


@serves(LIST_LABELS)
def careless(uow, ref, request: Paged) -> Listing:
    """A service without an access check."""
    return Listing([])


@serves(LIST_LABELS)
def careful(uow, ref, request: Paged) -> Listing:
    """A service of another's policy, which asks that one."""
    return labels.list_labels(uow, ref, request)


@pytest.fixture
def ref(board):
    return board.workspace.ref.child(ProjectRef, board.project["id"])


def test_service_without_access_check_is_a_defect(board, ref):
    with pytest.raises(ServerError) as caught, board.world.core.begin(board.owner.actor) as uow:
        careless(uow, ref, Paged())
    assert caught.value.code == "unchecked_policy"


def test_access_check_of_another_service_does_not_count(board, ref):
    with pytest.raises(ServerError), board.world.core.begin(board.owner.actor) as uow:
        careful(uow, ref, Paged())


def test_error_of_service_comes_before_missing_access_check(board, ref):
    nowhere = attrs.evolve(ref, project_id="a" * 24)
    with pytest.raises(NotFound), board.world.core.view(board.owner.actor) as uow:
        labels.list_labels(uow, nowhere, Paged())


def test_service_checks_the_token_of_any_caller(board, ref):
    actor = Actor(board.owner.id, frozenset({"projects:read"}))
    with pytest.raises(Forbidden), board.world.core.begin(actor) as uow:
        labels.create_label(uow, ref, CreateLabel(name="bug"))


def test_a_service_checks_a_request_that_was_built_in_python(board, ref):
    with (
        board.world.core.begin(board.owner.actor) as uow,
        pytest.raises(Invalid, match="name must be 1 to 50 characters"),
    ):
        labels.create_label(uow, ref, CreateLabel(name=""))


def test_a_unit_goes_on_after_a_refusal(board, ref):
    with board.world.core.begin(board.owner.actor) as uow:
        with pytest.raises(Invalid):
            labels.create_label(uow, ref, CreateLabel(name=""))
        assert labels.create_label(uow, ref, CreateLabel(name="new")).name == "new"


def test_service_declares_its_endpoint():
    service = service_of(labels.create_label)
    assert (service.endpoint, service.mode) == (CREATE_LABEL, "write")
    assert service_of(labels.list_labels).mode == "read"


def test_function_without_an_endpoint_is_rejected():
    with pytest.raises(TypeError, match="serves no endpoint"):
        service_of(print)


def test_a_service_that_opens_units_itself_checks_the_token_too(core):
    endpoint: Endpoint = attrs.evolve(CREATE_LABEL, policy=Policy("self", "jwt"))

    @serves_self_managed(endpoint)
    def slow(core, actor, ref, request):
        return request.name

    assert service_of(slow).mode == "self_managed"
    assert slow(core, PERSON, ProjectRef("a", "b", "c"), CreateLabel(name="bug")) == "bug"
    with pytest.raises(Forbidden):
        slow(core, ALL, ProjectRef("a", "b", "c"), CreateLabel(name="bug"))
    with pytest.raises(Invalid):
        slow(core, PERSON, ProjectRef("a", "b", "c"), CreateLabel(name=""))


# ------------------------------------------------------------------------------------------------- If-Match


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ('"1"', 200),
        ("*", 200),
        (' "7" , "1"', 200),
        ('"7"', 412),
        ('W/"1"', 412),
        ("", 412),
        ("nonsense", 412),
    ],
)
def test_a_change_is_made_to_the_version_that_its_caller_has_seen(board, header, expected):
    card = board.card()
    answer = board.world.call(board.owner, "PATCH", board.of(card), {"title": "x"}, if_match=header)
    assert answer.status == expected
    assert board.read(card)["title"] == ("x" if expected == 200 else card["title"])


# ------------------------------------------------------------------------------------------------- what follows


class Fell(Event):
    """A stone of a row has fallen."""

    number: int


def test_reactions_may_make_more_happen_and_get_what_happens_together_together(core, monkeypatch):
    waves = []

    def push(uow, events):
        waves.append([event.number for event in events])
        for event in events:
            if event.number < 3:
                uow.emit(Fell(workspace_id="", number=event.number + 1))
                uow.emit(Fell(workspace_id="", number=event.number + 1))

    monkeypatch.setattr(reactions, "REACTIONS", {Fell: (push,)})
    with core.begin(NOBODY) as uow:
        uow.emit(Fell(workspace_id="", number=1))
        assert waves == []
    assert waves == [[1], [2, 2], [3, 3, 3, 3]]


def test_reactions_come_in_the_order_of_the_table(core, monkeypatch):
    order = []

    def one(uow, events):
        order.extend(("one", event.number) for event in events)

    def two(uow, events):
        order.extend(("two", event.number) for event in events)

    monkeypatch.setattr(reactions, "REACTIONS", {Fell: (one, two)})
    with core.begin(NOBODY) as uow:
        for number in (1, 2):
            uow.emit(Fell(workspace_id="", number=number))
    assert order == [("one", 1), ("one", 2), ("two", 1), ("two", 2)]


def test_event_that_the_table_does_not_list_is_refused(core):
    with pytest.raises(KeyError, match="Fell"), core.begin(NOBODY) as uow:
        uow.emit(Fell(workspace_id="", number=1))


def test_failed_reaction_rolls_back_the_change(board, ref, monkeypatch):
    def fail(uow, events):
        raise LookupError

    card = board.card()
    monkeypatch.setattr(reactions, "REACTIONS", dict.fromkeys(reactions.REACTIONS, (fail,)))
    assert status(board, "POST", f"{board.of(card)}/comments", {"content": "x"}) == 500
    assert board.read(card)["commentCount"] == 0


def test_effects_run_after_the_commit(core):
    order = []
    with core.begin(NOBODY) as uow:
        uow.after_commit.append(lambda: order.append("after"))
        order.append("inside")
    assert order == ["inside", "after"]


def test_a_unit_has_one_moment(world, clock):
    with world.core.begin(NOBODY) as uow:
        before = uow.now
        clock.advance(timedelta(hours=1))
        assert uow.now == before


def test_reactions_that_are_undone_with_an_attempt_are_settled_again(world, ann, bob):
    place = world.workspace(ann)
    world.join(bob, place)
    project = world.project(ann, place)
    world.ask(ann, "POST", f"{project.path}/members", {"email": bob.email})
    with world.core.begin(ann.actor) as uow:
        people.emit_rights_lost(uow, WorkspaceLeft, place.id, bob.id, ann.id)
        with suppress(ZeroDivisionError), uow.attempt():
            uow.settle()
            uow.ended_counts["webhooks"] += 1
            raise ZeroDivisionError
        assert uow.ended_counts == {}
    assert [member["userId"] for member in world.ask(ann, "GET", f"{project.path}/members")] == [ann.id]


def test_what_an_attempt_has_broken_or_shown_is_forgotten_with_it(world, ann):
    project = world.project(ann, world.workspace(ann))
    ids = [world.ask(ann, "POST", f"{project.path}/labels", {"name": name})["id"] for name in ("bug", "old")]
    action = {"type": "add_label", "params": {"label": "bug"}}
    world.ask(ann, "POST", f"{project.path}/automations", {"trigger": "task_moved", "action": action})
    world.ask(ann, "PATCH", project.path, {"visibility": "private"})
    bug, old = (project.workspace.ref.child(LabelRef, id) for id in ids)
    with world.core.begin(ann.actor) as uow:
        with suppress(ZeroDivisionError), uow.attempt():
            projects.update_project(uow, project.ref, UpdateProject(visibility="workspace"))
            (rule,) = settle_answer(uow, labels.delete_label(uow, bug)).broken_automations
            assert (rule.name, project.id in uow.shared_places) == ("add_label on task_moved", True)
            raise ZeroDivisionError
        assert project.id not in uow.shared_places
        assert settle_answer(uow, labels.delete_label(uow, old)).broken_automations == []
