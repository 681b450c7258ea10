from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

from maze.factory import ConfigurationError
from maze.train.models.action_layout import ActionLayout
from maze.train.models.actor_critic import ILLEGAL

ACTIONS = spaces.Dict(
    {
        "which": spaces.Discrete(3, start=5),
        "grid": spaces.MultiDiscrete(np.array([[2, 3], [4, 2]]), start=np.array([[1, 0], [0, 0]])),
        "flags": spaces.MultiBinary((2, 2)),
        "turn": spaces.Box(np.array([-2, 0], np.float32), np.array([2, 10], np.float32)),
    }
)


@pytest.mark.parametrize(
    "space",
    [
        ACTIONS,
        spaces.Discrete(4, start=-2),
        spaces.MultiDiscrete([3, 2]),
        spaces.MultiBinary(3),
        spaces.Box(-1, 1, (2, 3), np.float64),
        spaces.Box(-np.inf, np.inf, (2,)),
        spaces.Box(0, 1, (), np.float32),
        spaces.Tuple([spaces.Discrete(2), spaces.Box(0, 1, (1,))]),
    ],
    ids=str,
)
@pytest.mark.parametrize("is_random", [True, False])
def test_every_choice_is_in_the_space_and_becomes_numbers_and_back(
    space: gymnasium.Space[Any], is_random: bool
) -> None:
    generator = np.random.default_rng(1)
    layout = ActionLayout(space)
    parameters = generator.normal(size=(50, layout.n_parameters)).astype(np.float32)
    uniforms = 1 - generator.random((50, layout.n_uniforms)) if is_random else None
    actions = layout.actions(layout.choose(parameters, uniforms))
    assert all(action in space for action in actions)
    again = layout.actions(layout.columns(actions))
    for action, same in zip(actions, again, strict=True):
        for one, other in zip(flattened(action), flattened(same), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-5)
            assert np.asarray(one).dtype == np.asarray(other).dtype


def flattened(action: Any) -> list[Any]:
    if isinstance(action, dict):
        return [leaf for value in action.values() for leaf in flattened(value)]
    if isinstance(action, tuple):
        return [leaf for value in action for leaf in flattened(value)]
    return [action]


def test_categories_come_as_often_as_their_logits_say() -> None:
    layout = ActionLayout(spaces.Discrete(4))
    shares = np.array([0.1, 0.0, 0.6, 0.3])
    logits = np.where(shares > 0, np.log(np.maximum(shares, 1e-9)), ILLEGAL).astype(np.float32)
    uniforms = 1 - np.random.default_rng(1).random((20_000, 1))
    chosen = layout.choose(np.tile(logits, (20_000, 1)), uniforms).ravel()
    np.testing.assert_allclose(np.bincount(chosen, minlength=4) / 20_000, shares, atol=0.015)
    assert (chosen != 1).all()


@pytest.mark.parametrize("uniform", [2.0**-53, 1.0])
def test_what_is_illegal_is_not_chosen_at_the_ends_of_chance_either(uniform: float) -> None:
    layout = ActionLayout(spaces.Discrete(3))
    logits = np.array([[ILLEGAL, 0.0, ILLEGAL]], np.float32)
    assert layout.choose(logits, np.array([[uniform]])).tolist() == [[1]]


def test_bits_come_as_often_as_their_logits_say_and_illegal_ones_never() -> None:
    layout = ActionLayout(spaces.MultiBinary(3))
    uniforms = 1 - np.random.default_rng(1).random((20_000, 3))
    parameters = np.tile(np.array([0.0, 2.0, ILLEGAL], np.float32), (20_000, 1))
    means = layout.choose(parameters, uniforms).mean(0)
    np.testing.assert_allclose(means, [0.5, 1 / (1 + np.exp(-2.0)), 0.0], atol=0.015)


def test_numbers_are_normal_before_they_are_squashed() -> None:
    layout = ActionLayout(spaces.Box(-np.inf, np.inf, (1,)))
    uniforms = 1 - np.random.default_rng(1).random((50_000, 2))
    values = layout.choose(np.tile(np.array([3.0, np.log(0.5)], np.float32), (50_000, 1)), uniforms)
    assert abs(values.mean() - 3) < 0.02
    assert abs(values.std() - 0.5) < 0.02


@pytest.mark.parametrize(
    ("space", "message"),
    [
        (spaces.Box(0, 9, (2,), np.int32), "which no network chooses"),
        (spaces.Dict({"name": spaces.Text(3)}), "the action 'name' is Text"),
        (spaces.Box(np.array([0, -np.inf], np.float32), np.array([1, np.inf], np.float32)), "some numbers are bounded"),
    ],
)
def test_what_cannot_be_chosen_is_refused_in_one_line(space: gymnasium.Space[Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        ActionLayout(space)
