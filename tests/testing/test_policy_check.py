from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from functools import partial
from itertools import count
from typing import Any

import numpy as np
import pytest
from gymnasium import spaces
from tests.testing.walk_env import MarketEnv, WalkEnv

from maze.core.agent.policy import StructuredPolicy
from maze.core.agent.random_policy import RandomPolicy
from maze.core.env.actor_id import ActorID
from maze.factory import ConfigurationError
from maze.testing import ConformanceError, check_policy


class Drifting(StructuredPolicy):
    """Random, with a memory: a good one."""

    def __init__(self) -> None:
        self.generators: dict[int, np.random.Generator] = {}
        self.sums: dict[int, float] = {}

    def reset(self, seed: int, slot: int = 0) -> None:
        self.generators[slot] = np.random.default_rng(seed)
        self.sums[slot] = 0.0

    def act(self, observation: Any, actor_id: ActorID, slot: int = 0) -> Any:
        self.sums[slot] += float(observation[0]) + self.generators[slot].random()
        return int(self.sums[slot] * 7) % 2


class Batched(Drifting):
    """Decides for several at once, and for each as if it were alone."""

    n_envs = 4

    def act(self, observation: Any, actor_id: ActorID, slot: int = 0) -> Any:
        raise AssertionError("a policy with several slots is asked for batches")

    def act_batch(self, observations: Any, actor_ids: Any, slots: Any) -> list[Any]:
        return [Drifting.act(self, *asked) for asked in zip(observations, actor_ids, slots, strict=True)]


class Buys(StructuredPolicy):
    """Decides in the market, legally."""

    def act(self, observation: Any, actor_id: ActorID, slot: int = 0) -> Any:
        if actor_id.step_key == "offer":
            return observation["price"]
        return {"which": int(observation["legal"][1]), "amount": np.float32(0.5)}


@pytest.mark.parametrize("policy", [Drifting, Drifting(), Batched, RandomPolicy, None, lambda observation: 1])
def test_accepts_good_policies(policy: Any) -> None:
    check_policy(policy, "CartPole-v1", n_steps=20)


def test_accepts_a_policy_of_several_actors() -> None:
    check_policy(Buys, MarketEnv)


def test_accepts_a_config() -> None:
    check_policy({"_target_": "maze.core.agent.random_policy.RandomPolicy"}, "Taxi-v4")


def test_accepts_a_policy_that_looks_at_its_environment() -> None:
    pytest.importorskip("Box2D")
    from maze.core.agent.lunar_lander_heuristics import LunarLanderHeuristics

    check_policy(LunarLanderHeuristics, "LunarLander-v3", n_steps=20)


class Telling(Drifting):
    """Tells what it remembers of its latest decision."""

    n_envs = 3

    def output_space(self, step_key: Any) -> spaces.Dict:
        return spaces.Dict(sum=spaces.Box(-np.inf, np.inf, (), np.float64))

    def outputs(self, observation: Any, actor_id: ActorID, slot: int = 0) -> dict[str, Any]:
        return {"sum": self.sums[slot]}


class TellingAtRandom(Telling):
    def outputs(self, observation: Any, actor_id: ActorID, slot: int = 0) -> dict[str, Any]:
        return {"sum": self.generators[slot].random()}


class TellingTooMuch(Telling):
    def outputs(self, observation: Any, actor_id: ActorID, slot: int = 0) -> dict[str, Any]:
        return {"sum": self.sums[slot], "more": 1}


class TellingInOneArray(Telling):
    def outputs(self, observation: Any, actor_id: ActorID, slot: int = 0) -> dict[str, Any]:
        if not hasattr(self, "array"):
            self.array = np.zeros(())
        self.array[...] = self.sums[slot]
        return {"sum": self.array}


class TellingInDisorder(Telling):
    def outputs_batch(self, observations: Any, actor_ids: Any, slots: Any) -> list[Any]:
        return super().outputs_batch(observations, actor_ids, slots[::-1])


def test_accepts_a_policy_that_tells_what_led_to_its_decisions() -> None:
    check_policy(Telling, "CartPole-v1", n_steps=20)


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        (TellingAtRandom, r"decides otherwise when it is asked for its outputs .* let outputs\(\) draw nothing"),
        (TellingTooMuch, r"what outputs\(\) gives .*more"),
        (TellingInOneArray, r"outputs\(\) wrote into what it gave before .* give new arrays"),
        (TellingInDisorder, "outputs_batch tells otherwise in a batch than alone .* in the order given"),
    ],
)
def test_refuses_outputs_that_break_the_rules(policy: Any, message: str) -> None:
    with pytest.raises(ConformanceError, match=message):
        check_policy(policy, "CartPole-v1", n_steps=20)


def test_what_is_no_policy_is_a_mistake_of_the_test() -> None:
    with pytest.raises(ConfigurationError, match="is no policy"):
        check_policy(7, "CartPole-v1")  # type: ignore[arg-type]


class SeededOnce(Drifting):
    def __init__(self) -> None:
        super().__init__()
        self.generator = np.random.default_rng(3)

    def reset(self, seed: int, slot: int = 0) -> None:
        super().reset(seed, slot)
        self.generators[slot] = self.generator


class KeepsMemory(Drifting):
    def reset(self, seed: int, slot: int = 0) -> None:
        before = self.sums.get(slot, 0.0)
        super().reset(seed, slot)
        self.sums[slot] = before


class PerObject(Drifting):
    """Another one whenever it is made."""

    made: Iterator[int] = count()

    def __init__(self) -> None:
        super().__init__()
        self.shift = next(PerObject.made) / 7

    def reset(self, seed: int, slot: int = 0) -> None:
        super().reset(seed, slot)
        self.sums[slot] = self.shift


class OneMemory(Drifting):
    """Forgets about slots."""

    def reset(self, seed: int, slot: int = 0) -> None:
        super().reset(seed, 0)

    def act(self, observation: Any, actor_id: ActorID, slot: int = 0) -> Any:
        return super().act(observation, actor_id, 0)


class BatchReversed(Drifting):
    def act_batch(self, observations: Any, actor_ids: Any, slots: Any) -> list[Any]:
        return super().act_batch(observations, actor_ids, slots)[::-1]


class BatchNormalised(Batched):
    """An action depends on what else is in the batch."""

    def act_batch(self, observations: Any, actor_ids: Any, slots: Any) -> list[Any]:
        mean = float(np.mean([observation[0] for observation in observations]))
        return [int(float(observation[0]) > mean) for observation in observations]


class BatchTooShort(Drifting):
    def act_batch(self, observations: Any, actor_ids: Any, slots: Any) -> list[Any]:
        return super().act_batch(observations, actor_ids, slots)[:-1]


class BatchArray(Drifting):
    def act_batch(self, observations: Any, actor_ids: Any, slots: Any) -> Any:
        return np.array(super().act_batch(observations, actor_ids, slots))


class Outside(Drifting):
    def act(self, observation: Any, actor_id: ActorID, slot: int = 0) -> Any:
        return 2


class Fractional(Drifting):
    def act(self, observation: Any, actor_id: ActorID, slot: int = 0) -> Any:
        return 0.5


class Scribbles(Drifting):
    def act(self, observation: Any, actor_id: ActorID, slot: int = 0) -> Any:
        observation -= 1
        return 0


class ScribblesInBatches(Drifting):
    def act_batch(self, observations: Any, actor_ids: Any, slots: Any) -> list[Any]:
        actions = super().act_batch(observations, actor_ids, slots)
        observations[-1][:] = 0
        return actions


class GlobalDraws(Drifting):
    def act(self, observation: Any, actor_id: ActorID, slot: int = 0) -> Any:
        return random.randrange(2)


class Raises(Drifting):
    def act(self, observation: Any, actor_id: ActorID, slot: int = 0) -> Any:
        raise ZeroDivisionError("no gain")


class NoSlots(StructuredPolicy):
    def act(self, observation: Any, actor_id: ActorID) -> Any:  # type: ignore[override]
        return 0


class NoSeed(Drifting):
    def reset(self) -> None:  # type: ignore[override]
        """Takes no seed."""


class Locked(Drifting):
    def __init__(self) -> None:
        super().__init__()
        self.lock = threading.Lock()


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        (SeededOnce, r"that was used decides otherwise .*the action differs first, in decision \d+ after reset\(0\)"),
        (KeepsMemory, r"that was used decides otherwise .*: let reset forget"),
        (PerObject, r"another policy object decides otherwise .*: draw only from generators that reset seeds"),
        (OneMemory, r"depend on what the other slots do .*: keep random and recurrent state by slot"),
        (BatchReversed, r"act_batch decides otherwise in a batch than alone"),
        (BatchNormalised, r"act_batch decides otherwise in a batch than alone"),
        (BatchTooShort, r"act_batch gave 2 actions as a list for 3 slots"),
        (BatchArray, r"act_batch gave 3 actions as a ndarray for 3 slots"),
        (Outside, r"the action 2 is outside of Discrete\(2\) \(in decision 0 after reset\(0\), actor .*, slot 0\)"),
        (Fractional, r"the action has another form than Discrete\(2\)"),
        (Scribbles, r"act wrote into the observation .*: work on a copy"),
        (ScribblesInBatches, r"act_batch wrote into the observation"),
        (GlobalDraws, r"used the global generators of random or numpy.random \(in decision 0"),
        (Raises, r"act raised ZeroDivisionError: no gain \(in decision 0"),
        (NoSlots, r"cannot be called as act\(observation, actor_id, slot\)"),
        (NoSeed, r"cannot be called as reset\(seed, slot\)"),
        (Locked(), r"does not survive cloudpickle \(TypeError"),
    ],
)
def test_names_what_a_policy_gets_wrong(policy: Any, message: str) -> None:
    with pytest.raises(ConformanceError, match=message):
        check_policy(policy, "CartPole-v1", n_steps=20)


class Illegal(Buys):
    def act(self, observation: Any, actor_id: ActorID, slot: int = 0) -> Any:
        action = super().act(observation, actor_id, slot)
        return action | {"which": 1} if isinstance(action, dict) else action


def test_names_an_illegal_action() -> None:
    with pytest.raises(ConformanceError, match=r"the action 1 is illegal by its mask .*actor \('take', 0\)"):
        check_policy(Illegal, MarketEnv)


class Unrepeatable(WalkEnv):
    def reset(self, **arguments: Any) -> Any:
        return super().reset(seed=None)


def test_does_not_blame_the_policy_for_its_environment() -> None:
    with pytest.raises(ConformanceError, match=r"the environment gives another episode .*passes check_env"):
        check_policy(partial(RandomPolicy), Unrepeatable)
