"""Trains a model in an environment: plays, learns, evaluates, keeps the best, until the work is done."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from maze.core.recording.run_directory import new_run_path
from maze.core.rollout.env_wrapping import WrappersLike
from maze.core.rollout.interruption import Interruption
from maze.core.rollout.normalization import NORMALIZATION_FILE
from maze.core.rollout.recipes import EnvLike, EnvRecipe, PolicyRecipe
from maze.core.rollout.rollout_job import RolloutJob
from maze.core.rollout.rollout_runner import at_least, seeding_from
from maze.core.rollout.seeding import Seeding
from maze.factory import ConfigurationError, build
from maze.train.algorithms.algorithm import Algorithm
from maze.train.algorithms.ppo import PPO
from maze.train.torch_policy import N_ENVS
from maze.train.training import Training
from maze.train.training_log import TrainingLog
from maze.train.training_loop import TrainingLoop, TrainingSchedule
from maze.train.training_observer import TrainingObserver
from maze.train.training_record import BEST, TRAINING_FILE, TrainingRecord, read_training_record, training_metadata
from maze.train.training_result import TrainingResult
from maze.train.training_seeds import TrainingSeeds
from maze.train.training_setting import TrainingSetting
from maze.train.weights import load_weights

INTERRUPTED = 130
"""Exit code after Ctrl-C."""

GRACE_TIME = 10.0
"""Seconds from the first Ctrl-C until an iteration that has begun is broken off; the second breaks it off at once."""


class TrainingRunner:
    """Trains models on this machine.

    What is learned depends on the seeds, not on the number of processes.

    Args:
        n_processes: Processes that play episodes; 1: this one, with nothing beside it.
        max_episode_steps: Rounds after which an episode to learn from is cut, to go on as the critic expects; 0: none.
            Evaluation leaves the environment's own limit alone.
        evaluate_every: Iterations between evaluations; 0: only at the beginning and at the end.
        n_eval_episodes: Episodes of an evaluation.
        patience: Evaluations in a row without a new best after which training ends; None: it goes on.
        stop_at_return: Mean return in evaluation at which training ends; None: it goes on.
        max_seconds: After which training ends; None: it goes on.
        n_threads: Threads that the learning computes with; more pay for large networks only.
        step_timeout: Seconds without a sign of life after which a process is replaced; None: never.
        tensorboard: Whether figures are also written for TensorBoard.
        dataset: Run directories of rollouts to learn from, for imitation.

    Raises:
        ConfigurationError: If a value is out of range.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> runner = TrainingRunner(n_processes=1, n_eval_episodes=2)
        >>> with TemporaryDirectory() as folder:
        ...     result = runner.run_with(
        ...         "CartPole-v1", algorithm=PPO(n_decisions=300), run_dir=folder + "/run", seeding={"env_base_seed": 1}
        ...     )
        >>> result.status
        'completed'
    """

    def __init__(
        self,
        *,
        n_processes: int = 1,
        max_episode_steps: int = 0,
        evaluate_every: int = 5,
        n_eval_episodes: int = 20,
        patience: int | None = None,
        stop_at_return: float | None = None,
        max_seconds: float | None = None,
        n_threads: int = 1,
        step_timeout: float | None = 300.0,
        tensorboard: bool = False,
        dataset: str | Sequence[str] | None = None,
    ) -> None:
        """Check and keep the settings."""
        at_least("n_processes", n_processes, 1, whole=True)
        at_least("max_episode_steps", max_episode_steps or 0, 0, whole=True)
        at_least("n_eval_episodes", n_eval_episodes, 1, whole=True)
        at_least("n_threads", n_threads, 1, whole=True)
        self.n_processes = n_processes
        self.max_episode_steps = max_episode_steps or 0
        self.n_eval_episodes = n_eval_episodes
        self.schedule = TrainingSchedule(evaluate_every, patience, stop_at_return, max_seconds)
        self.n_threads, self.step_timeout, self.tensorboard = n_threads, step_timeout, tensorboard
        self.dataset = [Path(each) for each in ([dataset] if isinstance(dataset, str) else dataset or [])]

    def run_with(
        self,
        env: EnvLike,
        wrappers: WrappersLike = None,
        model: Mapping[str, Any] | None = None,
        algorithm: Algorithm | Mapping[str, Any] | None = None,
        *,
        device: str = "cpu",
        n_envs: int = N_ENVS,
        seeding: Seeding | Mapping[str, Any] | None = None,
        run_dir: str | Path | None = None,
        input_dir: str | Path | None = None,
        trusted: Sequence[str] = (),
        config: Mapping[str, Any] | None = None,
        observer: TrainingObserver | None = None,
    ) -> TrainingResult:
        """Train a model in an environment.

        Args:
            env: A gymnasium id, a config with a `_target_`, or a function or class that makes one.
            wrappers: From the inside out, as configs or as functions of the environment.
            model: The network's configuration; None: that of `input_dir`, else `flatten_concat`.
            algorithm: What learns; None: PPO.
            device: Where networks compute: cpu or cuda.
            n_envs: Environments per process that the policy decides for at once.
            seeding: Base seeds; what is not given is drawn, and kept.
            run_dir: Where to keep everything; None: `outputs/<date>/<time>-<unique>`.
            input_dir: A training run to go on with. One of the same algorithm that has not come to its end is resumed;
                else its best weights are what this one begins with.
            trusted: Packages, besides maze's, whose classes `input_dir` and data sets may name.
            config: What `training.json` shall keep of where all this came from.
            observer: Is told how it gets on.

        Raises:
            ConfigurationError: If something cannot work, before anything is learned.
        """
        learner = build(algorithm) if isinstance(algorithm, Mapping) else algorithm or PPO()
        if not isinstance(learner, Algorithm):
            raise ConfigurationError(f"{type(learner).__name__} is no Algorithm: choose one with algorithm=...")
        kind = f"{type(learner).__module__}.{type(learner).__qualname__}"
        record = None if input_dir is None else read_training_record(input_dir)
        resumes = record is not None and record.can_resume(kind)
        seeds = _seeding(seeding, record if resumes else None)
        recipe = EnvRecipe(env, wrappers)
        recipe.check()
        path = _new_directory(Path(run_dir) if run_dir is not None else new_run_path())
        job = RolloutJob(
            env=replace(recipe.for_workers(), normalization=path / NORMALIZATION_FILE),
            policy=PolicyRecipe(),
            run_dir=path,
            max_episode_steps=self.max_episode_steps,
            n_envs=n_envs,
            preparation_seed=seeds.preparation_seed,
        )
        setting = TrainingSetting(
            job,
            model,
            record,
            trusted=trusted,
            seed=TrainingSeeds(seeds).model,
            device=device,
            n_processes=self.n_processes,
            step_timeout=self.step_timeout,
        )
        with _threads(self.n_threads), setting:
            training = Training(
                path,
                setting.model,
                setting.players,
                n_players=self.n_processes,
                seeding=seeds,
                n_eval_episodes=self.n_eval_episodes,
                metadata=training_metadata(
                    setting.scouted,
                    seeding=seeds,
                    model=setting.model_config,
                    algorithm=kind,
                    config=config or {},
                    n_parameters=sum(parameter.numel() for parameter in setting.model.parameters()),
                    input_dir=input_dir,
                ),
            )
            try:
                learner.begin(setting.workshop(training, self.dataset))
                if record is not None and resumes:
                    training.go_on(record, learner)
                elif record is not None:
                    load_weights(setting.model, record.weights(BEST))
                return self._train(training, learner, observer or TrainingObserver(), setting)
            finally:
                learner.end()

    def _train(
        self, training: Training, algorithm: Algorithm, observer: TrainingObserver, setting: TrainingSetting
    ) -> TrainingResult:
        seeding = training.seeding
        with (
            Interruption(raise_after=GRACE_TIME) as interruption,
            TrainingLog(training.run_dir, tensorboard=self.tensorboard) as log,
        ):
            observer.started({"env_base_seed": seeding.env_base_seed, "agent_base_seed": seeding.agent_base_seed})
            if not setting.scouted.traits.reproducible:
                observer.note(
                    "the environment does not give the same episode twice under the same seeds: neither will training"
                )
            loop = TrainingLoop(training, algorithm, self.schedule, log, observer)
            try:
                ending = loop.run(interruption)
            finally:
                observer.finished()
        counts = loop.checkpoint.counts
        exit_codes = {"completed": 0, "failed": 1, "interrupted": interruption.exit_code or INTERRUPTED}
        return TrainingResult(
            run_dir=training.run_dir,
            status=ending.status,
            reason=ending.reason,
            n_iterations=counts.n_iterations,
            n_episodes=counts.n_episodes,
            n_decisions=counts.n_decisions,
            best_return=counts.best_return,
            best_iteration=counts.best_iteration,
            last_return=counts.last_return,
            seconds=training.seconds,
            seeding=seeding,
            exit_code=exit_codes[ending.status],
            traceback=ending.traceback,
        )


def _seeding(given: Seeding | Mapping[str, Any] | None, resumed: TrainingRecord | None) -> Seeding:
    """The base seeds: those that were given, else those of the run that is resumed, else drawn ones."""
    if isinstance(given, Seeding):
        seeding = given
    elif resumed is not None and all(value is None for key, value in (given or {}).items() if "base_seed" in key):
        seeding = resumed.seeding
    else:
        seeding = seeding_from(given or {})
    if seeding.explicit_env_seeds is not None or seeding.explicit_agent_seeds is not None:
        raise ConfigurationError("training plays more episodes than can be listed: give base seeds, no explicit ones")
    return seeding


def _new_directory(path: Path) -> Path:
    """Make the directory of a run, unless it holds one."""
    path = path.absolute()
    for name in (TRAINING_FILE, "run.json"):
        if (path / name).exists():
            raise ConfigurationError(f"{path} holds a run already: choose another folder")
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(f"cannot write to {path}: {error.strerror}") from error
    return path


@contextmanager
def _threads(n: int) -> Iterator[None]:
    """Let torch compute with so many threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(n)
    try:
        yield
    finally:
        torch.set_num_threads(before)
