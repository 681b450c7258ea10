"""A multi-agent environment: several agents per step key, who come and go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium import spaces

from maze.core.env.actor_id import ActorID
from maze.core.env.event import Event, EventRecord, Metric
from maze.core.env.structured_env import StructuredEnv

HOST = ActorID("host", 0)


def guest(number: int) -> ActorID:
    return ActorID("guest", number)


@dataclass(frozen=True)
class Paid(Event):
    price: float
    metrics = (Metric("price", episode="mean"),)


class Guests(StructuredEnv):
    """Each round the guests that are there order something, one after the other, and then the host names the price.

    All guests of the round share it equally, and guest 0 gets 1 more at the end, when it has long gone.
    """

    ROUNDS = ((0, 1), (0, 1, 2), (1, 2))
    observation_spaces: Mapping[Any, Any] = {
        "guest": spaces.MultiDiscrete([4, 4]),
        "host": spaces.Dict({"n": spaces.Discrete(4), "prices": spaces.Box(0, 1, (3,), np.int8)}),
    }
    action_spaces: Mapping[Any, Any] = {"guest": spaces.Box(0, 9, (1,), np.float32), "host": spaces.Discrete(3)}
    action_masks: Mapping[Any, Any] = {"host": {None: "prices"}}

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.round, self.turn = 0, 0
        self.acted: ActorID | None = None
        return self.observation_of(self.actor_id()), {}

    def actor_id(self) -> ActorID:
        guests = self.ROUNDS[min(self.round, 2)]
        return guest(guests[self.turn]) if self.turn < len(guests) else HOST

    @property
    def time(self) -> int:
        return self.round

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.acted, self.acted_in = self.actor_id(), self.round
        self.shares: dict[ActorID, float] = {}
        self.turn += 1
        if self.acted == HOST:
            guests = self.ROUNDS[self.round]
            self.shares = {guest(number): (action + 1.0) * 6 / len(guests) for number in guests}
            self.emit(Paid(6.0 * (action + 1)))
            self.round, self.turn = self.round + 1, 0
            if self.round == 3:
                self.shares[guest(0)] = 1.0
        over = self.round == 3
        return self.observation_of(self.actor_id()), sum(self.shares.values()), over, False, {}

    def observation_of(self, actor: ActorID) -> Any:
        if actor == HOST:
            return {"n": len(self.ROUNDS[min(self.round, 2)]), "prices": np.array([1, self.round > 0, 0], np.int8)}
        return np.array([self.round, actor.agent_id])

    def is_actor_done(self) -> bool:
        assert self.acted is not None
        later = self.ROUNDS[self.acted_in + 1 :]
        return not later if self.acted == HOST else not any(self.acted.agent_id in guests for guests in later)

    def actor_rewards(self) -> Mapping[ActorID, float] | None:
        return self.shares

    def final_observations(self) -> Mapping[ActorID, Any]:
        return {actor: self.observation_of(actor) for actor in (guest(1), guest(2))}

    def kpis(self, events: Sequence[EventRecord], metrics: Mapping[str, float]) -> Mapping[str, float]:
        return {"turnover": sum(record.event.price for record in events if isinstance(record.event, Paid))}


def choose(observation: Any, actor_id: ActorID) -> Any:
    """Guests order their number and a half; the host asks for the highest price that is allowed."""
    if actor_id == HOST:
        return int(np.flatnonzero(observation["prices"])[-1])
    return np.array([actor_id.agent_id + 0.5], np.float32)
