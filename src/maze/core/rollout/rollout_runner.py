"""What all runners share: from specs to a recorded run and its statistics."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from maze.core.recording.run_directory import RunDirectory, new_run_path
from maze.core.rollout.env_wrapping import WrappersLike
from maze.core.rollout.episode_ledger import EpisodeLedger
from maze.core.rollout.interruption import Interruption
from maze.core.rollout.probe import EnvTraits
from maze.core.rollout.recipes import MAKE_GYM_ENV, EnvLike, EnvRecipe, PolicyLike, PolicyRecipe
from maze.core.rollout.rollout_job import RolloutJob
from maze.core.rollout.rollout_observer import RolloutObserver
from maze.core.rollout.rollout_result import RolloutResult
from maze.core.rollout.run import RolloutStopped, Run
from maze.core.rollout.seeding import Seeding
from maze.factory import ConfigurationError, suggest


class RolloutRunner(ABC):
    """Turns episode specs into recorded episodes; the same ones whatever the runner.

    Args:
        n_episodes: Episodes to play.
        max_episode_steps: Rounds (flat environments: steps) after which an episode is cut; 0 or None leaves the
            environment's own limit.
        record_trajectory: Whether `trajectory_data/` is written.
        record_event_logs: Whether `event_logs/` are written.
        record_policy_outputs: Whether what the policy tells of its decisions is written to `trajectory_data/`.
        deterministic: Whether the policy shall decide without chance, if it can.
        episodes: Numbers of the episodes to play, in place of the first `n_episodes`.
        n_envs: Environments per process that a batching policy decides for at once; None: as the policy asks for.
        fresh_env: Whether the environment is built anew for each episode, also where the probe sees no need.
        on_error: "continue" plays the other episodes when one has failed for good, "stop" begins no further one.
        max_attempts: How often an episode is tried before it has failed.
        grace_time: Seconds for the running episodes to end after an interrupt.

    Raises:
        ConfigurationError: If a value is out of range.
    """

    def __init__(
        self,
        *,
        n_episodes: int = 50,
        max_episode_steps: int | None = 200,
        record_trajectory: bool = True,
        record_event_logs: bool = True,
        record_policy_outputs: bool = False,
        deterministic: bool = False,
        episodes: Sequence[int] | None = None,
        n_envs: int | None = None,
        fresh_env: bool = False,
        on_error: str = "continue",
        max_attempts: int = 3,
        grace_time: float = 10.0,
    ) -> None:
        """Check and keep the settings."""
        at_least("n_episodes", n_episodes, 1, whole=True)
        at_least("max_episode_steps", max_episode_steps or 0, 0, whole=True)
        at_least("max_attempts", max_attempts, 1, whole=True)
        at_least("n_envs", 1 if n_envs is None else n_envs, 1, whole=True)
        at_least("grace_time", grace_time, 0)
        if on_error not in {"continue", "stop"}:
            raise ConfigurationError(f"on_error={on_error!r}: choose 'continue' or 'stop'")
        if record_policy_outputs and not record_trajectory:
            raise ConfigurationError(
                "record_policy_outputs=true needs record_trajectory=true, for they are written beside the decisions"
            )
        _check_episodes(episodes)
        self.n_episodes = n_episodes
        self.max_episode_steps = max_episode_steps or 0
        self.record_trajectory = record_trajectory
        self.record_event_logs = record_event_logs
        self.record_policy_outputs = record_policy_outputs
        self.deterministic = deterministic
        self.episodes = episodes
        self.n_envs = n_envs
        self.fresh_env = fresh_env
        self.on_error = on_error
        self.max_attempts = max_attempts
        self.grace_time = grace_time

    def run_with(
        self,
        env: EnvLike,
        wrappers: WrappersLike = None,
        agent: PolicyLike = None,
        *,
        seeding: Seeding | Mapping[str, Any] | None = None,
        run_dir: str | Path | None = None,
        resume: bool = False,
        config: Mapping[str, Any] | None = None,
        observer: RolloutObserver | None = None,
    ) -> RolloutResult:
        """Roll a policy out in an environment, record it, and sum it up.

        Args:
            env: A gymnasium id, a config with a `_target_`, a function or class that makes one, or an environment.
            wrappers: From the inside out, as configs or as functions of the environment: gymnasium's around a flat
                environment, those of `maze.core.wrappers` around any.
            agent: A config with a `_target_`, a policy or its class, or a function from observation to action; None:
                random actions.
            seeding: Where the seeds come from; by default they are drawn, and kept in run.json.
            run_dir: Where to record; None: `outputs/<date>/<time>-<unique>`.
            resume: Whether to play what is missing of the run in `run_dir`, with its seeds.
            config: What run.json shall keep of where all this came from; None: what can be told of the environment.
            observer: Is told how the run gets on.

        Returns:
            The statistics, the episodes, what failed, and where all that is recorded.

        Raises:
            ConfigurationError: If something cannot work, before any episode is played.
        """
        observer = observer or RolloutObserver()
        env_recipe = self._env_recipe(EnvRecipe(env, wrappers))
        policy_recipe = PolicyRecipe(agent, self.deterministic)
        env_recipe.check()
        policy_recipe.check()
        seeding = seeding if isinstance(seeding, Seeding) else seeding_from({} if seeding is None else seeding)
        directory = RunDirectory(Path(run_dir) if run_dir is not None else new_run_path(), resume=resume)
        try:
            job = RolloutJob(
                env=env_recipe,
                policy=policy_recipe,
                run_dir=directory.path,
                max_episode_steps=self.max_episode_steps,
                record_trajectory=self.record_trajectory,
                record_event_logs=self.record_event_logs,
                record_policy_outputs=self.record_policy_outputs,
                n_envs=self.n_envs,
                traits=EnvTraits(fresh=self.fresh_env),
            )
            numbers = range(self.n_episodes) if self.episodes is None else self.episodes
            run = Run(
                job,
                numbers,
                seeding,
                directory=directory,
                observer=observer,
                config=dict(config or ({} if resume else _told(env, wrappers))),
                resume=resume,
            )
            ledger = EpisodeLedger(
                run.specs(), observer, max_attempts=self.max_attempts, stop_on_failure=self.on_error == "stop"
            )
            with self._interruption() as interruption:
                try:
                    with interruption.raising():
                        self._play(run, ledger, interruption)
                except RolloutStopped as stopped:
                    if stopped.is_wrong_input and not run.has_begun:
                        raise ConfigurationError(str(stopped)) from stopped
                    run.stop(stopped)
                except KeyboardInterrupt:
                    interruption.count += 1
                result = run.finish(ledger, interruption)
            observer.finished()
            return result
        finally:
            directory.close()

    def _interruption(self) -> Interruption:
        return Interruption()

    def _env_recipe(self, recipe: EnvRecipe) -> EnvRecipe:
        """Fit the recipe to where the environments are built."""
        return recipe

    @abstractmethod
    def _play(self, run: Run, ledger: EpisodeLedger, interruption: Interruption) -> None:
        """Have the ledger's episodes played, from `run.job` and what `run.begin` makes of it.

        Raises:
            RolloutStopped: If the run cannot go on.
        """


def at_least(name: str, value: object, least: float, *, whole: bool = False) -> None:
    """Refuse what is no number, or a smaller one, or, where it has to be whole, a fraction.

    Raises:
        ConfigurationError: In one line.

    Example:
        >>> at_least("n_processes", 0, 1, whole=True)
        Traceback (most recent call last):
        maze.factory.ConfigurationError: n_processes=0: give a number of at least 1
    """
    is_number = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
    if not is_number or not value >= least:  # type: ignore[operator]
        wanted = "whole number" if whole and isinstance(value, float) else "number"
        raise ConfigurationError(f"{name}={value!r}: give a {wanted} of at least {least}")


def _check_episodes(episodes: object) -> None:
    if episodes is None:
        return
    if isinstance(episodes, str) or not isinstance(episodes, Sequence):
        raise ConfigurationError(f"episodes={episodes!r}: give a list of numbers, such as [17, 23]")
    if not episodes or len(set(episodes)) < len(episodes):
        raise ConfigurationError(f"episodes={list(episodes)}: give each number once, and at least one")
    for number in episodes:
        at_least("episodes", number, 0, whole=True)


def seeding_from(settings: object) -> Seeding:
    """Where the seeds of a run come from, as a configuration says it.

    Raises:
        ConfigurationError: If it says something else.

    Example:
        >>> seeding_from({"env_base_sed": 1})
        Traceback (most recent call last):
        maze.factory.ConfigurationError: seeding has no key 'env_base_sed': did you mean 'env_base_seed'?
    """
    known = [field.name for field in fields(Seeding)]
    if not isinstance(settings, Mapping):
        raise ConfigurationError(f"seeding={settings!r}: give a Seeding, or a dict with some of {', '.join(known)}")
    for key in settings:
        if key not in known:
            raise ConfigurationError(f"seeding has no key {key!r}{suggest(str(key), known)}")
    return Seeding(**settings)


def _told(env: EnvLike, wrappers: WrappersLike) -> dict[str, Any]:
    """How the environment is made, as a configuration tells it; empty where that takes objects."""
    config = {"env": {"_target_": MAKE_GYM_ENV, "name": env} if isinstance(env, str) else env, "wrappers": wrappers}
    return config if isinstance(config["env"], Mapping) and _is_plain(config) else {}


def _is_plain(value: object) -> bool:
    """Whether JSON can hold it."""
    if isinstance(value, Mapping):
        return all(isinstance(key, str) and _is_plain(item) for key, item in value.items())
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, str | int | float)
