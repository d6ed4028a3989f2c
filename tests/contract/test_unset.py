"""UNSET: one thing, that is neither true nor None."""

from __future__ import annotations

import copy
import pickle

from stellary.contract.unset import UNSET, Unset


def test_is_one_thing_that_counts_for_nothing():
    assert not UNSET
    assert UNSET is not None
    assert repr(UNSET) == "UNSET"
    assert all(
        other is UNSET for other in (copy.deepcopy(UNSET), pickle.loads(pickle.dumps(UNSET)), Unset.UNSET)
    )
