"""Trains a model in an environment: plays, learns, evaluates, keeps the best, until the work is done."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any, Self

import torch

from maze.core.recording.part import publish
from maze.core.recording.run_directory import new_run_path
from maze.core.rollout.env_wrapping import WrappersLike
from maze.core.rollout.interruption import Interruption
from maze.core.rollout.normalization import NORMALIZATION_FILE
from maze.core.rollout.recipes import EnvLike, EnvRecipe, PolicyRecipe
from maze.core.rollout.rollout_job import RolloutJob
from maze.core.rollout.rollout_runner import at_least
from maze.core.rollout.scout import scout
from maze.core.rollout.seeding import Seeding
from maze.factory import ConfigurationError, build, suggest
from maze.train.algorithms.algorithm import Algorithm, Workshop
from maze.train.algorithms.ppo import PPO
from maze.train.episode_player import EpisodeFailedError, EpisodePlayer, EpisodePlayers
from maze.train.models.build_model import DEFAULT_MODEL, build_model
from maze.train.player_pool import PlayerPool, PlayersStoppedError
from maze.train.torch_policy import N_ENVS, TRUSTED_MODELS, TorchPolicy
from maze.train.training import Training, episode_figures, training_metadata
from maze.train.training_log import TrainingLog
from maze.train.training_observer import TrainingObserver
from maze.train.training_record import BEST, TRAINING_FILE, TrainingRecord, read_training_record
from maze.train.training_result import TrainingResult, TrainingStatus
from maze.train.training_seeds import TrainingSeeds
from maze.train.weights import load_weights

GRACE_TIME = 30.0
"""Seconds from the first Ctrl-C until training is broken off in the middle of something."""


class TrainingStop(Exception):  # noqa: N818 - what happened, as it was asked for
    """Training is over before its work is done; the message says why."""


class TrainingRunner:
    """Trains models on this machine.

    What is learned depends on the seeds, not on the number of processes.

    Args:
        n_processes: Processes that play episodes; 1: this one, with nothing beside it.
        max_episode_steps: Rounds after which an episode to learn from is cut, to go on as the critic expects; 0: none.
            Evaluation leaves the environment's own limit alone.
        evaluate_every: Iterations between evaluations; 0: only at the end.
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
        at_least("evaluate_every", evaluate_every, 0, whole=True)
        at_least("n_eval_episodes", n_eval_episodes, 1, whole=True)
        at_least("patience", 1 if patience is None else patience, 1, whole=True)
        at_least("n_threads", n_threads, 1, whole=True)
        self.n_processes = n_processes
        self.max_episode_steps = max_episode_steps or 0
        self.evaluate_every, self.n_eval_episodes = evaluate_every, n_eval_episodes
        self.patience, self.stop_at_return, self.max_seconds = patience, stop_at_return, max_seconds
        self.n_threads, self.step_timeout, self.tensorboard = n_threads, step_timeout, tensorboard
        self.dataset = (
            [] if dataset is None else [Path(dataset)] if isinstance(dataset, str) else list(map(Path, dataset))
        )

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
            trusted: Packages, besides maze's, whose classes `input_dir` may name.
            config: What `training.json` shall keep of where all this came from.
            observer: Is told how it gets on.

        Raises:
            ConfigurationError: If something cannot work, before anything is learned.
        """
        learner = build(algorithm) if isinstance(algorithm, Mapping) else algorithm or PPO()
        if not isinstance(learner, Algorithm):
            raise ConfigurationError(f"{type(learner).__name__} is no Algorithm: choose one with algorithm=...")
        record = None if input_dir is None else read_training_record(input_dir)
        resumes = record is not None and _can_resume(record, learner)
        seeds = _seeding(seeding, record if resumes else None)
        path = _new_directory(Path(run_dir) if run_dir is not None else new_run_path())
        recipe = EnvRecipe(env, wrappers)
        recipe.check()
        recipe = replace(recipe.for_workers(), normalization=path / NORMALIZATION_FILE)
        allowed = None
        if record is not None and model is None:
            model, allowed = record.model, [*TRUSTED_MODELS, *trusted]
        model = DEFAULT_MODEL if model is None else model
        how: dict[str, Any] = {"seeding": seeds, "allowed": allowed, "device": device, "n_envs": n_envs}
        with _threads(self.n_threads), _Setting(self, recipe, path, model=model, **how) as setting:
            if record is not None:
                record.check_spaces(setting.observation_spaces, setting.action_spaces)
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
                    model=model,
                    algorithm=learner,
                    config=config or {},
                    n_parameters=sum(parameter.numel() for parameter in setting.model.parameters()),
                    input_dir=input_dir,
                ),
            )
            try:
                return self._train(training, learner, setting, record, observer or TrainingObserver(), resumes=resumes)
            finally:
                learner.end()

    def _train(
        self,
        training: Training,
        algorithm: Algorithm,
        setting: _Setting,
        record: TrainingRecord | None,
        observer: TrainingObserver,
        *,
        resumes: bool,
    ) -> TrainingResult:
        status: TrainingStatus = "completed"
        reason, trace = "all is done", ""
        with Interruption(raise_after=GRACE_TIME) as interruption:
            algorithm.begin(setting.workshop(training, lambda: interruption.count > 0))
            if record is not None and resumes:
                training.go_on(record, algorithm)
            elif record is not None:
                load_weights(training.model, record.weights(BEST))
            training.write_metadata("running")
            log = TrainingLog(training.run_dir, tensorboard=self.tensorboard)
            observer.started(
                {"env_base_seed": training.seeding.env_base_seed, "agent_base_seed": training.seeding.agent_base_seed}
            )
            try:
                with interruption.raising():
                    self._loop(training, algorithm, log, observer, interruption)
            except TrainingStop as stop:
                reason = str(stop)
            except KeyboardInterrupt:
                interruption.count += 1
            except (EpisodeFailedError, PlayersStoppedError) as error:
                status, reason, trace = "failed", str(error), traceback.format_exc()
            finally:
                log.close()
                observer.finished()
            if interruption.count:
                status, reason = "interrupted", "it was interrupted"
            training.save(algorithm, status, reason)
        counts = training.counts
        return TrainingResult(
            run_dir=training.run_dir,
            status=status,
            reason=reason,
            n_iterations=counts.n_iterations,
            n_episodes=counts.n_episodes,
            n_decisions=counts.n_decisions,
            best_return=counts.best_return,
            best_iteration=counts.best_iteration,
            last_return=counts.last_return,
            seconds=training.seconds,
            seeding=training.seeding,
            exit_code=interruption.exit_code or (1 if status == "failed" else 0),
            traceback=trace,
        )

    def _loop(
        self,
        training: Training,
        algorithm: Algorithm,
        log: TrainingLog,
        observer: TrainingObserver,
        interruption: Interruption,
    ) -> None:
        """Iterate until the work is done.

        Raises:
            TrainingStop: If there is a reason to end before.
        """
        n_not_better = 0
        if training.counts.n_iterations == 0:
            self._evaluate(training, observer)
        while algorithm.progress < 1 and not interruption.count:
            began, n_before = monotonic(), training.counts.n_decisions
            training.played = []
            figures = algorithm.iterate()
            training.counts.n_iterations += 1
            seconds = monotonic() - began
            if training.played:
                figures |= episode_figures(training.played, "training")
            n_decisions = training.counts.n_decisions
            figures["time/decisions_per_second"] = (n_decisions - n_before) / max(seconds, 1e-9)
            figures |= {"time/n_decisions": float(n_decisions), "time/seconds": training.seconds}
            is_over = algorithm.progress >= 1
            is_due = self.evaluate_every and training.counts.n_iterations % self.evaluate_every == 0
            if (is_due or is_over) and not interruption.count:
                evaluation, is_best = self._evaluate(training, observer)
                figures |= evaluation
                n_not_better = 0 if is_best else n_not_better + 1
                training.save(algorithm, "running")
            log.write(training.counts.n_iterations, figures)
            observer.iterated(training.counts.n_iterations, algorithm.progress, figures)
            self._stop_where_enough(training, n_not_better)

    def _evaluate(self, training: Training, observer: TrainingObserver) -> tuple[dict[str, float], bool]:
        figures = episode_figures(training.evaluate(), "evaluation")
        is_best = training.note_evaluation(figures["evaluation/return"])
        observer.evaluated(training.counts.n_iterations, figures, is_best)
        return figures, is_best

    def _stop_where_enough(self, training: Training, n_not_better: int) -> None:
        last = training.counts.last_return
        if self.stop_at_return is not None and last is not None and last >= self.stop_at_return:
            raise TrainingStop(f"the evaluation return has reached {last:g}")
        if self.patience is not None and n_not_better >= self.patience:
            raise TrainingStop(f"{n_not_better} evaluations in a row brought nothing better")
        if self.max_seconds is not None and training.seconds > self.max_seconds:
            raise TrainingStop(f"{self.max_seconds:g} seconds are over")


class _Setting:
    """What training happens in: the environment as it was scouted, the model, and the players."""

    def __init__(
        self,
        runner: TrainingRunner,
        recipe: EnvRecipe,
        path: Path,
        *,
        model: Mapping[str, Any],
        seeding: Seeding,
        allowed: Sequence[str] | None,
        device: str,
        n_envs: int,
    ) -> None:
        seed = TrainingSeeds(seeding).model
        agent = partial(TorchPolicy, model=model, device=device, n_envs=n_envs, seed=seed)
        job = RolloutJob(
            env=recipe,
            policy=PolicyRecipe(agent),
            run_dir=path,
            max_episode_steps=runner.max_episode_steps,
            n_envs=n_envs,
            preparation_seed=seeding.preparation_seed,
        )
        env = recipe()
        self.observation_spaces, self.action_spaces = dict(env.observation_spaces), dict(env.action_spaces)
        masks = env.action_masks
        recipe.close(env)
        self._device = torch.device(device)
        self._recipe, self._runner = recipe, runner
        spaces = self.observation_spaces, self.action_spaces
        self.model = build_model(model, *spaces, masks, seed=seed, allowed=allowed).to(self._device)
        self.scouted = scout(job)
        if self.scouted.normalization is not None:
            write_normalization(self.scouted.normalization, path)
        job = replace(job, traits=self.scouted.traits)
        self.players: EpisodePlayers = (
            EpisodePlayer(job, *spaces)
            if runner.n_processes == 1
            else PlayerPool(job, *spaces, runner.n_processes, runner.step_timeout)
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.players.close()

    def workshop(self, training: Training, should_stop: Any) -> Workshop:
        return Workshop(
            model=self.model,
            device=self._device,
            generator=training.generator,
            play=training.play,
            score=training.score,
            should_stop=should_stop,
            env=self._recipe,
            traits=self.scouted.traits,
            dataset=self._runner.dataset,
        )


def write_normalization(content: Mapping[str, Any], run_dir: Path) -> None:
    """Keep the statistics that observations are normalised by.

    Args:
        content: As `normalization_content` gives it.
        run_dir: Where.
    """
    import json

    temporary = run_dir / f"{NORMALIZATION_FILE}.tmp"
    temporary.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    publish(temporary, run_dir / NORMALIZATION_FILE)


def _can_resume(record: TrainingRecord, algorithm: Algorithm) -> bool:
    """Whether a run is of the same algorithm, and has not come to its end."""
    kind = f"{type(algorithm).__module__}.{type(algorithm).__qualname__}"
    return record.metadata.get("algorithm") == kind and record.metadata.get("status") != "completed"


def _seeding(seeding: Seeding | Mapping[str, Any] | None, resumed: TrainingRecord | None) -> Seeding:
    if isinstance(seeding, Seeding):
        return seeding
    settings = dict(seeding or {})
    known = [field.name for field in fields(Seeding)]
    for key in settings:
        if key not in known:
            raise ConfigurationError(f"seeding has no key {key!r}{suggest(str(key), known)}")
    if resumed is not None and all(value is None for key, value in settings.items() if key.endswith("_base_seed")):
        return Seeding(**resumed.metadata["seeding"])
    return Seeding(**settings)


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
