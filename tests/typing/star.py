"""The public names, imported with a star: type checkers read the lists of names."""

# ruff: noqa: F403, F405
from __future__ import annotations

from typing import assert_type

from stellary import *
from stellary.client import *
from stellary.contract.unset import Unset


def names(client: Stellary, card: Card, exchange: Exchange) -> None:
    assert_type(client.workspace("acme", "eng").project("p"), Board)
    assert_type(card.id, str)
    assert_type(exchange.path, str)
    unset: Unset = UNSET
    assert_type(str(unset), str)
