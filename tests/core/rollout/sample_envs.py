"""Environments with one peculiarity each, and policies to go with them.

Workers get them by value: pytest gives the modules of tests names that other processes cannot import.
"""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cloudpickle
import gymnasium
import numpy as np
from gymnasium import spaces

from maze.core.agent.flat_policy import FlatPolicy
from maze.core.agent.policy import StructuredPolicy
from maze.core.env.actor_id import ActorID, StepKey
from maze.core.env.event import Event, EventRecord, Metric
from maze.core.env.structured_env import StructuredEnv

cloudpickle.register_pickle_by_value(sys.modules[__name__])

Reset = tuple[Any, dict[str, Any]]
Step = tuple[Any, float, bool, bool, dict[str, Any]]


class Walk(gymnasium.Env[Any, Any]):
    """A random walk that ends where it leaves [-3, 3]; the base of the peculiar ones."""

    observation_space: spaces.Space[Any] = spaces.Box(-9, 9, (2,), np.float64)
    action_space: spaces.Space[Any] = spaces.Discrete(2)
    metadata = {"render_modes": ["rgb_array"], "render_fps": 10}  # noqa: RUF012 - as gymnasium has it

    def __init__(self, render_mode: str | None = None) -> None:
        self.render_mode = render_mode
        self.closed = 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Reset:
        super().reset(seed=seed)
        self.place, self.n = 0.0, 0
        return self.observe(), {}

    def step(self, action: Any) -> Step:
        self.n += 1
        self.place += (1 if action else -1) * self.draw()
        over = abs(self.place) > 3
        info = {"place": self.place, "n": self.n, "is_success": self.place > 3, "name": "walk"} if over else {}
        return self.observe(), self.place, over, False, info

    def draw(self) -> float:
        return float(self.np_random.random())

    def observe(self) -> Any:
        return np.array([self.place, self.n], np.float64) if self.n < 10 else np.array([self.place, 9.0])

    def render(self) -> Any:
        return np.full((33, 44, 3), 20 * (self.n % 10), np.uint8)

    def close(self) -> None:
        self.closed += 1


class DictWalk(Walk):
    observation_space = spaces.Dict({"place": spaces.Box(-9, 9, (2,), np.float64), "n": spaces.Discrete(1000)})

    def observe(self) -> Any:
        return {"place": np.array([self.place, -self.place]), "n": self.n}


class GlobalWalk(Walk):
    """Draws from the global generators."""

    def draw(self) -> float:
        return float(np.random.random()) * random.random()  # noqa: NPY002 - the peculiarity


class LeakyWalk(Walk):
    """Goes faster in every episode."""

    def __init__(self) -> None:
        super().__init__()
        self.n_episodes = 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Reset:
        self.n_episodes += 1
        return super().reset(seed=seed)

    def draw(self) -> float:
        return super().draw() * (1 + 0.1 * self.n_episodes)


class ReusingWalk(Walk):
    """Returns one and the same array all the time."""

    def __init__(self) -> None:
        super().__init__()
        self.buffer = np.zeros(2)

    def observe(self) -> Any:
        self.buffer[:] = super().observe()
        return self.buffer


class TrueRandomWalk(Walk):
    """Takes its chances from the operating system."""

    def draw(self) -> float:
        return int.from_bytes(os.urandom(4), "little") / 2**32


class LongWalk(Walk):
    """Ends after a number of steps; large observations make its segments short."""

    observation_space = spaces.Box(0, 255, (64, 64, 32), np.uint8)

    def __init__(self, n_steps: int = 300) -> None:
        super().__init__()
        self.n_steps = n_steps

    def step(self, action: Any) -> Step:
        _, reward, _, _, info = super().step(action)
        return self.observe(), reward, self.n == self.n_steps, False, info

    def observe(self) -> Any:
        return np.full((64, 64, 32), self.n % 251, np.uint8)


class StructuredWalk(StructuredEnv):
    """`Walk` as a structured environment with the one actor of a flat one."""

    observation_spaces: Mapping[StepKey, spaces.Space[Any]] = {0: Walk.observation_space}
    action_spaces: Mapping[StepKey, spaces.Space[Any]] = {0: Walk.action_space}

    def __init__(self) -> None:
        self.walk = Walk()

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Reset:
        return self.walk.reset(seed=seed, options=options)

    def step(self, action: Any) -> Step:
        return self.walk.step(action)


@dataclass(frozen=True)
class Traded(Event):
    amount: int
    side: str
    metrics = (Metric(), Metric("amount", episode="sum"), Metric("amount", episode="max", group_by="side"))


@dataclass(frozen=True)
class Opened(Event):
    pass


class Trade(StructuredEnv):
    """Two agents offer, one after the other, then one accepts: three sub-steps a round, two rounds.

    The reward of a round is its number + 1 (0 within a round); agent 0 gets a quarter, the accepting one the rest.
    """

    observation_spaces: Mapping[StepKey, spaces.Space[Any]] = {
        "offer": spaces.Box(-1, 99, (1,), np.float64),
        "accept": spaces.Dict({"offers": spaces.MultiDiscrete([5, 5])}),
    }
    action_spaces: Mapping[StepKey, spaces.Space[Any]] = {
        "offer": spaces.Discrete(5),
        "accept": spaces.MultiBinary(2),
    }
    TURNS = (ActorID("offer", 0), ActorID("offer", 1), ActorID("accept", 0))
    N_ROUNDS = 2

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Reset:
        super().reset(seed=seed)
        self.n, self.offers = 0, [0, 0]
        self.emit(Opened())
        return self.observe(), {}

    def actor_id(self) -> ActorID:
        return self.TURNS[self.n % 3]

    @property
    def time(self) -> int:
        return self.n // 3

    def step(self, action: Any) -> Step:
        actor = self.actor_id()
        if actor.step_key == "offer":
            self.offers[actor.agent_id] = int(action)
            self.emit(Traded(int(action), f"agent {actor.agent_id}"))
        self.n += 1
        closed = self.n % 3 == 0
        over = self.n == 3 * self.N_ROUNDS
        return self.observe(), float(self.time) if closed else 0.0, over, False, {"rounds": self.time}

    def actor_rewards(self) -> Mapping[ActorID, float] | None:
        if self.n % 3:
            return {}
        return {self.TURNS[0]: 0.25 * self.time, self.TURNS[2]: 0.75 * self.time}

    def is_actor_done(self) -> bool:
        return self.n > 3 * (self.N_ROUNDS - 1)

    def final_observations(self) -> Mapping[ActorID, Any]:
        return {actor: self.observation_of(actor) for actor in self.TURNS}

    def kpis(self, events: Sequence[EventRecord], metrics: Mapping[str, float]) -> Mapping[str, float]:
        return {"offers_per_round": metrics["Traded.count"] / self.N_ROUNDS, "n_events": float(len(events))}

    def observe(self) -> Any:
        return self.observation_of(self.actor_id())

    def observation_of(self, actor: ActorID) -> Any:
        if actor.step_key == "offer":
            return np.array([self.n + 0.5])
        return {"offers": np.array(self.offers)}


class Alternating(StructuredPolicy):
    """Offers 1, 2, 3, ... modulo 5, and accepts the better offer."""

    def reset(self, seed: int, slot: int = 0) -> None:
        self.n = 0

    def act(self, observation: Any, actor_id: ActorID, slot: int = 0) -> Any:
        if actor_id.step_key == "offer":
            self.n += 1
            return self.n % 5
        first, second = observation["offers"]
        return np.array([first > second, second >= first], np.int8)


class BatchingPolicy(StructuredPolicy):
    """Decides for all slots by one product of matrices of a fixed shape, and remembers sums per slot."""

    ROWS = 16

    def __init__(self, n_envs: int = 4, deterministic: bool = False) -> None:
        self.n_envs, self.deterministic = n_envs, deterministic
        self.generators: dict[int, np.random.Generator] = {}
        self.sums = np.zeros((self.ROWS, 2))

    def reset(self, seed: int, slot: int = 0) -> None:
        self.generators[slot] = np.random.default_rng(seed)
        self.sums[slot] = 0

    def act(self, observation: Any, actor_id: ActorID, slot: int = 0) -> Any:
        return self.act_batch([observation], [actor_id], [slot])[0]

    def act_batch(self, observations: Sequence[Any], actor_ids: Sequence[ActorID], slots: Sequence[int]) -> list[Any]:
        for observation, slot in zip(observations, slots, strict=True):
            self.sums[slot] += observation
        scores = np.tanh(self.sums @ np.array([0.3, 0.01]))
        if self.deterministic:
            return [int(scores[slot] > 0) for slot in slots]
        return [int(self.generators[slot].random() < 0.5 + 0.4 * scores[slot]) for slot in slots]


class Thinking(FlatPolicy):
    """Decides by chance and what it remembers, and tells both."""

    def __init__(self, n_envs: int = 1, n_actions: int = 2) -> None:
        self.n_envs, self.n_actions = n_envs, n_actions
        self.generators: dict[int, np.random.Generator] = {}
        self.thoughts: dict[int, tuple[float, int]] = {}

    def reset(self, seed: int, slot: int = 0) -> None:
        self.generators[slot] = np.random.default_rng(seed)
        self.thoughts[slot] = (0.0, 0)

    def act(self, observation: Any, agent_id: int = 0, slot: int = 0) -> int:
        chance, n = self.generators[slot].random(), self.thoughts[slot][1]
        self.thoughts[slot] = (chance, n + 1)
        return int(chance * self.n_actions)

    def output_space(self) -> spaces.Dict:
        return spaces.Dict(
            chance=spaces.Box(0, 1, (), np.float64),
            n=spaces.Discrete(1000),
            plan=spaces.Sequence(spaces.Discrete(5)),
            seen=spaces.Box(-np.inf, np.inf, (2,)),
        )

    def outputs(self, observation: Any, agent_id: int = 0, slot: int = 0) -> Mapping[str, Any]:
        chance, n = self.thoughts[slot]
        seen = np.ravel(observation)[:2].astype(np.float32)
        return {"chance": chance, "n": n, "plan": tuple(range(n % 3)), "seen": np.resize(seen, 2)}


class ThinkingOfTwo(StructuredPolicy):
    """Tells something else of each kind of decision."""

    def __init__(self) -> None:
        self.n = 0

    def reset(self, seed: int, slot: int = 0) -> None:
        self.n = 0

    def act(self, observation: Any, actor_id: ActorID, slot: int = 0) -> Any:
        self.n += 1
        return self.n % 5 if actor_id.step_key == "offer" else np.array([1, 0], np.int8)

    def output_space(self, step_key: StepKey) -> spaces.Dict | None:
        size = 3 if step_key == "offer" else 1
        return spaces.Dict(scores=spaces.Box(0, 99, (size,)))

    def outputs(self, observation: Any, actor_id: ActorID, slot: int = 0) -> Mapping[str, Any]:
        return {"scores": np.full(3 if actor_id.step_key == "offer" else 1, self.n, np.float32)}
