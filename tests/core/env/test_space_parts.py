from __future__ import annotations

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

from maze.core.env.space_parts import nested, part_at, parts_of

BOX, FLAG, WORD = spaces.Box(-1, 1, (2,)), spaces.Discrete(2), spaces.Text(3)
DEEP = spaces.Dict({"a": WORD, "b": spaces.Tuple([BOX, spaces.Dict({"c": FLAG})])})


def test_parts_come_in_the_order_of_the_space_with_the_way_to_each() -> None:
    assert list(parts_of(DEEP)) == [(("a",), WORD), (("b", 0), BOX), (("b", 1, "c"), FLAG)]


def test_a_space_without_parts_is_its_own_part() -> None:
    assert list(parts_of(BOX)) == [((), BOX)]


def test_empty_spaces_have_no_parts() -> None:
    assert list(parts_of(spaces.Dict({"none": spaces.Tuple([])}))) == []


@pytest.mark.parametrize("space", [DEEP, BOX, spaces.Tuple([FLAG, spaces.Tuple([])])])
def test_parts_that_are_taken_out_can_be_put_together_again(space: gymnasium.Space[object]) -> None:
    space.seed(3)
    sample = space.sample()
    parts = [part_at(sample, path) for path, _ in parts_of(space)]
    again = nested(space, iter(parts))
    assert space.contains(again)
    np.testing.assert_equal(again, sample)
