"""A Dict of actions decided part by part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import gymnasium
from gymnasium import spaces

from maze.core.env.actor_id import ActorID, Departure, StepKey
from maze.core.env.structured_env import ActionMasks, StructuredEnv
from maze.core.wrappers.observation_entries import entries
from maze.core.wrappers.structured_wrapper import StructuredWrapper
from maze.factory import ConfigurationError, suggest

WHOLE = "observation"
"""The entry that holds what was no Dict."""


class ActionSplittingWrapper(StructuredWrapper):
    """Splits the decision about a Dict of actions into sub-steps of a round, each about some of its entries.

    Each sub-step is a step key of its own, whose actions are the Dict of its entries, with their masks. All observe
    what the environment returned last; it takes its step, and gives its reward, when the last sub-step is decided.

    Args:
        env: The environment to wrap; it has one step key.
        sub_steps: The entries that are decided in each sub-step, by its step key, in order. Every entry of the actions
            is decided once.
        show_chosen: Whether an actor also observes the entries that were decided before in the same round, by their
            keys; an observation that is no Dict becomes the entry "observation" of one.

    Raises:
        ConfigurationError: If the actions are no Dict, an entry is unknown, missing or named twice, or an observation
            has the key of one already.

    Example:
        >>> from maze.core.env.gym_env import GymEnv
        >>> class Cut(gymnasium.Env):
        ...     observation_space = spaces.Discrete(3)
        ...     action_space = spaces.Dict({"piece": spaces.Discrete(2), "rotate": spaces.Discrete(2)})
        ...     def reset(self, *, seed=None, options=None): return 0, {}
        ...     def step(self, action): return 1, float(action["piece"]), False, False, {}
        >>> env = ActionSplittingWrapper(GymEnv(Cut()), {"choose": ["piece"], "turn": ["rotate"]})
        >>> observation, info = env.reset()
        >>> env.actor_id(), env.step({"piece": 1})[:2], env.actor_id(), env.step({"rotate": 0})[:2], env.time
        (ActorID(step_key='choose', agent_id=0), (0, 0.0), ActorID(step_key='turn', agent_id=0), (1, 1.0), 1)
    """

    def __init__(
        self, env: StructuredEnv, sub_steps: Mapping[StepKey, Sequence[str]], show_chosen: bool = False
    ) -> None:
        """Check the sub-steps."""
        super().__init__(env)
        if len(env.action_spaces) != 1:
            raise ConfigurationError(
                f"only actions of one step key can be split, this environment has {list(env.action_spaces)}"
            )
        (self._step_key,) = env.action_spaces
        self._sub_steps = [(step_key, list(keys)) for step_key, keys in sub_steps.items()]
        self._show_chosen = show_chosen
        self._is_dict = isinstance(env.observation_spaces[self._step_key], spaces.Dict)
        _check_partition(env.action_spaces[self._step_key], self._sub_steps)
        if show_chosen:
            self._check_names(entries(env.observation_spaces[self._step_key]))
        self._chosen: dict[Any, Any] = {}
        self._position = self._n_rounds = 0

    @cached_property
    def observation_spaces(self) -> Mapping[StepKey, gymnasium.Space[Any]]:  # type: ignore[override]
        """What an actor observes, by step key."""
        space = self.env.observation_spaces[self._step_key]
        if not self._show_chosen:
            return {step_key: space for step_key, _ in self._sub_steps}
        actions = entries(self.env.action_spaces[self._step_key])
        shown = list(space.spaces.items()) if isinstance(space, spaces.Dict) else [(WHOLE, space)]
        found = {}
        for step_key, keys in self._sub_steps:
            found[step_key] = spaces.Dict(list(shown))
            shown += [(key, actions[key]) for key in keys]
        return found

    @cached_property
    def action_spaces(self) -> Mapping[StepKey, gymnasium.Space[Any]]:  # type: ignore[override]
        """What an actor may do, by step key."""
        actions = entries(self.env.action_spaces[self._step_key])
        return {step_key: spaces.Dict([(key, actions[key]) for key in keys]) for step_key, keys in self._sub_steps}

    @cached_property
    def action_masks(self) -> ActionMasks:  # type: ignore[override]
        """Which observation says what is legal."""
        masks = self.env.action_masks.get(self._step_key, {})
        return {step_key: {key: masks[key] for key in keys if key in masks} for step_key, keys in self._sub_steps}

    @property
    def time(self) -> int:
        """Rounds completed; the sub-steps of one share it."""
        time = self.env.time
        return self._n_rounds if time is None else time

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Start an episode, with its first sub-step."""
        self._chosen, self._position, self._n_rounds = {}, 0, 0
        self._observation, info = self.env.reset(seed=seed, options=options)
        self._acted = self.env.actor_id()
        return self._shown(self._observation), info

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Take in the decision of a sub-step; the last one of a round has the environment carry it out."""
        self._chosen.update(action)
        self._position += 1
        if self._position < len(self._sub_steps):
            return self._shown(self._observation), 0.0, False, False, {}
        whole = {key: self._chosen[key] for key in entries(self.env.action_spaces[self._step_key])}
        self._acted = self.env.actor_id()
        self._observation, reward, terminated, truncated, info = self.env.step(whole)
        self._chosen, self._position = {}, 0
        self._n_rounds += 1
        return self._shown(self._observation), reward, terminated, truncated, info

    def actor_id(self) -> ActorID:
        """Who acts next: the environment's actor, in the sub-step that is due."""
        return ActorID(self._sub_steps[self._position][0], self.env.actor_id().agent_id)

    def is_actor_done(self) -> bool:
        """Whether the actor of the last sub-step will not act again in this episode."""
        return self._position == 0 and self.env.is_actor_done()

    def departed_actors(self) -> Mapping[ActorID, Departure]:
        """Who has left the episode with the last step, in all of its sub-steps."""
        if self._position:
            return {}
        departed = dict(self.env.departed_actors())
        if self.env.is_actor_done():
            departed[self._acted] = "terminated"
        return {
            ActorID(step_key, agent_id): how
            for (_, agent_id), how in departed.items()
            for step_key, _ in self._sub_steps
        }

    def actor_rewards(self) -> Mapping[ActorID, float] | None:
        """How the reward of a round splits among actors: each share is of the actor's last sub-step."""
        shares = self.env.actor_rewards() if self._position == 0 else None
        last = self._sub_steps[-1][0]
        return None if shares is None else {ActorID(last, actor.agent_id): share for actor, share in shares.items()}

    def final_observations(self) -> Mapping[ActorID, Any] | None:
        """What each actor observes at the episode's end: in the first sub-step, had there been another round."""
        final = self.env.final_observations()
        first = self._sub_steps[0][0]
        if final is None:
            return None
        return {ActorID(first, actor.agent_id): self._shown(observation) for actor, observation in final.items()}

    def _shown(self, observation: Any) -> Any:
        if not self._show_chosen:
            return observation
        whole = observation if self._is_dict else {WHOLE: observation}
        return {**whole, **self._chosen}

    def _check_names(self, observed: Mapping[Any, Any]) -> None:
        for key in [key for _, keys in self._sub_steps[:-1] for key in keys]:
            if key in observed or (None in observed and key == WHOLE):
                raise ConfigurationError(
                    f"the observations have the key {key!r} already, so that the action {key!r} cannot be shown: "
                    "leave show_chosen out"
                )


def _check_partition(space: gymnasium.Space[Any], sub_steps: Sequence[tuple[StepKey, Sequence[str]]]) -> None:
    """See that the sub-steps decide every entry of the actions once."""
    if not isinstance(space, spaces.Dict):
        raise ConfigurationError(f"only a Dict of actions can be split, these are {space}: leave the wrapper out")
    named = [key for _, keys in sub_steps for key in keys]
    for step_key, keys in sub_steps:
        if not keys:
            raise ConfigurationError(f"the sub-step {step_key!r} decides nothing: give it some of {list(space.spaces)}")
    for key in named:
        if key not in space.spaces:
            hint = suggest(str(key), space.spaces) or f": choose among {list(space.spaces)}"
            raise ConfigurationError(f"sub_steps names the action {key!r}, which there is not{hint}")
        if named.count(key) > 1:
            raise ConfigurationError(f"sub_steps names the action {key!r} twice: decide it in one sub-step")
    for key in space.spaces:
        if key not in named:
            raise ConfigurationError(f"no sub-step decides the action {key!r}: add it to one of sub_steps")
