"""Recorded decisions to imitate, in pieces that fit into memory."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

from maze.core.env.actor_id import StepKey
from maze.core.env.structured_env import StructuredEnv
from maze.core.recording.episode import Episode
from maze.core.recording.recording import Recording
from maze.core.recording.space_json import space_from_json
from maze.core.recording.trajectory_schema import TrajectorySchema
from maze.core.rollout.env_wrapping import listed
from maze.core.rollout.normalization import NORMALIZATION_FILE
from maze.core.rollout.probe import seed_global_generators
from maze.core.rollout.recipes import EnvRecipe
from maze.core.rollout.replay import recorded_env, replay_episode
from maze.core.wrappers.reward_wrapper import RewardWrapper
from maze.core.wrappers.structured_wrapper import StructuredWrapper
from maze.factory import ConfigurationError
from maze.train.models.actor_critic import ActorCritic


@dataclass(frozen=True)
class KeyDecisions:
    """What was observed and done at one step key."""

    leaves: list[np.ndarray]
    """The arrays of its observations, each (n, ...)."""

    actions: np.ndarray
    """(n, n_columns) float32."""

    returns: np.ndarray
    """(n,) float32: discounted, what the chain of decisions earned from there on."""


class RecordedDecisions:
    """The episodes of several runs, as a model sees them.

    Observations are taken from the recording where it was made with the same wrappers; else the recorded actions are
    carried out again under the recorded seeds, in the environment as it was, which has to give what was recorded, and
    beside it in the environment as it is now, whose observations count.

    Args:
        run_dirs: Of the runs.
        env: The environment as it is now.
        model: What shall learn.
        seed_globals: Whether the environment draws from the generators that everything in a process shares.
        gamma: Discount of a round, for the returns.

    Raises:
        ConfigurationError: If there is no such run, it has no trajectories or no episodes, or other actions.
    """

    def __init__(
        self, run_dirs: Sequence[Path], env: EnvRecipe, model: ActorCritic, *, seed_globals: bool, gamma: float
    ) -> None:
        """Open the recordings."""
        self._recipe, self._model, self._seed_globals, self._gamma = env, model, seed_globals, gamma
        self._recordings = [_opened(run_dir) for run_dir in run_dirs]
        self._is_derived = [not self._is_the_same(recording) for recording in self._recordings]
        self._as_integers: dict[int, bool] = {}
        self.episodes = [
            (index, number)
            for index, recording in enumerate(self._recordings)
            for number in recording.episodes.filter(recording.episodes["error"].is_null())["number"].to_pylist()
        ]
        """Index of the recording, and number, of each episode."""
        if not self.episodes:
            raise ConfigurationError(f"there are no episodes in {', '.join(map(str, run_dirs))}: record some first")
        for recording in self._recordings:
            self._check_actions(recording)

    def read(self, chosen: Sequence[tuple[int, int]]) -> dict[StepKey, KeyDecisions]:
        """The decisions of several episodes, put together.

        Args:
            chosen: Some of `episodes`.

        Raises:
            ConfigurationError: If a derived episode is not as it was recorded.
        """
        pieces: dict[StepKey, list[KeyDecisions]] = {}
        envs: dict[int, tuple[StructuredEnv, StructuredEnv]] = {}
        try:
            for index, number in chosen:
                episode = self._recordings[index][number]
                if self._is_derived[index]:
                    if index not in envs:
                        envs[index] = (self._as_it_was(index), self._recipe())
                    columns = self._derived(index, episode, *envs[index])
                else:
                    columns = self._recorded(episode)
                for key, decisions in self._of_episode(episode, columns).items():
                    pieces.setdefault(key, []).append(decisions)
        finally:
            for then, now in envs.values():
                then.close()
                self._recipe.close(now)
        return {key: _joined(of_key) for key, of_key in pieces.items()}

    def _is_the_same(self, recording: Recording) -> bool:
        """Whether a run was recorded with the same environment, wrappers and statistics."""
        config = recording.metadata.get("config") or {}
        recorded = _spaces(recording, "observation_spaces")
        is_equal = all(recorded.get(key) == layout.space for key, layout in self._model.observation_layouts.items())
        if not config:
            return is_equal and not listed(self._recipe.wrappers)
        statistics = [
            json.loads(file.read_bytes()) if file is not None and file.is_file() else None
            for file in (recording.run_dir / NORMALIZATION_FILE, self._recipe.normalization)
        ]
        wrappers = [json.dumps(listed(each), default=str) for each in (config.get("wrappers"), self._recipe.wrappers)]
        return is_equal and wrappers[0] == wrappers[1] and statistics[0] == statistics[1]

    def _check_actions(self, recording: Recording) -> None:
        recorded = _spaces(recording, "action_spaces")
        for key, layout in self._model.action_layouts.items():
            if recorded.get(key) != layout.space:
                raise ConfigurationError(
                    f"{recording.run_dir} has the actions {recorded.get(key)} for step key {key!r}, the environment "
                    f"has {layout.space}: choose the environment and the wrappers of actions that it was recorded with"
                )

    def _as_it_was(self, index: int) -> StructuredEnv:
        recording = self._recordings[index]
        has_config = bool((recording.metadata.get("config") or {}).get("env"))
        return recorded_env(recording, make=None if has_config else self._recipe.env)

    def _recorded(self, episode: Episode) -> dict[StepKey, list[np.ndarray]]:
        keys = {actor.step_key for actor in episode.actor_ids}
        layouts = self._model.observation_layouts
        return {key: layout.of_column(episode.observations_of(key)) for key, layout in layouts.items() if key in keys}

    def _derived(
        self, index: int, episode: Episode, then: StructuredEnv, now: StructuredEnv
    ) -> dict[StepKey, list[np.ndarray]]:
        """Observations of an episode that is played again, as they were and as they are now."""
        first = self._as_integers.get(index, False)
        for as_integers in (first, not first):
            schema = self._recordings[index].schema
            parallel = _Parallel(now, episode, schema, as_integers=as_integers, seed_globals=self._seed_globals)
            report = replay_episode(episode, then, parallel.follow, as_python_integers=as_integers)
            if not report.is_same and as_integers == first:
                continue
            name = f"episode {episode.number} of {self._recordings[index].run_dir}"
            if not report.is_same:
                raise ConfigurationError(
                    f"{name} cannot be derived again for the new wrappers, for played again it {report}: record it "
                    "anew with the environment as it is"
                )
            if parallel.divergence:
                raise ConfigurationError(
                    f"{name} goes otherwise with the new wrappers: {parallel.divergence}; leave out those that change "
                    "more than observations"
                )
            self._as_integers[index] = as_integers
            layouts = self._model.observation_layouts
            return {key: layouts[key].stack(observations) for key, observations in parallel.observations.items()}
        raise AssertionError  # the second attempt returns or raises

    def _of_episode(self, episode: Episode, columns: dict[StepKey, list[np.ndarray]]) -> dict[StepKey, KeyDecisions]:
        actors = episode.actor_ids
        returns = self._returns(episode)
        decisions = {}
        for key, leaves in columns.items():
            places = [place for place, actor in enumerate(actors) if actor.step_key == key]
            actions = self._model.action_layouts[key].of_column(episode.actions_of(key))
            decisions[key] = KeyDecisions(leaves, actions, returns[places].astype(np.float32))
        return decisions

    def _returns(self, episode: Episode) -> np.ndarray:
        """Returns to go, in chains as for advantages; what would have come behind a cut is not known, and left out."""
        credits_, rewards, times = episode.credits, episode.rewards, episode.times
        splits = not np.array_equal(credits_, rewards)
        chains: list[Any] = list(episode.actor_ids) if splits else [None] * len(credits_)
        returns = np.zeros(len(credits_))
        later: dict[Any, tuple[float, int]] = {}
        for place in range(len(credits_) - 1, -1, -1):
            following, time = later.get(chains[place], (0.0, int(times[place])))
            returns[place] = credits_[place] + self._gamma ** (time - int(times[place])) * following
            later[chains[place]] = (float(returns[place]), int(times[place]))
        return returns


class _Parallel:
    """The environment as it is now, which does what was recorded beside the one as it was."""

    def __init__(
        self,
        env: StructuredEnv,
        episode: Episode,
        schema: TrajectorySchema,
        *,
        as_integers: bool,
        seed_globals: bool,
    ) -> None:
        self._env, self._episode = env, episode
        self._actions = list(_actions(episode, schema))
        self._as_integers, self._seed_globals = as_integers, seed_globals
        self._compares_rewards = not _changes_rewards(env)
        self.observations: dict[StepKey, list[Any]] = {}
        self.divergence = ""

    def follow(self, step: int) -> None:
        """Reset, or carry out the recorded action of a decision."""
        if self.divergence:
            return
        if step < 0:
            if self._seed_globals:
                seed_global_generators(self._episode.env_seed)
            observation, _ = self._env.reset(seed=self._episode.env_seed)
            self._keep(observation, 0)
            return
        action = self._actions[step]
        if self._as_integers and isinstance(action, np.integer):
            action = int(action)
        observation, reward, terminated, truncated, _ = self._env.step(action)
        is_last = step + 1 == self._episode.n_decisions
        recorded = float(self._episode.rewards[step])
        if self._compares_rewards and float(reward) != recorded:
            self.divergence = f"the reward of decision {step} was {recorded!r}, now {float(reward)!r}"
        elif bool(terminated) != (is_last and bool(self._episode.terminated)) or (truncated and not is_last):
            self.divergence = f"it {'ends' if terminated or truncated else 'does not end'} with decision {step}"
        elif not is_last:
            self._keep(observation, step + 1)

    def _keep(self, observation: Any, step: int) -> None:
        actor = self._env.actor_id()
        if tuple(actor) != tuple(self._episode.actor_ids[step]):
            before = tuple(self._episode.actor_ids[step])
            self.divergence = f"{tuple(actor)} decides in place of {before} in decision {step}"
            return
        self.observations.setdefault(actor.step_key, []).append(observation)


def _changes_rewards(env: StructuredEnv) -> bool:
    """Whether a wrapper gives other rewards than the environment."""
    while isinstance(env, StructuredWrapper):
        if isinstance(env, RewardWrapper):
            return True
        env = env.env
    inner: Any = getattr(env, "env", None)
    while isinstance(inner, gymnasium.Wrapper):
        if isinstance(inner, gymnasium.RewardWrapper):
            return True
        inner = inner.env
    return False


def _actions(episode: Episode, schema: TrajectorySchema) -> Iterator[Any]:
    """The actions of an episode, one by one."""
    codec = schema.action_codecs[0]
    for segment in episode.segments():
        if schema.flat:
            yield from (codec.row(segment.actions, row) for row in range(segment.n_decisions))
        else:
            yield from segment.actions


def _joined(pieces: Sequence[KeyDecisions]) -> KeyDecisions:
    return KeyDecisions(
        [np.concatenate(leaves) for leaves in zip(*(piece.leaves for piece in pieces), strict=True)],
        np.concatenate([piece.actions for piece in pieces]),
        np.concatenate([piece.returns for piece in pieces]),
    )


def _spaces(recording: Recording, name: str) -> dict[StepKey, gymnasium.Space[Any]]:
    return {key: space_from_json(space) for key, space in recording.metadata[name]}


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
