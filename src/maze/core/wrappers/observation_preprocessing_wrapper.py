"""Observations converted before policies see them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium
from gymnasium import spaces

from maze.core.env.actor_id import ActorID, StepKey
from maze.core.env.structured_env import StructuredEnv
from maze.core.wrappers.conversion import Conversion
from maze.core.wrappers.observation_entries import check_entry, entries, mask_keys, name_of, step_keys_with
from maze.core.wrappers.observation_wrapper import ObservationWrapper
from maze.factory import ConfigurationError


class ObservationPreprocessingWrapper(ObservationWrapper):
    """Converts observations, or entries of Dict observations, one conversion after the other.

    A conversion is a mapping with the keys

    - `apply`: "flatten", "one_hot", "scalar", "scale", or a `Preprocessor` (in a config: its `_target_`),
    - `observation`: the entry of the Dict; null, which is the default, means the observation as a whole,
    - `step_keys`: a list of those whose observations are converted; by default all that have such an entry,
    - `keep`: whether the original stays; false by default,
    - `name`: the entry that holds the result; by default the original's, or `<observation>_<apply>` where that stays.

    A result takes the place of its original, or comes right behind it. Action masks can only be converted where they
    are kept as well.

    Args:
        env: The environment to wrap.
        conversions: What to convert, in order; later ones find the results of earlier ones.

    Raises:
        ConfigurationError: If a conversion names what there is not, or cannot be applied to it.

    Example:
        >>> from maze.core.env.gym_env import GymEnv
        >>> env = GymEnv(gymnasium.make("FrozenLake-v1"))
        >>> ObservationPreprocessingWrapper(env, [{"apply": "one_hot"}]).observation_space
        Box(0.0, 1.0, (16,), float32)
    """

    def __init__(self, env: StructuredEnv, conversions: Sequence[Mapping[str, Any]]) -> None:
        """Prepare the conversions of each step key."""
        super().__init__(env)
        self._spaces = dict(env.observation_spaces)
        self._conversions: dict[StepKey, list[tuple[Conversion, gymnasium.Space[Any]]]] = {
            step_key: [] for step_key in self._spaces
        }
        for config in conversions:
            conversion = Conversion.from_config(config)
            for step_key in self._step_keys(conversion):
                self._add(conversion, step_key)

    def changed_space(self, space: gymnasium.Space[Any], step_key: StepKey) -> gymnasium.Space[Any]:
        """The space of the converted observations."""
        return self._spaces[step_key]

    def observation(self, observation: Any, actor_id: ActorID) -> Any:
        """Convert what an actor observes."""
        for conversion, space in self._conversions[actor_id.step_key]:
            if conversion.source is None:
                observation = conversion.preprocessor.convert(observation, space)
            else:
                converted = conversion.preprocessor.convert(observation[conversion.source], space)
                observation = conversion.place(observation, converted)
        return observation

    def _step_keys(self, conversion: Conversion) -> Sequence[StepKey]:
        if conversion.step_keys is None:
            if conversion.source is None:
                return list(self._spaces)
            return step_keys_with(self._spaces, conversion.source, "a conversion")
        for step_key in conversion.step_keys:
            if conversion.source is not None or step_key not in self._spaces:
                check_entry(self._spaces, step_key, conversion.source, "a conversion")
        return conversion.step_keys

    def _add(self, conversion: Conversion, step_key: StepKey) -> None:
        """Take up a conversion for one step key."""
        whole, source, target = self._spaces[step_key], conversion.source, conversion.target
        place = name_of(source, step_key)
        masks = mask_keys(self.env, step_key)
        if masks and (source is None or (source in masks and not conversion.keep)):
            raise ConfigurationError(f"{place} holds an action mask, which has to stay: set `keep`, or convert another")
        if target != source and target in entries(whole):
            raise ConfigurationError(
                f"{name_of(target, step_key)} is there already: give the conversion another `name`"
            )
        space = whole if source is None else entries(whole)[source]
        try:
            converted = conversion.preprocessor.space(space)
        except TypeError as error:
            raise ConfigurationError(f"{place} is {space}, which cannot be converted like that: {error}") from error
        if source is not None:
            converted = spaces.Dict(list(conversion.place(entries(whole), converted).items()))
        self._spaces[step_key] = converted
        self._conversions[step_key].append((conversion, space))
