"""Observations in units that neural networks learn well from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import gymnasium
import numpy as np
from gymnasium import spaces

from maze.core.env.actor_id import ActorID, StepKey
from maze.core.env.structured_env import StructuredEnv
from maze.core.wrappers.argument_check import check_whole_number
from maze.core.wrappers.array_normalization import NEEDED, ArrayNormalization, Strategy
from maze.core.wrappers.observation_entries import (
    EntryChoice,
    EntryKey,
    check_entry,
    chosen_entries,
    entries,
    name_of,
    step_keys_with,
    with_entries,
)
from maze.core.wrappers.observation_statistics import FIGURES, ObservationStatistics
from maze.core.wrappers.observation_wrapper import ObservationWrapper
from maze.factory import ConfigurationError, suggest

Place: TypeAlias = tuple[StepKey, EntryKey]

ENTRY_KEYS = ("step_key", "observation", "count", *FIGURES)


class ObservationNormalizationWrapper(ObservationWrapper):
    """Shifts and scales each element of observations, by statistics that stay as they are during a rollout.

    Before its first episode a run estimates the statistics that are not given, once for all its workers: it plays what
    is inside of this wrapper by the sampling policy, seeded by the environments' base seed. It keeps all of them in its
    `normalization.json`, where a run with this one as its `input_dir` finds them. Until there are statistics,
    observations stay as they are. A constant element becomes 0.

    For training, `is_training = True` has every observation update the statistics before it is normalised.

    Args:
        env: The environment to wrap.
        strategy: "mean_std" gives a mean of 0 and a standard deviation of 1, "range" maps the smallest value to 0 and
            the largest to 1.
        keys: Entries of Dict observations to normalise, as a list, or as lists by step key; None: all arrays of numbers
            but action masks.
        exclude: Entries to leave as they are, likewise.
        clip: Smallest and largest normalised value; None: unbounded.
        statistics: What is known already: mappings with `mean` and `std`, or `min` and `max`, each an array or a number
            for all elements; `observation`, the entry that they are of; `step_key`, by default all that have it.
        n_samples: Observations, of all actors together, that the others are estimated from.
        sampling_policy: What decides meanwhile: a policy, its class, or a function of the observation; None: random
            legal actions.

    Raises:
        ConfigurationError: If there is nothing to normalise, or statistics do not fit the observations.

    Example:
        >>> from maze.core.env.gym_env import GymEnv
        >>> env = GymEnv(gymnasium.make("Pendulum-v1"))
        >>> env = ObservationNormalizationWrapper(env, statistics=[{"mean": [0.5, 0, 0], "std": [0.5, 1, 8]}])
        >>> env.observation(np.array([1, 0.5, -4], np.float32), env.actor_id())
        array([ 1. ,  0.5, -0.5], dtype=float32)
    """

    def __init__(
        self,
        env: StructuredEnv,
        strategy: Strategy = "mean_std",
        *,
        keys: EntryChoice = None,
        exclude: EntryChoice = None,
        clip: Sequence[float] | None = None,
        statistics: Sequence[Mapping[str, Any]] | None = None,
        n_samples: int = 10_000,
        sampling_policy: Any = None,
    ) -> None:
        """Choose what to normalise, and take in the statistics that are known."""
        super().__init__(env)
        if strategy not in NEEDED:
            raise ConfigurationError(f"strategy={strategy!r}: choose {' or '.join(map(repr, NEEDED))}")
        check_whole_number("n_samples", n_samples, 1)
        self.strategy, self.n_samples, self.sampling_policy = strategy, n_samples, sampling_policy
        self.is_training = False
        bounds = _checked_clip(clip)
        self._chosen = chosen_entries(env, keys, exclude, _is_numeric_array, "normalize")
        self._normalizations = {
            step_key: {key: ArrayNormalization(parts[key], strategy, bounds) for key in self._chosen[step_key]}
            for step_key, parts in ((key, entries(space)) for key, space in env.observation_spaces.items())
        }
        self._given = self._take_in(statistics or (), "statistics")

    @property
    def to_estimate(self) -> list[Place]:
        """The (step key, entry) that have no statistics yet."""
        return [
            (step_key, key)
            for step_key, parts in self._normalizations.items()
            for key, part in parts.items()
            if not part.statistics.count
        ]

    def changed_space(self, space: gymnasium.Space[Any], step_key: StepKey) -> gymnasium.Space[Any]:
        """The space of the normalised observations; it does not depend on the statistics."""
        return with_entries(space, {key: part.space for key, part in self._normalizations[step_key].items()})

    def observation(self, observation: Any, actor_id: ActorID) -> Any:
        """Normalise what an actor observes."""
        if self.is_training:
            self.update(observation, actor_id)
            for key, part in self._normalizations[actor_id.step_key].items():
                part.refresh(name_of(key, actor_id.step_key))
        return self._normalized(observation, actor_id)

    def final_observation(self, observation: Any, actor_id: ActorID) -> Any:
        """Normalise what an actor observes at the end, which the statistics leave out."""
        return self._normalized(observation, actor_id)

    def update(self, observation: Any, actor_id: ActorID) -> None:
        """Take an observation as it was before this wrapper into the statistics that were not given by hand."""
        for key, part in self._normalizations[actor_id.step_key].items():
            if (actor_id.step_key, key) not in self._given:
                part.statistics.update(np.asarray(observation if key is None else observation[key], np.float64))

    def refresh(self) -> None:
        """Normalise by the statistics as they are now.

        Raises:
            ConfigurationError: If there are none of an entry, or they are not finite.
        """
        for step_key, parts in self._normalizations.items():
            for key, part in parts.items():
                part.refresh(name_of(key, step_key))

    def statistics_to_json(self) -> list[dict[str, Any]]:
        """All statistics, as `load_statistics` takes them."""
        return [
            {"step_key": step_key, "observation": key, **part.statistics.to_json(NEEDED[self.strategy])}
            for step_key, parts in self._normalizations.items()
            for key, part in parts.items()
        ]

    def load_statistics(self, content: Sequence[Mapping[str, Any]], source: str) -> None:
        """Take over statistics of another wrapper like this one; what was given by hand stays.

        Args:
            content: What `statistics_to_json` gave there.
            source: Where it comes from, for messages.

        Raises:
            ConfigurationError: If they are not those of the observations here.
        """
        given = {place: self._normalizations[place[0]][place[1]].statistics for place in self._given}
        loaded = self._take_in(content, source)
        for step_key, parts in self._normalizations.items():
            for key, part in parts.items():
                if (step_key, key) not in loaded | self._given:
                    raise ConfigurationError(f"{source} has none of {name_of(key, step_key)}")
                part.statistics = given.get((step_key, key), part.statistics)
        self.refresh()

    def _normalized(self, observation: Any, actor_id: ActorID) -> Any:
        parts = self._normalizations[actor_id.step_key]
        if not parts:
            return observation
        if None in parts:
            return parts[None].apply(observation)
        return {key: parts[key].apply(value) if key in parts else value for key, value in observation.items()}

    def _take_in(self, statistics: Sequence[Mapping[str, Any]], source: str) -> set[Place]:
        """Read statistics; returns what they are of."""
        taken: set[Place] = set()
        for figures in statistics:
            for step_key, key in self._places(figures, source):
                place = f"{source}, {name_of(key, step_key)}"
                part = self._normalizations[step_key][key]
                for name in NEEDED[self.strategy]:
                    if name not in figures:
                        raise ConfigurationError(f"{place}: strategy {self.strategy} needs its {name}")
                part.statistics = ObservationStatistics.from_json(figures, part.shape, place)
                part.refresh(place)
                taken.add((step_key, key))
        return taken

    def _places(self, figures: Mapping[str, Any], source: str) -> list[Place]:
        """What statistics are of, according to themselves."""
        if not isinstance(figures, Mapping):
            raise ConfigurationError(f"{source} holds {figures!r}: give mappings with {', '.join(ENTRY_KEYS)}")
        for name in figures:
            if name not in ENTRY_KEYS:
                hint = suggest(str(name), ENTRY_KEYS) or f": choose among {', '.join(ENTRY_KEYS)}"
                raise ConfigurationError(f"{source} has the key {name!r}, which statistics do not have{hint}")
        key, step_key = figures.get("observation"), figures.get("step_key")
        if step_key is not None:
            check_entry(self.env.observation_spaces, step_key, key, source)
            step_keys = [step_key]
        else:
            step_keys = step_keys_with(self.env.observation_spaces, key, source)
        for each in step_keys:
            if key not in self._normalizations[each]:
                raise ConfigurationError(f"{source} has {name_of(key, each)}, which is not normalised: take it out")
        return [(each, key) for each in step_keys]


def _is_numeric_array(space: gymnasium.Space[Any]) -> bool:
    return isinstance(space, spaces.Box) and space.dtype.kind in "iuf"


def _checked_clip(clip: Sequence[float] | None) -> tuple[float, float] | None:
    if clip is None:
        return None
    if len(clip) != 2 or not clip[0] < clip[1]:  # noqa: PLR2004 - two bounds
        raise ConfigurationError(f"clip={clip!r}: give the smallest and the largest value, such as [-10, 10]")
    return float(clip[0]), float(clip[1])
