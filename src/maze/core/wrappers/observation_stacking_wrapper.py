"""Observations together with those before them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Literal, TypeAlias

import gymnasium
import numpy as np
from gymnasium import spaces

from maze.core.env.actor_id import ActorID, StepKey
from maze.core.env.structured_env import StructuredEnv
from maze.core.wrappers.argument_check import check_whole_number
from maze.core.wrappers.observation_entries import EntryChoice, EntryKey, chosen_entries, entries, name_of, with_entries
from maze.core.wrappers.observation_wrapper import ObservationWrapper
from maze.factory import ConfigurationError

Padding: TypeAlias = Literal["first", "zero"]
History: TypeAlias = dict[EntryKey, deque[Any]]


class ObservationStackingWrapper(ObservationWrapper):
    """Shows an actor its latest observations as one array: the oldest first, along a new first axis.

    Every actor has a history of its own, which begins anew with each episode. Before it is long enough, it is padded:
    by its first observation, or by zeros. At the episode's end, `final_observations` adds each actor's final one to its
    history.

    Args:
        env: The environment to wrap.
        stack_size: Observations in a stack, the newest included.
        keys: Entries of Dict observations to stack, as a list, or as lists by step key; None: all arrays and discrete
            ones but action masks.
        exclude: Entries not to stack, likewise.
        padding: What comes before an actor's first observation: "first" repeats it, "zero" has zeros.

    Raises:
        ConfigurationError: If there is nothing to stack, or zeros are not in the space.

    Example:
        >>> from maze.core.env.gym_env import GymEnv
        >>> env = ObservationStackingWrapper(GymEnv(gymnasium.make("FrozenLake-v1", is_slippery=False)), 3)
        >>> env.reset(seed=1)[0], env.step(2)[0], env.observation_space
        (array([0, 0, 0]), array([0, 0, 1]), MultiDiscrete([16 16 16]))
    """

    def __init__(
        self,
        env: StructuredEnv,
        stack_size: int,
        keys: EntryChoice = None,
        exclude: EntryChoice = None,
        padding: Padding = "first",
    ) -> None:
        """Choose what to stack."""
        super().__init__(env)
        check_whole_number("stack_size", stack_size, 1)
        if padding not in ("first", "zero"):
            raise ConfigurationError(f"padding={padding!r}: choose 'first' or 'zero'")
        self._stack_size, self._padding = stack_size, padding
        self._chosen = chosen_entries(env, keys, exclude, _can_be_stacked, "stack")
        self._histories: dict[ActorID, History] = {}
        self._latest: ActorID | None = None
        if padding == "zero":
            self._check_zeros()

    def changed_space(self, space: gymnasium.Space[Any], step_key: StepKey) -> gymnasium.Space[Any]:
        """The space of the stacks."""
        parts = entries(space)
        return with_entries(space, {key: _stacked(parts[key], self._stack_size) for key in self._chosen[step_key]})

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Start an episode, with no history."""
        self._histories.clear()
        return super().reset(seed=seed, options=options)

    def observation(self, observation: Any, actor_id: ActorID) -> Any:
        """Add an observation to the actor's history."""
        history = self._histories.setdefault(actor_id, {})
        for key in self._chosen[actor_id.step_key]:
            self._push(history, key, observation if key is None else observation[key])
        self._latest = actor_id
        return self._view(observation, actor_id, lambda key: np.stack(history[key]))

    def final_observation(self, observation: Any, actor_id: ActorID) -> Any:
        """Show an actor its final observation in its history; that of the last step is in there already."""
        history = self._histories.get(actor_id, {})

        def stack(key: EntryKey) -> Any:
            frames = {key: deque(history.get(key, ()), self._stack_size)}
            if actor_id == self._latest:
                frames[key].pop()
            self._push(frames, key, observation if key is None else observation[key])
            return np.stack(frames[key])

        return self._view(observation, actor_id, stack)

    def _push(self, history: History, key: EntryKey, value: Any) -> None:
        """Add a value: a copy, for environments may write into what they have returned."""
        frame = np.array(value)
        frames = history.get(key)
        if not frames:
            padding = np.zeros_like(frame) if self._padding == "zero" else frame
            frames = history[key] = deque([padding] * (self._stack_size - 1), self._stack_size)
        frames.append(frame)

    def _view(self, observation: Any, actor_id: ActorID, stack: Callable[[EntryKey], Any]) -> Any:
        chosen = self._chosen[actor_id.step_key]
        if None in chosen:
            return stack(None)
        return {key: stack(key) if key in chosen else value for key, value in observation.items()}

    def _check_zeros(self) -> None:
        for step_key, chosen in self._chosen.items():
            parts = entries(self.env.observation_spaces[step_key])
            for key in chosen:
                zeros = np.zeros(parts[key].shape or (), parts[key].dtype)
                if not parts[key].contains(zeros[()] if isinstance(parts[key], spaces.Discrete) else zeros):
                    raise ConfigurationError(
                        f"{name_of(key, step_key)} is never zero ({parts[key]}): choose padding='first', or exclude it"
                    )


def _can_be_stacked(space: gymnasium.Space[Any]) -> bool:
    return isinstance(space, spaces.Box | spaces.Discrete | spaces.MultiDiscrete | spaces.MultiBinary)


def _stacked(space: gymnasium.Space[Any], size: int) -> gymnasium.Space[Any]:
    """The space of so many values of a space."""
    if isinstance(space, spaces.Box):
        return spaces.Box(np.stack([space.low] * size), np.stack([space.high] * size), dtype=space.dtype.type)
    if isinstance(space, spaces.Discrete):
        return spaces.MultiDiscrete([space.n] * size, space.dtype, start=[space.start] * size)
    if isinstance(space, spaces.MultiDiscrete):
        return spaces.MultiDiscrete(
            np.stack([space.nvec] * size), space.dtype.type, start=np.stack([space.start] * size)
        )
    return spaces.MultiBinary([size, *(space.shape or ())])
