"""Agents of PettingZoo as actors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from gymnasium import spaces

from maze.interop.pettingzoo_actors import MaskedObservations, actors_of

SEEN, OTHER = spaces.Discrete(3), spaces.Discrete(4)
ALIKE, DIFFERENT = (SEEN, SEEN), (SEEN, OTHER)


@pytest.mark.parametrize(
    ("agents", "actors"),
    [
        ({"player_0": ALIKE, "player_1": ALIKE}, [("player", 0), ("player", 1)]),
        ({"player_2": ALIKE, "player_1": ALIKE}, [("player", 2), ("player", 1)]),
        ({"black_0": ALIKE, "white_0": ALIKE}, [("black", 0), ("white", 0)]),
        ({"speaker": DIFFERENT, "listener_0": ALIKE}, [("speaker", 0), ("listener", 0)]),
        ({"player_0": ALIKE, "player_1": DIFFERENT}, [("player_0", 0), ("player_1", 0)]),
        ({"a_0": ALIKE, "a_1": DIFFERENT, "a_2": ALIKE}, [("a_0", 0), ("a_1", 0), ("a_0", 1)]),
        ({"player1": ALIKE, "player_1": ALIKE}, [("player1", 0), ("player1", 1)]),
        ({"left_wing_3": ALIKE, "left_wing_12": ALIKE}, [("left_wing", 3), ("left_wing", 12)]),
        ({0: ALIKE, 1: ALIKE}, [("agent", 0), ("agent", 1)]),
    ],
)
def test_names_and_spaces_make_the_actors(agents: Any, actors: list[tuple[str, int]]) -> None:
    assert actors_of(agents) == dict(zip(agents, actors, strict=True))


def test_masks_in_infos_become_part_of_the_observation() -> None:
    box = spaces.Box(0, 1, (2,))
    observed = MaskedObservations(box, spaces.Discrete(3), in_info=True)
    assert observed.is_masked
    assert observed.space == spaces.Dict({"observation": box, "action_mask": spaces.MultiBinary(3)})
    seen = np.zeros(2, np.float32)
    masked = observed(seen, {"action_mask": [True, False, True]})
    assert masked["observation"] is seen
    assert masked["action_mask"].tolist() == [1, 0, 1]
    assert observed.space.contains(masked)
    assert observed(seen, {})["action_mask"].tolist() == [1, 1, 1]
    both = MaskedObservations(spaces.Dict({"place": box}), spaces.Discrete(3), in_info=True)
    assert both({"place": seen}, {}).keys() == {"place", "action_mask"}


def test_masks_in_observations_are_brought_into_form() -> None:
    for dtype, is_left_alone in ((np.int8, True), (np.int64, False), (np.float32, False)):
        space = spaces.Dict({"place": SEEN, "action_mask": spaces.Box(0, 1, (2,), dtype)})
        observed = MaskedObservations(space, spaces.Discrete(2), in_info=False)
        observation = {"place": 1, "action_mask": np.array([0, 1], dtype)}
        assert observed.is_masked
        assert (observed.space is space) == is_left_alone
        assert (observed(observation, {}) is observation) == is_left_alone
        assert observed(observation, {})["action_mask"].dtype == np.int8


def test_what_has_no_mask_is_left_alone() -> None:
    for space, action_space, in_info in [(SEEN, SEEN, False), (SEEN, spaces.Box(0, 1), True)]:
        observed = MaskedObservations(space, action_space, in_info=in_info)
        assert (observed.is_masked, observed.space, observed(2, {"action_mask": 5})) == (False, space, 2)
