"""Uniformly random decisions: their distribution, and that they can be had again."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

from maze.core.agent.random_policy import RandomPolicy
from maze.core.env.actor_id import ActorID

SPACES: dict[str, spaces.Space[Any]] = {
    "discrete": spaces.Discrete(5),
    "discrete_from": spaces.Discrete(3, start=-2),
    "discrete_one": spaces.Discrete(1),
    "discrete_huge": spaces.Discrete(2**62, start=-(2**61)),
    "box": spaces.Box(-1, 1, (3,)),
    "box_0d": spaces.Box(-1, 1, ()),
    "box_matrix": spaces.Box(np.zeros((2, 2)), np.array([[1.0, 2], [3, 4]]), dtype=np.float64),
    "box_half": spaces.Box(-1, 1, (2,), np.float16),
    "box_unbounded": spaces.Box(-np.inf, np.inf, (2,)),
    "box_half_bounded": spaces.Box(np.array([0, -np.inf]), np.array([np.inf, 1]), dtype=np.float64),
    "box_bytes": spaces.Box(0, 255, (4,), np.uint8),
    "box_integers": spaces.Box(-5, 5, (2,), np.int64),
    "multi_discrete": spaces.MultiDiscrete([3, 4]),
    "multi_discrete_2d": spaces.MultiDiscrete(np.array([[2, 3], [4, 5]])),
    "multi_binary": spaces.MultiBinary(4),
    "dict": spaces.Dict({"a": spaces.Discrete(2), "b": spaces.Box(0, 1, (2,))}),
    "tuple": spaces.Tuple([spaces.Discrete(2), spaces.MultiBinary(2)]),
    "nested": spaces.Dict({"a": spaces.Tuple([spaces.Dict({"b": spaces.Discrete(3)})])}),
    "text": spaces.Text(6),
    "sequence": spaces.Sequence(spaces.Discrete(3)),
    "graph": spaces.Graph(spaces.Box(0, 1, (2,)), spaces.Discrete(2)),
    "one_of": spaces.OneOf([spaces.Discrete(2), spaces.Box(0, 1, (1,))]),
}
ACTOR = ActorID(0, 0)


def draw(policy: RandomPolicy, n: int, actor: ActorID = ACTOR, slot: int = 0) -> list[Any]:
    return [policy.act(None, actor, slot) for _ in range(n)]


@pytest.mark.parametrize("name", SPACES)
def test_actions_lie_in_their_space(name: str) -> None:
    space = SPACES[name]
    policy = RandomPolicy({0: space})
    policy.reset(3)
    assert all(space.contains(np.asarray(a) if space.shape == () else a) for a in draw(policy, 150))


@pytest.mark.parametrize("name", SPACES)
def test_a_seed_gives_the_same_actions_again(name: str) -> None:
    space = SPACES[name]
    policy, other = RandomPolicy({0: space}), RandomPolicy({0: space})
    policy.reset(1)
    draw(policy, 77)
    policy.reset(2)
    other.reset(2)
    first, second = draw(policy, 150), draw(other, 150)
    assert repr(first) == repr(second)
    other.reset(3)
    if name != "discrete_one":
        assert repr(draw(other, 150)) != repr(first)


@pytest.mark.parametrize("n", [2, 3, 7])
def test_discrete_actions_are_uniform(n: int) -> None:
    policy = RandomPolicy({0: spaces.Discrete(n)})
    counts = np.zeros(n)
    for seed in range(60):
        policy.reset(seed)
        counts += np.bincount(draw(policy, 200), minlength=n)
    expected = counts.sum() / n
    assert ((counts - expected) ** 2 / expected).sum() < 3 * n + 15  # far beyond any chance of chi-squared


def test_first_actions_of_successive_seeds_are_uniform_too() -> None:
    policy = RandomPolicy({0: spaces.Discrete(4)})
    firsts = []
    for seed in range(4000):
        policy.reset(seed)
        firsts.append(policy.act(None, ACTOR))
    counts = np.bincount(firsts, minlength=4)
    assert ((counts - 1000) ** 2 / 1000).sum() < 25
    pairs = np.bincount(np.array(firsts[:-1]) * 4 + np.array(firsts[1:]), minlength=16)
    assert ((pairs - 250) ** 2 / 250).sum() < 50


def test_boxes_are_uniform_between_their_bounds() -> None:
    policy = RandomPolicy({0: spaces.Box(np.array([0, -3], np.float32), np.array([1, 5], np.float32))})
    policy.reset(9)
    actions = np.array(draw(policy, 4000))
    assert actions.dtype == np.float32
    assert np.allclose(actions.mean(axis=0), [0.5, 1], atol=0.15)
    assert np.allclose(np.quantile(actions, [0.1, 0.9], axis=0), [[0.1, -2.2], [0.9, 4.2]], atol=0.25)
    assert abs(np.corrcoef(actions.T)[0, 1]) < 0.1


def test_an_episode_does_not_depend_on_what_runs_beside_it() -> None:
    alone, beside = RandomPolicy({0: spaces.Discrete(9)}), RandomPolicy({0: spaces.Discrete(9)})
    alone.reset(5)
    beside.reset(5, slot=1)
    beside.reset(6, slot=0)
    expected = draw(alone, 200)
    mixed = []
    for n in range(200):
        draw(beside, n % 3, slot=0)
        mixed += draw(beside, 1, slot=1)
    assert mixed == expected


def test_kinds_of_decisions_have_streams_of_their_own() -> None:
    policy = RandomPolicy({"a": spaces.Discrete(9), "b": spaces.Discrete(9)})
    policy.reset(5)
    a = draw(policy, 50, ActorID("a", 0))
    b = draw(policy, 50, ActorID("b", 3))
    assert a != b
    policy.reset(5)
    for n in range(50):
        assert draw(policy, 1, ActorID("b", 0)) == b[n : n + 1]
        assert draw(policy, 1, ActorID("a", 1)) == a[n : n + 1]


def test_the_space_itself_is_left_alone() -> None:
    space = spaces.Dict({"a": spaces.Discrete(9)})
    space.seed(4)
    expected = gymnasium.spaces.Dict({"a": spaces.Discrete(9)})
    expected.seed(4)
    policy = RandomPolicy({0: space})
    policy.reset(1)
    draw(policy, 10)
    assert space.sample() == expected.sample()


def test_actions_are_objects_of_their_own() -> None:
    policy = RandomPolicy({0: spaces.Box(0, 1, (2,))})
    policy.reset(1)
    first, second = draw(policy, 2)
    kept = second.copy()
    first[:] = 0.5
    assert np.array_equal(second, kept)
