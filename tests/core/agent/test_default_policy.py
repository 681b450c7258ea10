"""Policies by step key or agent: who decides for whom, with which seed, one by one and in batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cloudpickle
import numpy as np
import pytest
from gymnasium import spaces
from tests.core.rollout.sample_envs import Trade

from maze.core.agent.default_policy import DefaultPolicy, seed_of_policy
from maze.core.agent.flat_policy import FlatPolicy
from maze.core.agent.policy import StructuredPolicy
from maze.core.agent.random_policy import RandomPolicy
from maze.core.env.actor_id import ActorID
from maze.factory import ConfigurationError, build
from maze.testing import check_policy


class Telling(FlatPolicy):
    """Answers who it is and what it was asked."""

    def __init__(self, name: str, n_envs: int = 1) -> None:
        self.name, self.n_envs = name, n_envs
        self.seeds: dict[int, int] = {}
        self.envs: dict[int, Any] = {}
        self.batches: list[int] = []

    def attach(self, env: Any, slot: int = 0) -> None:
        self.envs[slot] = env

    def reset(self, seed: int, slot: int = 0) -> None:
        self.seeds[slot] = seed

    def act(self, observation: Any, agent_id: int = 0, slot: int = 0) -> Any:
        return self.name, observation, agent_id, slot

    def act_batch(self, observations: Sequence[Any], agent_ids: Sequence[int], slots: Sequence[int]) -> list[Any]:
        self.batches.append(len(observations))
        return super().act_batch(observations, agent_ids, slots)


class TellingActors(StructuredPolicy):
    def act(self, observation: Any, actor_id: ActorID, slot: int = 0) -> Any:
        return actor_id, observation, slot


class Guessing(FlatPolicy):
    """Random numbers per slot."""

    def __init__(self, action_spaces: Any) -> None:
        self.n = 5 if action_spaces is None else action_spaces["offer"].n
        self.generators: dict[int, np.random.Generator] = {}

    def reset(self, seed: int, slot: int = 0) -> None:
        self.generators[slot] = np.random.default_rng(seed)

    def act(self, observation: Any, agent_id: int = 0, slot: int = 0) -> Any:
        return int(self.generators[slot].integers(self.n))


class Accepting(FlatPolicy):
    def act(self, observation: Any, agent_id: int = 0, slot: int = 0) -> Any:
        return np.array([1, 0], np.int8)


def test_an_agents_own_policy_comes_before_its_step_keys() -> None:
    policy = DefaultPolicy(
        {"buy": Telling("all"), "buy_2": Telling("second"), 0: Telling("number"), "1": Telling("text")}
    )
    assert policy.act("x", ActorID("buy", 0), slot=3) == ("all", "x", 0, 3)
    assert policy.act("x", ActorID("buy", 2)) == ("second", "x", 2, 0)
    assert policy.act("x", ActorID("buy", 22))[0] == "all"
    assert policy.act("x", ActorID(0, 1))[0] == policy.act("x", ActorID("0", 1))[0] == "number"
    assert policy.act("x", ActorID(1, 0))[0] == "text"


def test_structured_policies_are_told_the_whole_actor() -> None:
    policy = DefaultPolicy({"buy": TellingActors()})
    assert policy.act("x", ActorID("buy", 1), 2) == (ActorID("buy", 1), "x", 2)


def test_batches_are_grouped_by_policy_and_keep_their_order() -> None:
    one, two = Telling("one", n_envs=2), Telling("two", n_envs=8)
    policy = DefaultPolicy({"a": one, "b": two, "a_1": two, "c": TellingActors()})
    assert policy.n_envs == 8
    actors = [ActorID(*actor) for actor in [("a", 0), ("b", 0), ("a", 1), ("c", 4), ("a", 2), ("b", 1)]]
    decided = policy.act_batch(list("uvwxyz"), actors, [5, 4, 3, 2, 1, 0])
    expected = [policy.act(o, a, s) for o, a, s in zip("uvwxyz", actors, [5, 4, 3, 2, 1, 0], strict=True)]
    assert decided == expected
    assert decided[2] == ("two", "w", 1, 3)
    assert (one.batches, two.batches) == ([2], [3])


def test_each_policy_has_a_seed_of_its_own_that_depends_on_its_key_alone() -> None:
    policies: Any = {name: Telling(name) for name in ("a", "b", "c")}
    DefaultPolicy(policies).reset(7, slot=2)
    seeds = {name: policy.seeds[2] for name, policy in policies.items()}
    assert len(set(seeds.values())) == 3
    assert seeds == {name: seed_of_policy(7, name) for name in seeds}
    reordered: dict[str | int, Any] = {"c": Telling("c"), "d": Telling("d"), "a": Telling("a")}
    DefaultPolicy(reordered).reset(7)
    assert {name: policy.seeds[0] for name, policy in reordered.items()} == {
        name: seeds.get(str(name), seed_of_policy(7, "d")) for name in reordered
    }
    assert all(0 <= seed_of_policy(seed, "a") < 2**31 for seed in range(200))
    assert len({seed_of_policy(seed, "a") for seed in range(200)}) == 200


def test_one_policy_under_several_keys_is_one() -> None:
    shared = Telling("shared")
    policy = DefaultPolicy({"b": shared, "a": shared})
    policy.reset(7)
    policy.attach(Trade(), slot=1)
    assert shared.seeds == {0: seed_of_policy(7, "b")}
    assert list(shared.envs) == [1]
    policy.act_batch([1, 2], [ActorID("a", 0), ActorID("b", 0)], [0, 1])
    assert shared.batches == [2]
    travelled = cloudpickle.loads(cloudpickle.dumps(policy))
    assert travelled.mapping["a"] is travelled.mapping["b"]


def test_an_actor_without_a_policy_is_named() -> None:
    policy = DefaultPolicy({"buy_0": Telling("first")})
    for ask in (lambda: policy.act(0, ActorID("buy", 1)), lambda: policy.act_batch([0], [ActorID("buy", 1)], [0])):
        with pytest.raises(
            ValueError, match=r"the actor \('buy', 1\) has no policy, .*'buy_0': add .*'buy', or .*'buy_1'"
        ):
            ask()


@pytest.mark.parametrize(
    ("mapping", "line"),
    [
        ({}, "default_policy has no policy: add one for each step key"),
        ({"buy": "random_policy"}, "the mapping has 'random_policy' under 'buy', which is no FlatPolicy"),
        ({0: Telling(""), "0": Telling("")}, "the mapping has the key '0' twice"),
    ],
)
def test_mappings_that_make_no_sense_are_refused(mapping: Any, line: str) -> None:
    with pytest.raises(ConfigurationError, match=line):
        DefaultPolicy(mapping)


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        (["ofer", "accept"], "the mapping has a policy for 'ofer', which is no actor here: did you mean 'offer'?"),
        (
            ["zzz"],
            "the mapping has a policy for 'zzz', which is no actor here: there are the step keys 'offer', 'accept'",
        ),
        (["offer", "accept_x"], "the mapping has a policy for 'accept_x', which is no actor here"),
        (["offer_0"], "the step key 'accept' has no policy, there are those of 'offer_0': add policy.mapping.accept"),
    ],
)
def test_mappings_that_do_not_fit_the_environment_are_refused(keys: list[str], line: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        DefaultPolicy({key: Telling(key) for key in keys}, Trade.observation_spaces)
    assert str(caught.value).startswith(line)


def test_it_is_built_from_nested_configs_that_get_what_is_supplied() -> None:
    config = {
        "_target_": "maze.core.agent.default_policy.DefaultPolicy",
        "mapping": {"0": {"_target_": "maze.core.agent.random_policy.RandomPolicy"}},
    }
    spaces_: Any = {0: spaces.Discrete(3)}
    policy = build(config, observation_spaces=spaces_, action_spaces=spaces_, action_masks={}, deterministic=False)
    assert isinstance(policy.mapping["0"], RandomPolicy)
    policy.reset(5)
    alone = RandomPolicy(spaces_)
    alone.reset(seed_of_policy(5, "0"))
    assert [policy.act(0, ActorID(0, 0)) for _ in range(9)] == [alone.act(0, ActorID(0, 0)) for _ in range(9)]


def test_it_keeps_the_rules_of_policies() -> None:
    check_policy(DefaultPolicy({"offer": Guessing(None), "accept": Accepting()}), Trade)
