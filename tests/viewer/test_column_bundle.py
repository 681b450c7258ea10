import json
import math

import numpy as np
import pytest

from maze.viewer.column_bundle import pack, unpack


@pytest.mark.parametrize("dtype", ["i1", "u1", "i2", "u2", "i4", "u4", "f4", "f8"])
def test_arrays_travel_as_they_are(dtype: str) -> None:
    array = np.arange(7).astype(dtype)
    got = unpack(pack({"values": [array, array[:3]]}))["values"]
    assert got[0].dtype == array.dtype
    assert got[0].tolist() == array.tolist()
    assert got[1].tolist() == [0, 1, 2]


def test_integers_stay_exact() -> None:
    small, large = np.array([1, -(2**53) + 1]), np.array([1, 2**63 - 1])
    got = unpack(pack([small, large, 2**60, 5]))
    assert got[0].dtype == np.float64
    assert got[0].astype(np.int64).tolist() == small.tolist()
    assert got[1].tolist() == large.tolist()
    assert got[2:] == [str(2**60), 5]


def test_numbers_that_json_lacks_are_text() -> None:
    bundle = pack({"a": math.nan, "b": -math.inf, "c": np.float32(0.5), "d": None, "e": np.bool_(True)})
    n = int.from_bytes(bundle[:4], "little")
    assert json.loads(bundle[4 : 4 + n]) == {"a": "nan", "b": "-inf", "c": 0.5, "d": None, "e": True}


def test_arrays_begin_where_typed_arrays_may() -> None:
    bundle = pack({"one": np.ones(3, np.uint8), "two": np.ones(2)})
    n = int.from_bytes(bundle[:4], "little")
    assert (4 + n) % 8 == 0
    assert len(bundle) % 8 == 0
