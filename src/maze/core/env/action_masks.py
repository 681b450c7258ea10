"""Masks as an environment declares them: which values of an action are legal, as an observation says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from maze.core.env.actor_id import StepKey
from maze.core.env.structured_env import ActionMasks

_EITHER, _ONLY_ZERO = np.array([0, 1]), np.array([0])


@dataclass(frozen=True)
class ActionMask:
    """Where the observations of one step key say which values of one action are legal.

    A mask has ones for what is legal: of a Discrete one for each value; of a MultiDiscrete those of all its components,
    one behind the other, or a tuple of one array per component; of a MultiBinary one for each bit that may be set.

    Example:
        >>> mask = ActionMask(None, "legal", spaces.Discrete(4))
        >>> mask.legal_values({"legal": np.array([0, 1, 0, 1], np.int8)})
        [array([1, 3])]
    """

    action_key: str | int | None
    """Which entry of a Dict action it is about; None: the whole of an action that is no Dict."""

    observation_key: str | int
    """Which entry of the observation it is."""

    space: gymnasium.Space[Any]
    """Space of the action that it is about."""

    def __str__(self) -> str:
        """Name the mask in a sentence."""
        return "the mask" if self.action_key is None else f"the mask of the action {self.action_key!r}"

    def read(self, observation: Any) -> list[np.ndarray]:
        """The mask as it is in an observation, one array per component of the action; of a MultiBinary one.

        Raises:
            ValueError: If it is not there, or not of the action's size.
        """
        try:
            mask = observation[self.observation_key]
        except (KeyError, IndexError, TypeError):
            raise ValueError(
                f"{self} is not in the observation, which has no {self.observation_key!r}: let it keep that entry"
            ) from None
        if isinstance(self.space, spaces.MultiDiscrete):
            return self._of_components(mask)
        shape = (int(self.space.n),) if isinstance(self.space, spaces.Discrete) else self.space.shape
        whole = np.asarray(mask)
        if whole.shape != shape:
            raise ValueError(f"{self} has the shape {whole.shape}, {self.space} needs {shape}")
        return [whole]

    def legal_values(self, observation: Any) -> list[np.ndarray]:
        """What each component of the action may be, counted from 0; a MultiBinary has one component per bit.

        Raises:
            ValueError: As `read`, or if nothing is legal.
        """
        masks = self.read(observation)
        if isinstance(self.space, spaces.MultiBinary):
            return [_EITHER if allowed else _ONLY_ZERO for allowed in masks[0].ravel().tolist()]
        legal = [mask.nonzero()[0] for mask in masks]
        if not all(map(len, legal)):
            raise ValueError(f"{self} leaves nothing legal")
        return legal

    def action_of(self, values: list[int]) -> Any:
        """The action, in its space's dtype, from the values of its components, counted from 0.

        Example:
            >>> ActionMask(None, "legal", spaces.MultiDiscrete([3, 4], start=[1, 1])).action_of([2, 0])
            array([3, 1])
        """
        space = self.space
        if isinstance(space, spaces.Discrete):
            return space.dtype.type(space.start + values[0])
        action = np.array(values, space.dtype).reshape(space.shape)
        return action + space.start.astype(space.dtype) if isinstance(space, spaces.MultiDiscrete) else action

    def allows(self, observation: Any, action: Any) -> bool:
        """Whether a value of the action is legal.

        Raises:
            ValueError: As `read`, or if nothing is legal.
        """
        start = 0 if isinstance(self.space, spaces.MultiBinary) else self.space.start  # type: ignore[attr-defined]
        values = np.ravel(np.asarray(action) - start).tolist()
        return all(value in legal.tolist() for value, legal in zip(values, self.legal_values(observation), strict=True))

    def _of_components(self, mask: Any) -> list[np.ndarray]:
        sizes = self.space.nvec.ravel().tolist()  # type: ignore[attr-defined]
        if isinstance(mask, tuple | list):
            masks = list(_leaves(mask))
        else:
            whole = np.asarray(mask).ravel()
            if len(whole) != sum(sizes):
                raise ValueError(f"{self} has {len(whole)} elements, {self.space} needs {sum(sizes)}")
            masks = np.split(whole, np.cumsum(sizes)[:-1])
        if [len(each) for each in masks] != sizes:
            raise ValueError(f"{self} has parts of {[len(each) for each in masks]}, {self.space} needs {sizes}")
        return masks


def masks_of(action_masks: ActionMasks, step_key: StepKey, action_space: gymnasium.Space[Any]) -> list[ActionMask]:
    """The masks that an environment declares for one step key.

    Args:
        action_masks: What the environment declares for all of them.
        step_key: Which one.
        action_space: Of this step key.

    Raises:
        ValueError: If an action is masked that does not exist, or is not of a kind that has masks.

    Example:
        >>> action = spaces.Dict({"which": spaces.Discrete(3), "amount": spaces.Box(0, 1)})
        >>> masks_of({"buy": {"which": "legal"}}, "buy", action)
        [ActionMask(action_key='which', observation_key='legal', space=Discrete(3))]
    """
    declared: Mapping[str | int | None, str | int] = action_masks.get(step_key, {})
    return [
        ActionMask(action_key, observation_key, _masked(step_key, action_space, action_key))
        for action_key, observation_key in declared.items()
    ]


def _masked(step_key: StepKey, space: gymnasium.Space[Any], action_key: str | int | None) -> gymnasium.Space[Any]:
    """The space of the action that a mask is of."""
    masked = space if action_key is None and not isinstance(space, spaces.Dict) else None
    if isinstance(space, spaces.Dict):
        masked = space.spaces.get(action_key)  # type: ignore[arg-type]
    if masked is None:
        raise ValueError(
            f"action_masks[{step_key!r}] masks the action {action_key!r}, which {space} does not have: "
            "name a key of the Dict, or None where the action is none"
        )
    if not isinstance(masked, spaces.Discrete | spaces.MultiDiscrete | spaces.MultiBinary):
        raise ValueError(  # noqa: TRY004 - the declaration is wrong, not the type of an argument
            f"action_masks[{step_key!r}] masks the action {action_key!r}, which is {masked}: "
            "only Discrete, MultiDiscrete and MultiBinary have masks"
        )
    return masked


def _leaves(masks: tuple[Any, ...] | list[Any]) -> Iterator[np.ndarray]:
    for mask in masks:
        if isinstance(mask, tuple | list):
            yield from _leaves(mask)
        else:
            yield np.asarray(mask)
