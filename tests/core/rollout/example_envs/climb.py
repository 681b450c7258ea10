"""A flat environment: one actor, one kind of decision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium import spaces

from maze.core.env.actor_id import ActorID
from maze.core.env.event import Event, EventRecord, Metric
from maze.core.env.structured_env import StructuredEnv


@dataclass(frozen=True)
class Climbed(Event):
    height: int
    metrics = (Metric(), Metric("height", episode="max"))


@dataclass(frozen=True)
class Rested(Event):
    pass


class Climb(StructuredEnv):
    """Up a ladder of three rungs; observes the number of steps and the height."""

    observation_spaces: Mapping[Any, Any] = {0: spaces.Box(0, 10, (2,), np.float32)}
    action_spaces: Mapping[Any, Any] = {0: spaces.Discrete(2)}
    max_episode_steps = 10

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.n, self.height = 0, 0
        return self.observe(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.n += 1
        self.height += int(action)
        self.emit(Climbed(self.height) if action else Rested())
        return self.observe(), float(action), self.height == 3, False, {}

    def observe(self) -> Any:
        return np.array([self.n, self.height], np.float32)

    def kpis(self, events: Sequence[EventRecord], metrics: Mapping[str, float]) -> Mapping[str, float]:
        return {"share_of_rest": metrics.get("Rested.count", 0.0) / max(len(events), 1)}


def choose(observation: Any, actor_id: ActorID) -> Any:
    """Rest once, in the second step."""
    return int(observation[0] != 1)
