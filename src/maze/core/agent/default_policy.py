"""One policy for each kind of decision, as a structured policy."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import shake_128
from typing import Any, NamedTuple, TypeAlias

from gymnasium import spaces

from maze.core.agent.flat_policy import FlatPolicy
from maze.core.agent.policy import StructuredPolicy
from maze.core.env.actor_id import ActorID, StepKey
from maze.core.env.structured_env import StructuredEnv
from maze.factory import ConfigurationError, suggest

ActorKey: TypeAlias = str | int
"""A step key, or an agent of it by name: `player_1` is the agent 1 of the step key `player`."""

ActorPolicy: TypeAlias = FlatPolicy | StructuredPolicy


class DefaultPolicy(StructuredPolicy):
    """Lets one policy decide for each step key, or for single agents.

    In each episode a policy gets a seed of its own, which depends on the episode's and on the policy's key alone: not
    on the other policies, the slot or the process. A policy under several keys is one policy, with the seed of the
    first.

    Args:
        mapping: Policies by step key, or by agent; an agent's own comes before its step key's. A step key that is a
            number may be written as text.
        observation_spaces: Of each step key, to see at once that the mapping fits them; None: not to.

    Raises:
        ConfigurationError: If `mapping` is empty or has something else than policies; if it does not name the step
            keys, or a step key has no policy.

    Example:
        >>> class Always(FlatPolicy):
        ...     def __init__(self, action): self.action = action
        ...     def act(self, observation, agent_id=0, slot=0): return self.action
        >>> policy = DefaultPolicy({"choose": Always(1), "choose_2": Always(3), "place": Always(0)})
        >>> policy.act(None, ActorID("choose", 0)), policy.act(None, ActorID("choose", 2))
        (1, 3)
    """

    def __init__(
        self, mapping: Mapping[ActorKey, ActorPolicy], observation_spaces: Mapping[StepKey, Any] | None = None
    ) -> None:
        """Keep the policies; which one decides for an actor is looked up at its first decision."""
        self.mapping = _by_name(mapping)
        if observation_spaces is not None:
            self.check(observation_spaces)
        self._policies = list({id(policy): policy for policy in self.mapping.values()}.values())
        self._names = [next(name for name, policy in self.mapping.items() if policy is each) for each in self._policies]
        self.n_envs = max(policy.n_envs for policy in self._policies)
        self.files = [file for policy in self._policies for file in policy.files]
        self._deciders: dict[ActorID, _Decider] = {}

    def check(self, step_keys: Iterable[StepKey]) -> None:
        """See that each key of the mapping is a step key or one of its agents, and that none is without any policy.

        Raises:
            ConfigurationError: If not.
        """
        names = [str(step_key) for step_key in step_keys]
        for key in self.mapping:
            stem, _, number = key.rpartition("_")
            if key not in names and not (stem in names and number.isdecimal()):
                hint = suggest(key, names) or f": there are the step keys {_enumeration(names)}"
                raise ConfigurationError(f"the mapping has a policy for {key!r}, which is no actor here{hint}")
        for name in names:
            if name not in self.mapping and not any(key.rpartition("_")[0] == name for key in self.mapping):
                raise ConfigurationError(
                    f"the step key {name!r} has no policy, there are those of {_enumeration(self.mapping)}: "
                    f"add policy.mapping.{name}, or one for each of its agents, such as policy.mapping.{name}_0"
                )

    def attach(self, env: StructuredEnv, slot: int = 0) -> None:
        """Show the environment to every policy."""
        for policy in self._policies:
            policy.attach(env, slot)

    def reset(self, seed: int, slot: int = 0) -> None:
        """Begin an episode; each policy gets a seed of its own."""
        for name, policy in zip(self._names, self._policies, strict=True):
            policy.reset(seed_of_policy(seed, name), slot)

    def act(self, observation: Any, actor_id: ActorID, slot: int = 0) -> Any:
        """Let the actor's policy decide.

        Raises:
            ValueError: If it has none.
        """
        decider = self._deciders.get(actor_id) or self._decider(actor_id)
        return decider.act(observation, decider.who, slot)

    def act_batch(self, observations: Sequence[Any], actor_ids: Sequence[ActorID], slots: Sequence[int]) -> list[Any]:
        """Let each policy decide for all its actors at once.

        Raises:
            ValueError: If an actor has none.
        """
        return self._batched(lambda policy: policy.act_batch, observations, actor_ids, slots)

    def output_space(self, step_key: StepKey) -> spaces.Dict | None:
        """What the policies of a step key tell; those of its agents that tell nothing do not matter.

        Raises:
            ConfigurationError: If they tell different things.
        """
        found: dict[str, spaces.Dict] = {}
        for name, policy in self.mapping.items():
            stem, _, number = name.rpartition("_")
            if name == str(step_key) or (stem == str(step_key) and number.isdecimal()):
                space = policy.output_space() if isinstance(policy, FlatPolicy) else policy.output_space(step_key)
                if space:
                    found[name] = space
        for name, space in found.items():
            first = next(iter(found))
            if space != found[first]:
                raise ConfigurationError(
                    f"the policies of {first!r} and {name!r} have different outputs, and there is one column for both: "
                    "give them the same output_space, or let one have none"
                )
        return next(iter(found.values()), None)

    def outputs(self, observation: Any, actor_id: ActorID, slot: int = 0) -> Mapping[str, Any]:
        """Let the actor's policy tell what led to its decision."""
        return self.outputs_batch([observation], [actor_id], [slot])[0]

    def outputs_batch(
        self, observations: Sequence[Any], actor_ids: Sequence[ActorID], slots: Sequence[int]
    ) -> list[Mapping[str, Any]]:
        """Let each policy tell for all its actors at once."""
        return self._batched(lambda policy: policy.outputs_batch, observations, actor_ids, slots)

    def _batched(
        self,
        method: Callable[[Any], Callable[..., Sequence[Any]]],
        observations: Sequence[Any],
        actor_ids: Sequence[ActorID],
        slots: Sequence[int],
    ) -> list[Any]:
        """Ask each policy for all its actors at once; the answers come in the order of the actors."""
        deciders = [self._deciders.get(actor_id) or self._decider(actor_id) for actor_id in actor_ids]
        places: dict[int, list[int]] = {}
        for place, decider in enumerate(deciders):
            places.setdefault(decider.policy, []).append(place)
        answers: list[Any] = [None] * len(observations)
        for policy, its_places in places.items():
            its_answers = method(self._policies[policy])(
                [observations[place] for place in its_places],
                [deciders[place].who for place in its_places],
                [slots[place] for place in its_places],
            )
            for place, answer in zip(its_places, its_answers, strict=True):
                answers[place] = answer
        return answers

    def _decider(self, actor_id: ActorID) -> _Decider:
        """Find who decides for an actor, and remember it."""
        step_key, agent_id = actor_id
        policy = self.mapping.get(f"{step_key}_{agent_id}", self.mapping.get(str(step_key)))
        if policy is None:
            raise ValueError(
                f"the actor {tuple(actor_id)} has no policy, there are those of {_enumeration(self.mapping)}: "
                f"add one to the mapping under {str(step_key)!r}, or under '{step_key}_{agent_id}' for this agent alone"
            )
        number = next(number for number, each in enumerate(self._policies) if each is policy)
        who = agent_id if isinstance(policy, FlatPolicy) else actor_id
        self._deciders[actor_id] = decider = _Decider(policy.act, who, number)
        return decider


class _Decider(NamedTuple):
    """Who decides for an actor."""

    act: Callable[[Any, Any, int], Any]
    who: Any
    """What its policy calls the actor: a flat one by the agent, others by the whole identity."""

    policy: int
    """Number of the policy."""


def seed_of_policy(seed: int, name: str) -> int:
    """What the policy under a key is reset with, in an episode whose policy has the given seed.

    Args:
        seed: The episode's `agent_seed`.
        name: The key, as text.

    Returns:
        31 bits of SHAKE128 (FIPS 202) over both.

    Example:
        >>> seed_of_policy(7, "player"), seed_of_policy(7, "player_1")
        (211177824, 901477904)
    """
    return int.from_bytes(shake_128(f"{seed}/{name}".encode()).digest(4), "little") >> 1


def _by_name(mapping: Mapping[ActorKey, ActorPolicy]) -> dict[str, ActorPolicy]:
    """The mapping with all keys as text."""
    if not mapping:
        raise ConfigurationError(
            "default_policy has no policy: add one for each step key, as policy.mapping.STEP_KEY._target_=..."
        )
    named: dict[str, ActorPolicy] = {}
    for key, policy in mapping.items():
        if not isinstance(policy, FlatPolicy | StructuredPolicy):
            raise ConfigurationError(
                f"the mapping has {policy!r} under {key!r}, which is no FlatPolicy or StructuredPolicy: "
                "give a policy, or a config with a `_target_`"
            )
        if str(key) in named:
            raise ConfigurationError(f"the mapping has the key {key!r} twice, as a number and as text: keep one")
        named[str(key)] = policy
    return named


def _enumeration(names: Iterable[str]) -> str:
    return ", ".join(map(repr, names))
