"""Refs and the router: every endpoint is found at its paths, and nowhere else."""

from urllib.parse import quote

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stellary.contract import ENDPOINTS
from stellary.contract.addressing import parameter_names
from stellary.contract.endpoint import Ok, deletes, reads
from stellary.contract.errors import Invalid, MethodNotAllowed, NotFound
from stellary.contract.policies import PUBLIC
from stellary.contract.refs import (
    CardRef,
    ChecklistItemRef,
    ColumnRef,
    FlatCardRef,
    InvitationTokenRef,
    LabelRef,
    OrganizationRef,
    ProjectRef,
    Ref,
)
from stellary.contract.router import Router
from tests.support.cpu_time import measure_cpu_time
from tests.support.each_case import for_each

ROUTER = Router(ENDPOINTS)
A, B, C = "a" * 24, "b" * 24, "c" * 24
PARTS = {"orgSlug": "acme", "wsSlug": "eng", "token": "t-_T0", "id": C}
PATHS = [(endpoint, path) for endpoint in ENDPOINTS for path in (endpoint.path, endpoint.alias) if path]
each_path = for_each("endpoint, path", PATHS)


def fill_path(path: str) -> str:
    """Return a path of the contract with every parameter filled in."""
    return "/".join(PARTS.get(part[1:], A) if part.startswith(":") else part for part in path.split("/"))


@each_path
def test_every_path_matches_its_endpoint(endpoint, path):
    match = ROUTER.match(endpoint.method, fill_path(path))
    assert match.endpoint is endpoint
    assert type(match.ref) is endpoint.ref
    parameters = {name: PARTS.get(wire, A) for wire, name in parameter_names(path).items()}
    assert {name: getattr(match.ref, name) for name in parameters} == parameters


@each_path
def test_trailing_slash_is_not_found(endpoint, path):
    for slashes in ("/", "//"):
        with pytest.raises(NotFound):
            ROUTER.match(endpoint.method, fill_path(path) + slashes)


@each_path
def test_other_method_raises_with_allowed_methods(endpoint, path):
    with pytest.raises(MethodNotAllowed) as caught:
        ROUTER.match("PUT", fill_path(path))
    allowed = caught.value.headers["Allow"].split(", ")
    assert endpoint.method in allowed
    assert allowed == sorted(allowed)


@for_each("endpoint", ENDPOINTS)
def test_ref_round_trips_through_its_path(endpoint):
    ref = ROUTER.match(endpoint.method, fill_path(endpoint.path)).ref
    assert fill_path(endpoint.path).startswith(ref.path())


@for_each(
    "method, path, operation",
    [
        ("GET", "/orgs/acme/workspaces/eng/projects/templates", "projects.templates"),
        ("GET", f"/orgs/acme/workspaces/eng/projects/{A}", "projects.get"),
        ("POST", f"/orgs/acme/workspaces/eng/projects/{A}/cards/bulk", "cards.create_many"),
        ("PATCH", f"/orgs/acme/workspaces/eng/projects/{A}/cards/bulk", "cards.update_many"),
        ("PATCH", f"/orgs/acme/workspaces/eng/projects/{A}/cards/{B}", "cards.update"),
        ("PATCH", "/notifications/read-all", "notifications.read_all"),
        ("GET", "/auth/%6De", "auth.me"),
        ("GET", "/", "system.root"),
    ],
)
def test_literal_segments_take_precedence_over_parameters(method, path, operation):
    assert ROUTER.match(method, path).endpoint.operation == operation


def test_router_falls_back_to_a_parameter():
    there = f"/orgs/acme/workspaces/eng/projects/templates/cards/{A}"
    assert ROUTER.match("GET", there).endpoint.operation == "cards.get"


@for_each(
    "path",
    [
        *("", "*", "//", "/organizations/", "/orgs//workspaces/eng", "auth/me", "/auth", "/auth/me/x"),
        *("//auth/me", "/AUTH/me", "/auth%2Fme", "/\0", "/%zz"),
    ],
)
def test_unknown_paths_are_not_found(path):
    with pytest.raises(NotFound):
        ROUTER.match("GET", path)


@for_each("part", [".", "..", "A" * 24, "a" * 23, "a" * 25, "%00", "%2e%2e", "a%2Fb", "%ff", "x" * 9999])
def test_invalid_id_matches_with_an_empty_id(part):
    match = ROUTER.match("GET", f"/orgs/acme/workspaces/eng/projects/{part}")
    assert match.ref == ProjectRef("acme", "eng", "")


@given(st.text(max_size=60))
def test_any_path_is_matched_or_refused(text):
    for path in (text, "/" + text, "/notifications/" + quote(text, errors="replace") + "/read"):
        try:
            assert ROUTER.match("PATCH", path).endpoint.method == "PATCH"
        except (NotFound, MethodNotAllowed) as error:
            assert len(error.message) < 300  # noqa: PT017 - both outcomes are right


@pytest.mark.parametrize(
    "path", ["/" * 100_000, "/a" * 50_000, "/orgs/" + "a-" * 50_000, "/%" * 50_000], ids=range(4)
)
def test_matching_time_is_linear(path):
    def match_and_fail():
        with pytest.raises(NotFound):
            ROUTER.match("GET", path)

    assert measure_cpu_time(match_and_fail, enough=0.1) < 0.1


def test_two_endpoints_with_the_same_path_raise():
    one = reads("a.b", Ref, "x", summary="One.", returns=Ok, policy=PUBLIC)
    with pytest.raises(ValueError, match="GET /x is taken"):
        Router([one, attrs.evolve(one, operation="a.c")])
    assert Router([one, deletes("a.d", Ref, "x", summary="Another.", returns=Ok, policy=PUBLIC)])


# ------------------------------------------------------------------------------------------------------------- refs


@given(st.text(min_size=1).filter(lambda text: text not in (".", "..")))
def test_each_segment_is_quoted(text):
    try:
        path = InvitationTokenRef(text).path()
    except Invalid:
        with pytest.raises(UnicodeEncodeError):
            text.encode()
    else:
        head, invitations, part = path.split("/")
        assert (head, invitations) == ("", "invitations")
        assert part.isascii()
        assert not set(part) & set("?#;/ \\")


def test_slashes_and_dots_in_a_segment_are_quoted_or_refused():
    assert OrganizationRef("a/../b").path() == "/organizations/a%2F..%2Fb"


@pytest.mark.parametrize("part", ["", ".", ".."])
def test_empty_and_dot_segments_raise_with_their_name(part):
    with pytest.raises(Invalid, match="wsSlug must not be") as caught:
        ProjectRef("acme", part, A).path()
    assert caught.value.code == "invalid_path"


def test_lone_surrogate_in_a_path_raises():
    with pytest.raises(Invalid, match="orgSlug must not contain half a surrogate pair"):
        OrganizationRef("\ud800").path()


def test_child_and_parent_refs_share_their_parameters():
    project = ProjectRef("acme", "eng", A)
    card = project.child(CardRef, B)
    assert card == CardRef("acme", "eng", A, B)
    assert card.parent(ProjectRef) == project
    assert card.child(FlatCardRef) == FlatCardRef("acme", "eng", B, project_id=A)
    flat = FlatCardRef("acme", "eng", B, project_id=A)
    assert flat.child(ChecklistItemRef, C) == ChecklistItemRef("acme", "eng", B, C, project_id=A)
    assert flat.parent(ProjectRef) == project
    with pytest.raises(ValueError, match="zip"):
        project.child(ColumnRef)


def test_only_the_alias_has_the_project_id():
    short = ROUTER.match("PATCH", f"/orgs/acme/workspaces/eng/labels/{A}").ref
    long = ROUTER.match("PATCH", f"/orgs/acme/workspaces/eng/projects/{B}/labels/{A}").ref
    assert short == LabelRef("acme", "eng", A)
    assert long == LabelRef("acme", "eng", A, project_id=B)


def test_template_of_its_own_leads_to_no_path_of_the_base_class():
    class LabelNoteRef(LabelRef, template="/label-notes/:labelId"):
        pass

    class LabelIconRef(LabelRef, tail="/icon"):
        pass

    assert (LabelNoteRef.template, LabelNoteRef.alias) == ("/label-notes/:labelId", None)
    assert (LabelIconRef.template, LabelIconRef.alias) == (
        f"{LabelRef.template}/icon",
        f"{LabelRef.alias}/icon",
    )


def test_the_secret_of_an_invitation_is_not_shown():
    assert "s3cret" not in repr(InvitationTokenRef("s3cret"))
