"""What people have who never heard of this package."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from maze.core.agent.flat_policy import FlatPolicy

GAIN = 2.0


def upright(observation: Any) -> int:
    return int(observation[2] > 0)


def careless(observation: Any, generator: np.random.Generator, share: float = 0.5) -> int:
    return int(generator.random() < share)


def told(observation: Any, actor_id: Any, action_space: Any, deterministic: bool, **others: Any) -> int:
    return int(action_space.n) + 10 * int(deterministic) + 100 * len(others) + 1000 * len(actor_id)


def whatever(*arguments: Any) -> int:
    return len(arguments)


def with_unknown(observation: Any, rng: Any) -> int:
    return 0


def turned_around(generator: Any, observation: Any) -> int:
    return 0


def of_names_only(*, observation: Any, weight: float) -> int:
    return 0


def nothing() -> int:
    return 1


class Counter:
    """Remembers, and is told where an episode begins."""

    def __init__(self, period: int = 2) -> None:
        self.period, self.n = period, 99

    def reset(self) -> None:
        self.n = 0

    def act(self, observation: Any) -> int:
        self.n += 1
        return int(self.n % self.period == 0)


class Forgotten:
    """Remembers, and cannot be told where an episode begins."""

    def __init__(self, period: int = 3) -> None:
        self.period, self.n = period, 0

    def act(self, observation: Any) -> int:
        self.n += 1
        return int(self.n % self.period == 0)


class Walker:
    """Has chance of its own."""

    def __init__(self, seed: int, action_space: Any, observation_spaces: Any) -> None:
        self.generator, self.n = np.random.default_rng(seed), int(action_space.n)

    def reset(self, seed: int, generator: np.random.Generator) -> None:
        self.first = generator.integers(self.n)

    def __call__(self, observation: Any) -> int:
        return int((self.first + self.generator.integers(self.n)) % self.n)


class Mute:
    """Has nothing to say."""


class Needy(Mute):
    def __init__(self, weights: Any) -> None:
        self.weights = weights


class Familiar(FlatPolicy):
    def act(self, observation: Any, agent_id: int = 0, slot: int = 0) -> int:
        return 1


def make_counter(period: int = 2) -> Counter:
    return Counter(period)


counter = Counter(3)
forgotten = Forgotten()
often = partial(careless, share=0.9)
familiar = Familiar()
