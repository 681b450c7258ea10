"""Uniformly random decisions: their distribution, and that they can be had again."""

from __future__ import annotations

from copy import deepcopy
from hashlib import sha256
from typing import Any

import cloudpickle
import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from maze.core.agent.random_policy import RandomPolicy
from maze.core.env.action_masks import masks_of
from maze.core.env.actor_id import ActorID
from maze.factory import ConfigurationError

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


@pytest.mark.parametrize("name", SPACES)
def test_one_that_has_played_can_be_copied_and_sent_elsewhere(name: str) -> None:
    policy = RandomPolicy({0: SPACES[name]})
    policy.reset(seed=1)
    policy.act(None, ActorID(0, 0))
    for copied in (deepcopy(policy), cloudpickle.loads(cloudpickle.dumps(policy))):
        policy.reset(seed=2)
        copied.reset(seed=2)
        assert repr(copied.act(None, ActorID(0, 0))) == repr(policy.act(None, ActorID(0, 0)))


def test_actions_are_objects_of_their_own() -> None:
    policy = RandomPolicy({0: spaces.Box(0, 1, (2,))})
    policy.reset(1)
    first, second = draw(policy, 2)
    kept = second.copy()
    first[:] = 0.5
    assert np.array_equal(second, kept)


def test_the_streams_stay_as_they_are() -> None:
    """Recorded runs can be played again only as long as a seed gives these actions."""
    kinds = ("discrete", "discrete_from", "box", "multi_discrete", "multi_binary", "dict")
    policy = RandomPolicy({kind: SPACES[kind] for kind in kinds})
    policy.reset(12345)
    drawn = [plain(action) for kind in kinds for action in draw(policy, 70, ActorID(kind, 0))]
    assert sha256(repr(drawn).encode()).hexdigest()[:16] == "b9bc3cf6e009a4e3"


MASKED: dict[str, spaces.Space[Any]] = {
    "discrete": spaces.Discrete(6, start=-2),
    "multi_discrete": spaces.MultiDiscrete([4, 3], start=[1, 0]),
    "multi_binary": spaces.MultiBinary(6),
    "dict": spaces.Dict({"masked": spaces.Discrete(6), "free": spaces.Discrete(3), "amount": spaces.Box(0, 1, (2,))}),
}
LEGAL = np.array([1, 0, 1, 1, 0, 1, 1], np.int8)


def masks_for(kind: str) -> dict[Any, Any]:
    return {kind: {"masked" if kind == "dict" else None: "legal"}}


def observed(kind: str, legal: np.ndarray = LEGAL) -> dict[str, Any]:
    return {"legal": legal[: 7 if kind == "multi_discrete" else 6]}


def masked_policy(kind: str) -> RandomPolicy:
    return RandomPolicy({kind: MASKED[kind]}, masks_for(kind))


def plain(action: Any) -> Any:
    return (
        {key: plain(value) for key, value in action.items()} if isinstance(action, dict) else np.array(action).tolist()
    )


def draw_legal(policy: RandomPolicy, kind: str, n: int, observation: Any = None, slot: int = 0) -> list[Any]:
    return [policy.act(observation or observed(kind), ActorID(kind, 0), slot) for _ in range(n)]


@pytest.mark.parametrize("kind", MASKED)
def test_legal_actions_are_uniform(kind: str) -> None:
    """Each legal value of a component is drawn as often as chance has it, and no other at all."""
    policy = masked_policy(kind)
    drawn = []
    for seed in range(40):
        policy.reset(seed)
        drawn += draw_legal(policy, kind, 100)
    (mask,) = masks_of(masks_for(kind), kind, MASKED[kind])
    start = getattr(mask.space, "start", 0)
    chosen = [action["masked"] if kind == "dict" else action for action in drawn]
    components = np.array([np.ravel(action - start) for action in chosen]).T
    for component, legal in zip(components, mask.legal_values(observed(kind)), strict=True):
        counts = np.bincount(component)
        assert np.flatnonzero(counts).tolist() == legal.tolist()
        expected = len(drawn) / len(legal)
        assert ((counts[legal] - expected) ** 2 / expected).sum() < 16  # p < 0.002 for up to 3 degrees of freedom
    assert all(MASKED[kind].contains(action) for action in drawn)


@pytest.mark.parametrize("kind", MASKED)
@given(data=st.data())
def test_actions_are_legal_whatever_the_masks(kind: str, data: st.DataObject) -> None:
    legal = data.draw(
        arrays(np.int8, 7, elements=st.integers(0, 1)).filter(lambda mask: mask[:4].any() and mask[4:6].any())
    )
    policy = masked_policy(kind)
    policy.reset(data.draw(st.integers(0, 2**31)))
    (mask,) = masks_of(masks_for(kind), kind, MASKED[kind])
    for action in draw_legal(policy, kind, 20, observed(kind, legal)):
        assert mask.allows(observed(kind, legal), action["masked"] if kind == "dict" else action)
        assert MASKED[kind].contains(action)


@pytest.mark.parametrize("kind", MASKED)
def test_legal_actions_do_not_depend_on_what_runs_beside_them(kind: str) -> None:
    alone, beside = masked_policy(kind), masked_policy(kind)
    alone.reset(5)
    expected = [plain(action) for action in draw_legal(alone, kind, 80)]
    beside.reset(6, slot=0)
    beside.reset(5, slot=1)
    mixed = []
    for n in range(80):
        draw_legal(beside, kind, n % 3, slot=0)
        mixed += draw_legal(beside, kind, 1, slot=1)
    assert [plain(action) for action in mixed] == expected
    alone.reset(6)
    assert [plain(action) for action in draw_legal(alone, kind, 80)] != expected


def test_the_streams_of_legal_actions_stay_as_they_are() -> None:
    drawn = []
    for kind in MASKED:
        policy = masked_policy(kind)
        policy.reset(12345)
        drawn += [plain(action) for action in draw_legal(policy, kind, 70)]
    assert sha256(repr(drawn).encode()).hexdigest()[:16] == "37956d508d301a1e"


def test_step_keys_without_masks_are_drawn_as_ever() -> None:
    both: Any = {"a": spaces.Discrete(9), "b": spaces.Discrete(9)}
    plain_policy, policy = RandomPolicy(both), RandomPolicy(both, {"a": {None: "legal"}})
    plain_policy.reset(3)
    policy.reset(3)
    assert draw(policy, 40, ActorID("b", 0)) == draw(plain_policy, 40, ActorID("b", 0))
    assert policy.act({"legal": np.eye(9, dtype=bool)[4]}, ActorID("a", 7)) == 4


def test_an_actor_that_may_do_nothing_is_named() -> None:
    policy = masked_policy("discrete")
    policy.reset(1)
    with pytest.raises(ValueError, match=r"the actor \('discrete', 3\) cannot act, the mask leaves nothing legal: let"):
        policy.act({"legal": np.zeros(6, np.int8)}, ActorID("discrete", 3))


def test_masks_of_actions_that_have_none_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="only Discrete, MultiDiscrete and MultiBinary have masks"):
        RandomPolicy({0: spaces.Box(0, 1)}, {0: {None: "legal"}})
