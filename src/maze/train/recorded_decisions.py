"""Recorded decisions to imitate, a stretch of an episode at a time."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import gymnasium
import numpy as np
import pyarrow.compute as pc

from maze.core.env.actor_id import StepKey
from maze.core.recording.decision_block import EpisodeSegment
from maze.core.recording.episode import Episode
from maze.core.recording.recording import Recording
from maze.core.recording.space_json import space_from_json
from maze.core.rollout.env_wrapping import listed
from maze.core.rollout.normalization import NORMALIZATION_FILE
from maze.core.rollout.probe import EnvTraits
from maze.core.rollout.recipes import EnvRecipe
from maze.factory import ConfigurationError
from maze.train.derived_observations import DerivedObservations
from maze.train.models.actor_critic import ActorCritic


@dataclass(frozen=True)
class KeyDecisions:
    """What was observed and done at one step key."""

    leaves: Sequence[np.ndarray]
    """The arrays of its observations, each (n, ...)."""

    actions: np.ndarray
    """(n, n_columns) float32."""

    returns: np.ndarray
    """(n,) float32: discounted, what the chain of decisions earned from there on."""

    def __len__(self) -> int:
        """Count the decisions."""
        return len(self.actions)

    @property
    def arrays(self) -> list[np.ndarray]:
        """All of it; `of` takes it back."""
        return [*self.leaves, self.actions, self.returns]

    @classmethod
    def of(cls, arrays: Sequence[np.ndarray]) -> KeyDecisions:
        """The decisions with these arrays."""
        return cls(arrays[:-2], arrays[-2], arrays[-1])


class RecordedEpisode(NamedTuple):
    """An episode to learn from."""

    recording: int
    """Index of its recording."""

    number: int
    n_decisions: int


class RecordedDecisions:
    """The episodes of several runs, as a model sees them.

    Observations are taken from the recording where it was made with the same wrappers and statistics; else they are
    derived by playing the episodes again.

    Args:
        run_dirs: Of the runs.
        env: The environment as it is now.
        model: What shall learn.
        traits: How the environment has to be treated.
        gamma: Discount of a round, for the returns.
        trusted: Packages, besides maze's and those that `env` names, whose classes the runs may name.

    Raises:
        ConfigurationError: If there is no such run, it has no trajectories or no episodes, or other actions.
    """

    def __init__(
        self,
        run_dirs: Sequence[Path],
        env: EnvRecipe,
        model: ActorCritic,
        *,
        traits: EnvTraits,
        gamma: float,
        trusted: Sequence[str] = (),
    ) -> None:
        """Open the recordings."""
        self._recipe, self._model, self._gamma = env, model, gamma
        self._recordings = [_opened(run_dir) for run_dir in run_dirs]
        for recording in self._recordings:
            self._check_actions(recording)
        self._derived = [
            None if self._is_the_same(recording) else DerivedObservations(recording, env, traits, tuple(trusted))
            for recording in self._recordings
        ]
        self.episodes = [
            RecordedEpisode(index, *columns)
            for index, recording in enumerate(self._recordings)
            for columns in _successful(recording)
        ]
        if not self.episodes:
            raise ConfigurationError(f"there are no episodes in {', '.join(map(str, run_dirs))}: record some first")

    def n_bytes(self, chosen: Sequence[RecordedEpisode]) -> int:
        """About as much memory as the decisions of these episodes take; no less."""
        layouts = zip(self._model.observation_layouts.values(), self._model.action_layouts.values(), strict=True)
        of_decision = max(
            sum(leaf.dtype.itemsize * int(np.prod(leaf.shape)) for leaf in observation.leaves)
            + np.dtype(np.float32).itemsize * (action.n_columns + 1)
            for observation, action in layouts
        )
        return of_decision * sum(episode.n_decisions for episode in chosen)

    def read(self, chosen: Sequence[RecordedEpisode]) -> Iterator[dict[StepKey, KeyDecisions]]:
        """The decisions of episodes, a stretch at a time.

        Args:
            chosen: Some of `episodes`; in their order they are read fastest.

        Raises:
            ConfigurationError: If an episode cannot be derived.
        """
        for index, number, _ in chosen:
            episode, derived = self._recordings[index][number], self._derived[index]
            observed = self._as_recorded(episode) if derived is None else self._as_derived(derived, episode)
            returns = self._returns(episode)
            for segment, columns in observed:
                yield self._of_segment(episode, segment, columns, returns)

    def close(self) -> None:
        """Close the environments in which episodes were played again."""
        for derived in self._derived:
            if derived is not None:
                derived.close()

    def _as_recorded(self, episode: Episode) -> Iterator[tuple[EpisodeSegment, dict[StepKey, list[np.ndarray]]]]:
        layouts = self._model.observation_layouts
        for segment in episode.segments():
            keys = {episode.schema.step_keys[index] for index in np.unique(segment.keys)}
            yield segment, {key: layouts[key].of_column(segment.observations_of(key)) for key in layouts if key in keys}

    def _as_derived(
        self, derived: DerivedObservations, episode: Episode
    ) -> Iterator[tuple[EpisodeSegment, dict[StepKey, list[np.ndarray]]]]:
        layouts = self._model.observation_layouts
        for segment, observed in derived.of(episode):
            yield segment, {key: layouts[key].stack(observations) for key, observations in observed.items()}

    def _of_segment(
        self,
        episode: Episode,
        segment: EpisodeSegment,
        columns: Mapping[StepKey, list[np.ndarray]],
        returns: np.ndarray,
    ) -> dict[StepKey, KeyDecisions]:
        of_segment = returns[segment.start : segment.start + segment.n_decisions]
        return {
            key: KeyDecisions(
                leaves,
                self._model.action_layouts[key].of_column(segment.actions_of(key)),
                of_segment[segment.keys == episode.schema.key_index[key]],
            )
            for key, leaves in columns.items()
        }

    def _returns(self, episode: Episode) -> np.ndarray:
        """Returns to go, in chains as for advantages; what would have come behind a cut is not known, and left out."""
        credits_, times = episode.credits, episode.times.tolist()
        splits = not np.array_equal(credits_, episode.rewards)
        chains: Sequence[Any] = episode.actor_ids if splits else [None] * len(times)
        later = {actor: (credit, times[-1]) for actor, credit in episode.final_credits.items()}
        returns = np.zeros(len(times), np.float32)
        for place, (chain, time, credit) in reversed(
            list(enumerate(zip(chains, times, credits_.tolist(), strict=True)))
        ):
            following, its_time = later.get(chain, (0.0, time))
            to_go = credit + self._gamma ** (its_time - time) * following
            returns[place], later[chain] = to_go, (to_go, time)
        return returns

    def _is_the_same(self, recording: Recording) -> bool:
        """Whether a run was recorded with the same wrappers and statistics."""
        config = recording.metadata.get("config") or {}
        recorded = _spaces(recording, "observation_spaces")
        is_equal = all(recorded.get(key) == layout.space for key, layout in self._model.observation_layouts.items())
        if not config:
            return is_equal and not listed(self._recipe.wrappers)
        wrappers = [json.dumps(listed(each), default=str) for each in (config.get("wrappers"), self._recipe.wrappers)]
        statistics = [
            _statistics(file) for file in (recording.run_dir / NORMALIZATION_FILE, self._recipe.normalization)
        ]
        return is_equal and wrappers[0] == wrappers[1] and statistics[0] == statistics[1]

    def _check_actions(self, recording: Recording) -> None:
        recorded = _spaces(recording, "action_spaces")
        for key, layout in self._model.action_layouts.items():
            if recorded.get(key) != layout.space:
                raise ConfigurationError(
                    f"{recording.run_dir} has the actions {recorded.get(key)} for step key {key!r}, the environment "
                    f"has {layout.space}: choose the environment and the wrappers of actions that it was recorded with"
                )


def _successful(recording: Recording) -> Iterator[tuple[int, int]]:
    """Number and length of the episodes that did not fail."""
    table = recording.episodes
    table = table.filter(pc.is_null(table["error"]))
    yield from zip(table["number"].to_pylist(), table["n_decisions"].to_pylist(), strict=True)


def _spaces(recording: Recording, name: str) -> dict[StepKey, gymnasium.Space[Any]]:
    return {key: space_from_json(space) for key, space in recording.metadata[name]}


def _statistics(file: Path | None) -> Any:
    """What a run normalises by; None: nothing."""
    return json.loads(file.read_bytes()) if file is not None and file.is_file() else None


def _opened(run_dir: Path) -> Recording:
    try:
        recording = Recording(run_dir)
    except (FileNotFoundError, ValueError) as error:
        raise ConfigurationError(f"runner.dataset: {error}") from None
    if not recording.metadata["record_trajectory"]:
        raise ConfigurationError(
            f"{run_dir} was recorded without trajectories: record it again with runner.record_trajectory=true"
        )
    return recording
