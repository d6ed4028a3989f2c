"""What a client is told, by its arguments and by the environment."""

from __future__ import annotations

import logging

import pytest

from stellary import Stellary
from stellary.client.calling.settings import check_headers, check_url, settings, start_logging

FULL = {
    "STELLARY_URL": "https://pm.example.com/",
    "STELLARY_TOKEN": "synth_environment",
    "STELLARY_ORG": "acme",
    "STELLARY_WORKSPACE": "eng",
    "STELLARY_TIMEOUT": "12.5",
    "STELLARY_MAX_RETRIES": "5",
}


def test_the_environment_speaks_where_arguments_are_silent():
    found = settings(environment=FULL)
    assert (found.url, found.token) == ("https://pm.example.com", "synth_environment")
    assert (found.timeout, found.retries, found.org, found.workspace) == (12.5, 5, "acme", "eng")


def test_arguments_win():
    found = settings(
        url="http://a", token="t", timeout=1, max_retries=0, org="b", workspace="c", environment=FULL
    )
    assert (found.url, found.token, found.timeout, found.retries) == ("http://a", "t", 1, 0)
    assert (found.org, found.workspace) == ("b", "c")


@pytest.mark.parametrize("environment", [{}, dict.fromkeys(FULL, "")])
def test_without_both_there_are_defaults(environment):
    found = settings(environment=environment)
    assert (found.url, found.token, found.timeout) == ("http://localhost:3001", None, None)
    assert (found.retries, found.org, found.workspace) == (2, None, None)


@pytest.mark.parametrize(
    "url", ["localhost:3001", "ftp://host", "http://", "http://h?a=b", "http://h#f", "http://u:p@h"]
)
def test_what_is_no_base_url_is_refused(url):
    with pytest.raises(ValueError, match="URL"):
        check_url(url)


def test_a_base_url_may_have_a_path():
    assert check_url(" https://host/pm/ ") == "https://host/pm"


def test_an_empty_token_means_nobody_whatever_the_environment_says():
    assert settings(token="", environment=FULL).token is None


def test_white_space_around_a_token_is_not_part_of_it():
    assert settings(token="synth_x\n", environment={}).token == "synth_x"


@pytest.mark.parametrize("token", ["a b", "a\nb", "é", " "])
def test_what_is_no_token_is_refused_without_being_shown(token):
    with pytest.raises(ValueError, match="the token holds") as caught:
        settings(token=token, environment={})
    assert repr(token) not in str(caught.value)


@pytest.mark.parametrize("timeout", [0, -1, "soon", "nan", "inf", object()])
def test_what_is_no_timeout_is_refused(timeout):
    with pytest.raises(ValueError, match="timeout"):
        settings(timeout=timeout, environment={})


@pytest.mark.parametrize("retries", [-1, "many", object()])
def test_what_is_no_number_of_retries_is_refused(retries):
    with pytest.raises(ValueError, match="retries"):
        settings(max_retries=retries, environment={})


def test_header_names_are_lower_case():
    assert check_headers({"X-Team": "eng"}) == {"x-team": "eng"}


@pytest.mark.parametrize(
    ("name", "text"), [("x y", "a"), ("", "a"), ("é", "a"), ("x", "a\r\nb: c"), ("x", "é")]
)
def test_what_cannot_stand_in_a_header_is_refused(name, text):
    with pytest.raises(ValueError, match="cannot be sent"):
        Stellary("http://a", headers={name: text})


def test_no_repr_shows_the_token():
    found = settings(token="synth_secret", environment={})
    client = Stellary("http://a", token="synth_secret")
    shown = [repr(each) for each in (found, client, client.auth, client._caller, client._caller.credentials)]
    assert not any("synth_secret" in each for each in shown)


def test_a_client_is_shown_by_where_it_asks():
    assert repr(Stellary("http://a/")) == "Stellary('http://a')"


@pytest.fixture
def logger():
    logger = logging.getLogger("stellary.client")
    yield logger
    logger.handlers.clear()
    logger.setLevel(logging.NOTSET)


def test_the_environment_turns_the_log_on_once(logger):
    start_logging({"STELLARY_LOG": "debug"})
    start_logging({"STELLARY_LOG": "DEBUG"})
    assert (logger.level, len(logger.handlers)) == (logging.DEBUG, 1)


def test_nothing_is_logged_unasked(logger):
    start_logging({})
    start_logging({"STELLARY_LOG": "loud"})
    assert (logger.level, logger.handlers) == (logging.NOTSET, [])
