"""A structured environment with everything that a wrapper has to pass on, and one with a Dict of actions."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cloudpickle
import gymnasium
import numpy as np
from gymnasium import spaces

from maze.core.agent.policy import StructuredPolicy
from maze.core.env.actor_id import ActorID, StepKey
from maze.core.env.event import Event, EventRecord, Metric
from maze.core.env.structured_env import ActionMasks, StructuredEnv

cloudpickle.register_pickle_by_value(sys.modules[__name__])

Reset = tuple[Any, dict[str, Any]]
Step = tuple[Any, float, bool, bool, dict[str, Any]]


@dataclass(frozen=True)
class Bought(Event):
    amount: int
    metrics = (Metric("amount", episode="sum"),)


@dataclass(frozen=True)
class Opened(Event):
    pass


class Market(StructuredEnv):
    """Two agents buy, then one sells: three sub-steps a round, `n_rounds` rounds; prices go at random.

    The reward of a round is 10 times the amount bought, less the amount sold; each agent gets its part of it.
    """

    observation_spaces: Mapping[StepKey, spaces.Space[Any]] = {
        "buy": spaces.Dict(
            [
                ("price", spaces.Box(-100, 100, (2,), np.float64)),
                ("day", spaces.Discrete(7)),
                ("affordable", spaces.MultiBinary(4)),
            ]
        ),
        "sell": spaces.Dict([("stock", spaces.Box(0, 1000, (), np.int64)), ("day", spaces.Discrete(7))]),
    }
    action_spaces: Mapping[StepKey, spaces.Space[Any]] = {"buy": spaces.Discrete(4), "sell": spaces.Discrete(3)}
    action_masks: ActionMasks = {"buy": {None: "affordable"}}  # noqa: RUF012 - as environments write it
    metadata = {"render_modes": ["rgb_array"], "render_fps": 7}  # noqa: RUF012 - as gymnasium has it
    TURNS = (ActorID("buy", 0), ActorID("buy", 1), ActorID("sell", 0))

    def __init__(self, n_rounds: int = 4, render_mode: str | None = None) -> None:
        self.n_rounds, self.render_mode = n_rounds, render_mode
        self.closed = 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Reset:
        super().reset(seed=seed)
        self.n, self.stock, self.bought, self.price = 0, 5, [0, 0], 10.0
        self.options = options
        self.emit(Opened())
        return self.observation_of(self.actor_id()), {"opened": True}

    def step(self, action: Any) -> Step:
        actor = self.actor_id()
        if actor.step_key == "buy":
            assert self.affordable()[action], "an illegal action"
            self.bought[actor.agent_id] = int(action)
            self.stock += int(action)
            self.emit(Bought(int(action)))
        else:
            self.sold = min(int(action), self.stock)
            self.stock -= self.sold
            self.price += float(self.np_random.normal())
        self.n += 1
        shares = self.actor_rewards()
        over = self.n == 3 * self.n_rounds
        return self.observation_of(self.actor_id()), sum(shares.values()), over, False, {"n": self.n}

    def actor_id(self) -> ActorID:
        return self.TURNS[self.n % 3]

    @property
    def time(self) -> int:
        return self.n // 3

    def is_actor_done(self) -> bool:
        return self.n > 3 * (self.n_rounds - 1)

    def actor_rewards(self) -> Mapping[ActorID, float]:
        if self.n % 3:
            return {}
        earned = [10.0 * self.bought[0], 10.0 * self.bought[1], -float(self.sold)]
        return dict(zip(self.TURNS, earned, strict=True))

    def final_observations(self) -> Mapping[ActorID, Any]:
        return {actor: self.observation_of(actor) for actor in self.TURNS}

    def state(self) -> Any:
        return {"stock": self.stock}

    def kpis(self, events: Sequence[EventRecord], metrics: Mapping[str, float]) -> Mapping[str, float]:
        return {"n_bought": float(sum(record.event.amount for record in events if isinstance(record.event, Bought)))}

    def render(self) -> Any:
        return np.full((4, 4, 3), self.n % 255, np.uint8)

    def close(self) -> None:
        self.closed += 1

    def affordable(self) -> Any:
        return np.array([1, 1, self.n % 2, self.stock % 2], np.int8)

    def observation_of(self, actor: ActorID) -> Any:
        day = self.time % 7
        if actor.step_key == "sell":
            return {"stock": np.array(self.stock), "day": day}
        return {"price": np.array([self.price, self.n], float), "day": day, "affordable": self.affordable()}


class Cutter(gymnasium.Env[Any, Any]):
    """A flat environment with a Dict of actions, of which one is masked; it ends after some steps."""

    observation_space = spaces.Dict(
        [("order", spaces.Box(0, 9, (2,), np.float32)), ("fits", spaces.MultiBinary(3)), ("left", spaces.Discrete(20))]
    )
    action_space = spaces.Dict(
        [
            ("piece", spaces.Discrete(3)),
            ("rotate", spaces.Discrete(2)),
            ("offset", spaces.Box(-1, 1, (2,), np.float32)),
        ]
    )

    def __init__(self, n_steps: int = 12) -> None:
        self.n_steps = n_steps

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Reset:
        super().reset(seed=seed)
        self.left = self.n_steps
        self.actions: list[Any] = []
        return self.observe(), {}

    def step(self, action: Any) -> Step:
        self.left -= 1
        self.actions.append(action)
        reward = float(action["piece"]) + 0.5 * float(action["rotate"]) + float(action["offset"].sum())
        return self.observe(), reward, self.left == 0, False, {"left": self.left}

    def observe(self) -> Any:
        order = self.np_random.integers(10, size=2).astype(np.float32)
        return {"order": order, "fits": np.array([1, self.left % 2, 0], np.int8), "left": self.left}


class MaskedCutter(StructuredEnv):
    """`Cutter` with its mask declared."""

    observation_spaces: Mapping[StepKey, spaces.Space[Any]] = {0: Cutter.observation_space}
    action_spaces: Mapping[StepKey, spaces.Space[Any]] = {0: Cutter.action_space}
    action_masks: ActionMasks = {0: {"piece": "fits"}}  # noqa: RUF012 - as environments write it

    def __init__(self, n_steps: int = 12) -> None:
        self.cutter = Cutter(n_steps)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Reset:
        return self.cutter.reset(seed=seed)

    def step(self, action: Any) -> Step:
        assert self.cutter.left % 2 or action["piece"] == 0, "an illegal action"
        return self.cutter.step(action)


class LegalPolicy(StructuredPolicy):
    """Draws legal actions of `Market`, by a generator of its own per slot, for all slots at once."""

    def __init__(self, n_envs: int = 1) -> None:
        self.n_envs = n_envs
        self.generators: dict[int, np.random.Generator] = {}

    def reset(self, seed: int, slot: int = 0) -> None:
        self.generators[slot] = np.random.default_rng(seed)

    def act(self, observation: Any, actor_id: ActorID, slot: int = 0) -> Any:
        mask = observation.get("affordable", np.ones(3))
        return int(self.generators[slot].choice(np.flatnonzero(mask)))
