"""What masks in observations say about actions of each kind."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from gymnasium import spaces

from maze.core.env.action_masks import ActionMask, masks_of


def values(mask: ActionMask, legal: Any) -> list[list[int]]:
    return [each.tolist() for each in mask.legal_values({"legal": legal})]


def test_each_kind_of_action() -> None:
    discrete = ActionMask(None, "legal", spaces.Discrete(3, start=-2))
    assert values(discrete, np.array([0, 1, 1], np.int8)) == [[1, 2]]
    assert discrete.action_of([2]) == 0
    assert discrete.action_of([2]).dtype == np.int64
    bits = ActionMask(None, "legal", spaces.MultiBinary((2, 2)))
    assert values(bits, np.array([[1, 0], [0, 1]], bool)) == [[0, 1], [0], [0], [0, 1]]
    assert bits.action_of([1, 0, 0, 1]).tolist() == [[1, 0], [0, 1]]
    assert values(bits, np.zeros((2, 2), np.int8)) == [[0]] * 4


def test_masks_of_several_components_come_in_one_piece_or_as_a_tuple() -> None:
    mask = ActionMask(None, "legal", spaces.MultiDiscrete([2, 3], start=[1, 5]))
    for legal in (np.array([0, 1, 1, 0, 1]), (np.array([0, 1]), np.array([1, 0, 1]))):
        assert values(mask, legal) == [[1], [0, 2]]
    assert mask.action_of([1, 2]).tolist() == [2, 7]
    square = ActionMask(None, "legal", spaces.MultiDiscrete(np.array([[2, 1], [1, 2]])))
    one, two = np.array([1]), np.array([0, 1])
    assert values(square, ((two, one), (one, two))) == [[1], [0], [0], [1]]
    assert square.action_of([1, 0, 0, 1]).tolist() == [[1, 0], [0, 1]]


@pytest.mark.parametrize(
    ("space", "action", "legal", "allowed"),
    [
        (spaces.Discrete(3, start=1), np.int64(2), [0, 1, 0], True),
        (spaces.Discrete(3, start=1), 3, [0, 1, 0], False),
        (spaces.Discrete(3, start=1), 9, [0, 1, 0], False),
        (spaces.MultiDiscrete([2, 2]), np.array([1, 0]), [0, 1, 1, 0], True),
        (spaces.MultiDiscrete([2, 2]), np.array([1, 1]), [0, 1, 1, 0], False),
        (spaces.MultiBinary(2), np.array([0, 1]), [0, 1], True),
        (spaces.MultiBinary(2), np.array([1, 1]), [0, 1], False),
    ],
)
def test_what_is_allowed(space: Any, action: Any, legal: list[int], allowed: bool) -> None:
    assert ActionMask(None, "legal", space).allows({"legal": np.array(legal)}, action) is allowed


@pytest.mark.parametrize(
    ("space", "observation", "line"),
    [
        (spaces.Discrete(2), {"legal": np.zeros(2)}, "the mask of the action 'a' leaves nothing legal"),
        (spaces.MultiDiscrete([2, 2]), {"legal": np.array([1, 1, 0, 0])}, "leaves nothing legal"),
        (spaces.Discrete(2), {"legal": np.ones(3)}, "has the shape (3,), Discrete(2) needs (2,)"),
        (spaces.MultiBinary((2, 2)), {"legal": np.ones(4)}, "has the shape (4,), MultiBinary((2, 2)) needs (2, 2)"),
        (spaces.MultiDiscrete([2, 2]), {"legal": np.ones(3)}, "has 3 elements, MultiDiscrete([2 2]) needs 4"),
        (spaces.MultiDiscrete([2, 3]), {"legal": (np.ones(3), np.ones(2))}, "has parts of [3, 2]"),
        (spaces.Discrete(2), {"other": 1}, "is not in the observation, which has no 'legal'"),
        (spaces.Discrete(2), 5, "is not in the observation"),
    ],
)
def test_masks_that_cannot_be_used(space: Any, observation: Any, line: str) -> None:
    with pytest.raises(ValueError, match="the mask") as caught:
        ActionMask("a", "legal", space).legal_values(observation)
    assert line in str(caught.value)


def test_declared_masks_name_actions_that_can_be_masked() -> None:
    action = spaces.Dict({"which": spaces.Discrete(3), "amount": spaces.Box(0, 1)})
    assert masks_of({"other": {None: "legal"}}, "buy", action) == []
    cases: list[tuple[Any, Any, str]] = [
        ({None: "legal"}, action, "masks the action None, which Dict"),
        ({"wich": "legal"}, action, "masks the action 'wich'"),
        ({"amount": "legal"}, action, "only Discrete, MultiDiscrete and MultiBinary have masks"),
        ({"which": "legal"}, spaces.Discrete(3), "masks the action 'which', which Discrete"),
    ]
    for declared, space, line in cases:
        with pytest.raises(ValueError, match=line):
            masks_of({"buy": declared}, "buy", space)
