"""Masks of every kind of action, as check_env takes and refuses them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from gymnasium import spaces

from maze.core.env.actor_id import ActorID
from maze.core.env.structured_env import StructuredEnv
from maze.testing import ConformanceError, check_env


class Masked(StructuredEnv):
    """Random masks of one action; it raises where an illegal one is taken."""

    action: spaces.Space[Any]
    mask: spaces.Space[Any]

    def __init__(self) -> None:
        self.observation_spaces = {"play": spaces.Dict({"legal": self.mask})}
        self.action_spaces = {"play": self.action}
        self.action_masks = {"play": {None: "legal"}}

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.n = 0
        return self.observe(), {}

    def actor_id(self) -> ActorID:
        return ActorID("play", 0)

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.check(action)
        self.n += 1
        return self.observe(), 0.0, self.n == 20, False, {}

    def observe(self) -> dict[str, Any]:
        self.legal = self.draw()
        return {"legal": self.legal}

    def bits(self, n: int) -> np.ndarray:
        bits = self.np_random.integers(0, 2, n, dtype=np.int8)
        bits[self.np_random.integers(n)] = 1
        return bits

    def draw(self) -> Any:
        raise NotImplementedError

    def check(self, action: Any) -> None:
        raise NotImplementedError


class OneArray(Masked):
    action: Any = spaces.MultiDiscrete([3, 4], start=[1, 0])
    mask: Any = spaces.MultiBinary(7)

    def draw(self) -> Any:
        return np.concatenate([self.bits(3), self.bits(4)])

    def check(self, action: Any) -> None:
        assert self.legal[action[0] - 1]
        assert self.legal[3 + action[1]]


class TwoArrays(OneArray):
    mask = spaces.Tuple([spaces.MultiBinary(3), spaces.MultiBinary(4)])

    def draw(self) -> Any:
        return self.bits(3), self.bits(4)

    def check(self, action: Any) -> None:
        assert self.legal[0][action[0] - 1]
        assert self.legal[1][action[1]]


class Bits(Masked):
    action = spaces.MultiBinary(5)
    mask = spaces.MultiBinary(5)

    def draw(self) -> Any:
        return self.bits(5) * self.np_random.integers(0, 2, dtype=np.int8)

    def check(self, action: Any) -> None:
        assert (action <= self.legal).all()


@pytest.mark.parametrize("env", [OneArray, TwoArrays, Bits])
def test_every_kind_of_mask_passes(env: Any) -> None:
    check_env(env)


def test_each_component_needs_something_legal() -> None:
    class Blocked(OneArray):
        def draw(self) -> Any:
            return np.array([1, 1, 1, 0, 0, 0, 0], np.int8)

    with pytest.raises(ConformanceError, match=r"the mask leaves nothing legal \(in step 0 .*actor \('play', 0\)"):
        check_env(Blocked)


def test_a_mask_of_floats_is_refused_in_a_tuple_too() -> None:
    class Floats(TwoArrays):
        mask = spaces.Tuple([spaces.MultiBinary(3), spaces.Box(0, 1, (4,))])

    with pytest.raises(ConformanceError, match="the mask 'legal' has the dtype float32: make it bool or int8"):
        check_env(Floats)


def test_actions_that_have_no_masks_are_refused() -> None:
    class Continuous(OneArray):
        action = spaces.Box(0, 1, (7,))

    with pytest.raises(ConformanceError, match="only Discrete, MultiDiscrete and MultiBinary have masks"):
        check_env(Continuous)
