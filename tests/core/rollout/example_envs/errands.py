"""A hierarchical environment: a manager decides rarely, and its worker acts for several steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium import spaces

from maze.core.env.actor_id import ActorID
from maze.core.env.event import Event, EventRecord, Metric
from maze.core.env.structured_env import StructuredEnv

MANAGER, WORKER = ActorID("manager", 0), ActorID("worker", 0)


@dataclass(frozen=True)
class Arrived(Event):
    place: int
    after: int
    metrics = (Metric(), Metric("after", episode="mean"))


class Errands(StructuredEnv):
    """The manager names one of four places in a row, and the worker walks there, one place per round; two errands.

    An arrival is worth 2: half of it is the worker's, and half the manager's, who decided long before.
    """

    observation_spaces: Mapping[Any, Any] = {
        "manager": spaces.Dict({"place": spaces.Discrete(4), "elsewhere": spaces.MultiBinary(4)}),
        "worker": spaces.MultiDiscrete([4, 4]),
    }
    action_spaces: Mapping[Any, Any] = {"manager": spaces.Discrete(4), "worker": spaces.Discrete(2)}
    action_masks: Mapping[Any, Any] = {"manager": {None: "elsewhere"}}

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.place, self.goal, self.rounds, self.since, self.n_arrivals = 0, 0, 0, 0, 0
        return self.observation_of(MANAGER), {}

    def actor_id(self) -> ActorID:
        return MANAGER if self.place == self.goal else WORKER

    @property
    def time(self) -> int:
        return self.rounds

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.arrived = False
        if self.actor_id() == MANAGER:
            self.goal, self.since = int(action), self.rounds
        else:
            self.place += 1 if action else -1
            self.rounds += 1
            self.arrived = self.place == self.goal
        if self.arrived:
            self.n_arrivals += 1
            self.emit(Arrived(self.place, self.rounds - self.since))
        reward = 2.0 if self.arrived else 0.0
        return self.observation_of(self.actor_id()), reward, self.n_arrivals == 2, False, {}

    def observation_of(self, actor: ActorID) -> Any:
        if actor == WORKER:
            return np.array([self.place, self.goal])
        return {"place": self.place, "elsewhere": (np.arange(4) != self.place).astype(np.int8)}

    def actor_rewards(self) -> Mapping[ActorID, float] | None:
        return {MANAGER: 1.0, WORKER: 1.0} if self.arrived else {}

    def final_observations(self) -> Mapping[ActorID, Any]:
        return {actor: self.observation_of(actor) for actor in (MANAGER, WORKER)}

    def kpis(self, events: Sequence[EventRecord], metrics: Mapping[str, float]) -> Mapping[str, float]:
        return {"walked": sum(record.event.after for record in events if isinstance(record.event, Arrived))}


def choose(observation: Any, actor_id: ActorID) -> Any:
    """Send to place 3 first, then back to 2; walk straight on."""
    if actor_id == MANAGER:
        return 3 if observation["place"] == 0 else int(observation["place"]) - 1
    return int(observation[1] > observation[0])
