"""A multi-step environment: two decisions per round, of different kinds, with masks and a split reward."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium import spaces

from maze.core.env.actor_id import ActorID
from maze.core.env.event import Event, EventRecord, Metric
from maze.core.env.structured_env import StructuredEnv

PICK, PLACE = ActorID("pick", 0), ActorID("place", 0)


@dataclass(frozen=True)
class Placed(Event):
    item: int
    shelf: str
    metrics = (Metric(), Metric("item", episode="sum", group_by="shelf"))


class PickAndPlace(StructuredEnv):
    """One of three items is picked, then placed on one of two shelves; cut after two rounds.

    A round's reward is the item's number + 1, of which the picker gets a quarter.
    """

    observation_spaces: Mapping[Any, Any] = {
        "pick": spaces.Dict({"there": spaces.MultiBinary(3)}),
        "place": spaces.Discrete(3),
    }
    action_spaces: Mapping[Any, Any] = {"pick": spaces.Discrete(3), "place": spaces.Dict({"shelf": spaces.Discrete(2)})}
    action_masks: Mapping[Any, Any] = {"pick": {None: "there"}}

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.there, self.picked, self.time_ = np.ones(3, np.int8), -1, 0
        self.shares: dict[ActorID, float] = {}
        return self.observation_of(PICK), {}

    def actor_id(self) -> ActorID:
        return PICK if self.picked < 0 else PLACE

    @property
    def time(self) -> int:
        return self.time_

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.shares = {}
        if self.actor_id() == PICK:
            self.picked = int(action)
            self.there[self.picked] = 0
        else:
            self.emit(Placed(self.picked, f"shelf {action['shelf']}"))
            worth = self.picked + 1.0
            self.shares = {PICK: worth / 4, PLACE: worth * 3 / 4}
            self.picked, self.time_ = -1, self.time_ + 1
        return self.observation_of(self.actor_id()), sum(self.shares.values()), False, self.time_ == 2, {}

    def observation_of(self, actor: ActorID) -> Any:
        return {"there": self.there.copy()} if actor == PICK else max(self.picked, 0)

    def actor_rewards(self) -> Mapping[ActorID, float] | None:
        return self.shares

    def final_observations(self) -> Mapping[ActorID, Any]:
        return {actor: self.observation_of(actor) for actor in (PICK, PLACE)}

    def kpis(self, events: Sequence[EventRecord], metrics: Mapping[str, float]) -> Mapping[str, float]:
        return {"placed_per_round": metrics["Placed.count"] / 2}


def choose(observation: Any, actor_id: ActorID) -> Any:
    """Pick the last one that is there, and place even items on the first shelf."""
    return int(np.flatnonzero(observation["there"])[-1]) if actor_id == PICK else {"shelf": int(observation) % 2}
