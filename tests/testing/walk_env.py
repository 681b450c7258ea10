"""Environments that keep every rule, for others to break one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from maze.core.env.actor_id import ActorID
from maze.core.env.event import Event, Metric
from maze.core.env.structured_env import StructuredEnv


class WalkEnv(gymnasium.Env[Any, Any]):
    """A random walk on a line, flat."""

    metadata: dict[str, Any] = {"render_modes": ["rgb_array", "ansi"]}  # noqa: RUF012 - as gymnasium declares it
    observation_space = spaces.Box(-20.0, 20.0, (2,), np.float32)
    action_space: spaces.Space[Any] = spaces.Discrete(3)

    def __init__(self, render_mode: str | None = None) -> None:
        self.render_mode = render_mode
        self.position = np.zeros(2, np.float32)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.position = self.np_random.uniform(-1, 1, 2).astype(np.float32)
        return self.position.copy(), {}

    def step(self, action: Any) -> tuple[Any, Any, Any, Any, Any]:
        self.position += self.np_random.normal(size=2).astype(np.float32) * 0.1 + (int(action) - 1)
        self.position = np.clip(self.position, -20, 20)
        return self.position.copy(), float(self.position[0]), bool(abs(self.position[0]) > 5), False, {}

    def render(self) -> Any:
        if self.render_mode == "ansi":
            return f"at {self.position[0]:.2f}"
        return np.zeros((4, 6, 3), np.uint8)


@dataclass(frozen=True)
class Sold(Event):
    price: float
    metrics = (Metric(), Metric("price", episode="sum"))


class MarketEnv(StructuredEnv):
    """Two sellers offer in turn, then a buyer takes one; what may be taken is masked."""

    offer = spaces.Dict({"price": spaces.Box(0, 1, (1,), np.float32)})
    take = spaces.Dict({"offers": spaces.Box(0, 1, (2,), np.float32), "legal": spaces.MultiBinary(2)})
    observation_spaces: Mapping[Any, Any] = {"offer": offer, "take": take}
    action_spaces: Mapping[Any, Any] = {
        "offer": spaces.Box(0, 1, (1,), np.float32),
        "take": spaces.Dict({"which": spaces.Discrete(2), "amount": spaces.Box(0, 1, (), np.float32)}),
    }
    action_masks: Mapping[Any, Any] = {"take": {"which": "legal"}}
    order = (ActorID("offer", 0), ActorID("offer", 1), ActorID("take", 0))

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.turn = 0
        self.offers = np.zeros(2, np.float32)
        self.price = self.np_random.uniform(0, 1, (1,)).astype(np.float32)
        return self.observe(), {}

    def observe(self) -> Any:
        if self.actor_id().step_key == "offer":
            return {"price": self.price.copy()}
        legal = np.array([1, int(self.price[0] > 0.5)], np.int8)
        return {"offers": self.offers.copy(), "legal": legal}

    def actor_id(self) -> ActorID:
        return self.order[self.turn % 3]

    @property
    def time(self) -> int | None:
        return self.turn // 3

    def step(self, action: Any) -> tuple[Any, Any, Any, Any, Any]:
        step_key, agent_id = self.actor_id()
        self.sales: dict[ActorID, float] = {}
        if step_key == "offer":
            self.offers[agent_id] = action[0]
        else:
            assert action["which"] == 0 or self.price[0] > 0.5
            self.sales = {ActorID("offer", int(action["which"])): float(action["amount"])}
            self.emit(Sold(float(action["amount"])))
            self.price = self.np_random.uniform(0, 1, (1,)).astype(np.float32)
        self.turn += 1
        return self.observe(), sum(self.sales.values(), 0.0), self.turn >= 12, False, {}

    def actor_rewards(self) -> Mapping[ActorID, float] | None:
        return self.sales or None

    def final_observations(self) -> Mapping[ActorID, Any] | None:
        return {ActorID("offer", 0): {"price": self.price.copy()}}
