"""UNSET: a falsy singleton that is not None."""

import copy
import pickle

from stellary.contract.wire import UNSET, Unset


def test_unset_is_a_falsy_singleton():
    assert not UNSET
    assert UNSET is not None
    assert repr(UNSET) == "UNSET"
    assert all(
        other is UNSET for other in (copy.deepcopy(UNSET), pickle.loads(pickle.dumps(UNSET)), Unset.UNSET)
    )
