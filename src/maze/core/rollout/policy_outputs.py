"""Asks a policy what led to its decisions, for the recording."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from gymnasium import spaces

from maze.core.agent.default_policy import DefaultPolicy
from maze.core.agent.policy import StructuredPolicy
from maze.core.env.actor_id import ActorID, StepKey
from maze.core.env.structured_env import StructuredEnv
from maze.core.recording.segment import Segment
from maze.factory import ConfigurationError


class AskedPolicy(StructuredPolicy):
    """Decides as another policy does, and keeps what that one tells of each decision, by slot.

    Args:
        policy: Whose decisions are recorded.
    """

    def __init__(self, policy: StructuredPolicy) -> None:
        """Keep the policy."""
        self._policy = policy
        self.n_envs = policy.n_envs
        self._told: dict[int, list[Mapping[str, Any]]] = {}

    def attach(self, env: StructuredEnv, slot: int = 0) -> None:
        """Show the environment to the policy."""
        self._policy.attach(env, slot)

    def reset(self, seed: int, slot: int = 0) -> None:
        """Begin an episode, of which nothing is told yet."""
        self._told[slot] = []
        self._policy.reset(seed, slot)

    def act(self, observation: Any, actor_id: ActorID, slot: int = 0) -> Any:
        """Let the policy decide, and ask it."""
        action = self._policy.act(observation, actor_id, slot)
        self._told[slot].append(self._policy.outputs(observation, actor_id, slot))
        return action

    def act_batch(self, observations: Sequence[Any], actor_ids: Sequence[ActorID], slots: Sequence[int]) -> list[Any]:
        """Let the policy decide for all of them, and ask it.

        Raises:
            ValueError: If it does not tell as much as it was asked.
        """
        actions = self._policy.act_batch(observations, actor_ids, slots)
        told = self._policy.outputs_batch(observations, actor_ids, slots)
        if len(told) != len(slots):
            raise ValueError(f"outputs_batch returned {len(told)} outputs for {len(slots)} decisions: return as many")
        for slot, outputs in zip(slots, told, strict=True):
            self._told[slot].append(outputs)
        return actions

    def telling(self, slot: int, add: Callable[[Segment], None]) -> Callable[[Segment], None]:
        """Let what was told in a slot be in the segments of its episode.

        Args:
            slot: Where the episode is played.
            add: Takes the segments, in order.
        """

        def add_with_outputs(segment: Segment) -> None:
            told, n = self._told[slot], len(segment.actions)
            segment.policy_outputs, self._told[slot] = told[:n], told[n:]
            add(segment)

        return add_with_outputs


def output_spaces(policy: StructuredPolicy, step_keys: Iterable[StepKey]) -> dict[StepKey, spaces.Dict]:
    """What a policy tells of its decisions, by those step keys of which it tells something.

    Raises:
        ConfigurationError: If there is none, or it says so in another way than by a `gymnasium.spaces.Dict`.
    """
    found = {step_key: policy.output_space(step_key) for step_key in step_keys}
    for step_key, space in found.items():
        if space is not None and not isinstance(space, spaces.Dict):
            raise ConfigurationError(
                f"output_space() of {_name(policy)} gives {space!r:.80} for the step key {step_key!r}: return a "
                "gymnasium.spaces.Dict of what outputs() gives, or None"
            )
    named = {step_key: space for step_key, space in found.items() if space}
    if not named:
        raise ConfigurationError(
            f"{_name(policy)} has no outputs to record: leave record_policy_outputs out, or give the policy "
            "the methods output_space() and outputs()"
        )
    return named


def _name(policy: StructuredPolicy) -> str:
    """What the user calls it: of a mapping, the policies in it."""
    policies = policy.mapping.values() if isinstance(policy, DefaultPolicy) else [policy]
    return ", ".join(dict.fromkeys(type(each).__name__ for each in policies))
