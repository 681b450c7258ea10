"""What a first look at an environment finds out."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from gymnasium import spaces
from tests.core.rollout.sample_envs import (
    DictWalk,
    GlobalWalk,
    LeakyWalk,
    ReusingWalk,
    Step,
    Trade,
    TrueRandomWalk,
    Walk,
)

from maze.core.rollout.probe import EnvTraits, probe_env, seed_global_generators
from maze.core.rollout.recipes import EnvRecipe


class LeakyGlobalWalk(GlobalWalk):
    """Has two peculiarities."""

    def __init__(self) -> None:
        super().__init__()
        self.n_steps = 0

    def draw(self) -> float:
        self.n_steps += 1
        return super().draw() + 0.01 * self.n_steps


class ReusingDictWalk(Walk):
    """Writes into a part of an observation that it has returned."""

    observation_space = spaces.Dict({"place": spaces.Box(-99, 99, (2,), np.float64)})

    def __init__(self) -> None:
        super().__init__()
        self.buffer = np.zeros(2)

    def observe(self) -> Any:
        self.buffer[:] = super().observe()
        return {"place": self.buffer}


class UnseededWalk(Walk):
    """Draws from a generator of its own that nobody seeds, but always the same when it is new."""

    def __init__(self) -> None:
        super().__init__()
        self.generator = random.Random(4)

    def draw(self) -> float:
        return self.generator.random()


class EndsAtOnce(Walk):
    def step(self, action: Any) -> Step:
        observation, reward, _, _, info = super().step(action)
        return observation, reward, True, False, info


@pytest.mark.parametrize(
    ("env", "traits"),
    [
        (Walk, EnvTraits()),
        (DictWalk, EnvTraits()),
        (Trade, EnvTraits()),
        (EndsAtOnce, EnvTraits()),
        ("CartPole-v1", EnvTraits()),
        (ReusingWalk, EnvTraits(copy_observations=True)),
        (ReusingDictWalk, EnvTraits(copy_observations=True)),
        (GlobalWalk, EnvTraits(seed_globals=True)),
        (LeakyWalk, EnvTraits(fresh=True)),
        (UnseededWalk, EnvTraits(fresh=True)),
        (LeakyGlobalWalk, EnvTraits(seed_globals=True, fresh=True)),
        (TrueRandomWalk, EnvTraits(fresh=True, reproducible=False)),
        (Walk(), EnvTraits()),
        (LeakyWalk(), EnvTraits(fresh=True, reproducible=False)),
    ],
)
def test_the_mildest_treatment_that_helps(env: Any, traits: EnvTraits) -> None:
    assert probe_env(EnvRecipe(env)) == traits


def test_a_user_may_want_a_fresh_env_anyway() -> None:
    assert probe_env(EnvRecipe(Walk), fresh=True) == EnvTraits(fresh=True)


def test_what_is_looked_at_is_closed_again() -> None:
    built: list[Walk] = []

    def make() -> Walk:
        built.append(LeakyWalk())
        return built[-1]

    probe_env(EnvRecipe(make))
    assert len(built) > 2
    assert {env.closed for env in built} == {1}


def test_global_generators_are_seeded() -> None:
    def draw() -> tuple[float, float]:
        seed_global_generators(2**40 + 1)
        return random.random(), float(np.random.random())  # noqa: NPY002 - the global generator is the point

    assert draw() == draw()
