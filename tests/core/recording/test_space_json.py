"""Every space of gymnasium survives JSON."""

from __future__ import annotations

import json
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from hypothesis import given
from tests.core.recording import space_strategies

from maze.core.recording.space_json import space_from_json, space_to_json


def through_json(space: spaces.Space[Any]) -> spaces.Space[Any]:
    return space_from_json(json.loads(json.dumps(space_to_json(space), allow_nan=False)))


@space_strategies.REPEATABLE
@given(space=space_strategies.spaces())
def test_every_space_comes_back_equal(space: spaces.Space[Any]) -> None:
    restored = through_json(space)
    assert restored == space
    assert repr(restored) == repr(space)
    assert space_to_json(restored) == space_to_json(space)


@space_strategies.REPEATABLE
@given(space=space_strategies.boxes())
def test_bounds_of_a_box_come_back_exactly(space: spaces.Box[Any]) -> None:
    restored = through_json(space)
    assert isinstance(restored, spaces.Box)
    assert restored.low.dtype == space.low.dtype
    np.testing.assert_array_equal(restored.low, space.low)
    np.testing.assert_array_equal(restored.high, space.high)
    np.testing.assert_array_equal(restored.bounded_below, space.bounded_below)
    np.testing.assert_array_equal(restored.bounded_above, space.bounded_above)


def test_a_uniform_bound_is_one_number_whatever_the_size() -> None:
    data = space_to_json(spaces.Box(0, 255, (84, 84, 4), dtype=np.uint8))
    assert (data["low"], data["high"], data["shape"]) == (0, 255, [84, 84, 4])


def test_differing_bounds_are_listed_with_infinities_as_strings() -> None:
    low, high = np.array([-np.inf, 0.5], np.float32), np.array([1.5, np.inf], np.float32)
    data = space_to_json(spaces.Box(low, high))
    assert (data["low"], data["high"]) == (["-inf", 0.5], [1.5, "inf"])


def test_limits_of_64_bits_and_of_extended_precision_are_exact() -> None:
    limits = np.iinfo(np.uint64)
    integers = through_json(spaces.Box(limits.max - 1, limits.max, (2,), dtype=np.uint64))
    assert isinstance(integers, spaces.Box)
    assert [int(integers.low[0]), int(integers.high[1])] == [2**64 - 2, 2**64 - 1]
    third = np.array([1, 2], np.longdouble) / 3
    extended = through_json(spaces.Box(-third, third, dtype=np.longdouble))
    assert isinstance(extended, spaces.Box)
    np.testing.assert_array_equal(extended.high, third)


def test_an_unbounded_integer_box_stays_unbounded() -> None:
    restored = through_json(spaces.Box(-np.inf, np.inf, (2,), dtype=np.int32))
    assert isinstance(restored, spaces.Box)
    assert not restored.is_bounded("below")
    assert not restored.is_bounded("above")


def test_the_keys_of_a_dict_keep_their_order_and_type() -> None:
    space = spaces.Dict([("b", spaces.Discrete(2)), ("a", spaces.Discrete(3)), (7, spaces.Discrete(4))])  # type: ignore[list-item]
    restored = through_json(space)
    assert isinstance(restored, spaces.Dict)
    assert list(restored.spaces) == ["b", "a", 7]


def test_a_graph_may_lack_edges() -> None:
    space = spaces.Graph(spaces.Box(-1, 1, (3,)), None)
    assert through_json(space) == space


def test_the_order_of_a_charset_is_kept() -> None:
    restored = through_json(spaces.Text(3, charset="zab"))
    assert isinstance(restored, spaces.Text)
    assert restored.character_list == ("z", "a", "b")


def test_the_spaces_of_a_registered_environment_come_back() -> None:
    with gymnasium.make("CartPole-v1") as env:
        assert through_json(env.observation_space) == env.observation_space
        assert through_json(env.action_space) == env.action_space


class HomemadeSpace(spaces.Space[Any]):
    """A space that gymnasium does not have."""


def test_an_unknown_space_is_refused_wherever_it_is() -> None:
    space = spaces.Dict({"inside": spaces.Tuple([HomemadeSpace()])})
    with pytest.raises(TypeError, match=r"HomemadeSpace cannot be recorded: express it with the spaces of gymnasium"):
        space_to_json(space)


def test_an_odd_key_is_refused() -> None:
    with pytest.raises(TypeError, match=r"the key \(1, 2\) of a Dict space cannot be recorded"):
        space_to_json(spaces.Dict([((1, 2), spaces.Discrete(2))]))  # type: ignore[list-item]


def test_an_unknown_description_is_refused() -> None:
    with pytest.raises(ValueError, match=r"unknown space .*'Hyperbox'"):
        space_from_json({"type": "Hyperbox"})
