"""Trivial environments: what is measured on them is what we add."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from maze.core.env.actor_id import ActorID
from maze.core.env.event import Event, Metric
from maze.core.env.structured_env import StructuredEnv

N_STEPS = 200
"""Of every episode."""

EVENTS_PER_STEP = 5

OBSERVATIONS = [np.full(4, eighths / 8, np.float32) for eighths in range(8)]
BOX, COIN = spaces.Box(-1, 1, (4,), np.float32), spaces.Discrete(2)
Step = tuple[Any, float, bool, bool, dict[str, Any]]


class FlatEnv(gymnasium.Env[Any, Any]):
    """Counts its steps."""

    observation_space = BOX
    action_space = COIN

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        self.n = 0
        return OBSERVATIONS[0], {}

    def step(self, action: Any) -> Step:
        self.n = n = self.n + 1
        return OBSERVATIONS[n & 7], 1.0, n == N_STEPS, False, {}


class SameEnv(StructuredEnv):
    """The same as a structured environment."""

    observation_spaces = {0: BOX}  # noqa: RUF012 - nobody changes it
    action_spaces = {0: COIN}  # noqa: RUF012
    reset = FlatEnv.reset
    step = FlatEnv.step


class TurnsEnv(StructuredEnv):
    """The same with two actors by turns, two decisions per round."""

    observation_spaces = {"first": BOX, "second": BOX}  # noqa: RUF012
    action_spaces = {"first": COIN, "second": COIN}  # noqa: RUF012
    turns = (ActorID("first", 0), ActorID("second", 0))
    reset = FlatEnv.reset
    step = FlatEnv.step

    def actor_id(self) -> ActorID:
        return self.turns[self.n & 1]

    @property
    def time(self) -> int:
        return self.n >> 1


@dataclass(frozen=True)
class Noticed(Event):
    size: float
    n: int
    metrics = (Metric(), Metric("size", episode="sum"))


class SilentEnv(SameEnv):
    """Makes events and keeps them to itself."""

    def step(self, action: Any) -> Step:
        self.n = n = self.n + 1
        for _ in range(EVENTS_PER_STEP):
            Noticed(0.5, n)
        return OBSERVATIONS[n & 7], 1.0, n == N_STEPS, False, {}


class TellingEnv(SameEnv):
    """Makes the same events and emits them."""

    def step(self, action: Any) -> Step:
        self.n = n = self.n + 1
        for _ in range(EVENTS_PER_STEP):
            self.emit(Noticed(0.5, n))
        return OBSERVATIONS[n & 7], 1.0, n == N_STEPS, False, {}
