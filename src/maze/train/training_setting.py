"""What a training run needs around it: the environment as it was scouted, the model, and who plays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Self

from maze.core.rollout.normalization import NORMALIZATION_FILE
from maze.core.rollout.recipes import PolicyRecipe
from maze.core.rollout.rollout_job import RolloutJob
from maze.core.rollout.scout import scout
from maze.factory import ConfigurationError
from maze.train.algorithms.algorithm import Workshop
from maze.train.episode_player import EpisodePlayer, EpisodePlayers
from maze.train.models.build_model import DEFAULT_MODEL, build_model
from maze.train.player_pool import PlayerPool
from maze.train.torch_policy import N_ENVS, TRUSTED_MODELS, TorchPolicy, torch_device
from maze.train.training import Training
from maze.train.training_record import TrainingRecord, write_json


class TrainingSetting:
    """Looks at the environment, builds the model, and has players ready; when it is left, they are gone.

    Args:
        job: The environment, the run directory, and how episodes are played; its policy is left open.
        model: The network's configuration; None: that of `record`, else `flatten_concat`.
        record: The training run that this one goes on from.
        trusted: Packages, besides maze's, whose classes `record` may name.
        seed: Determines the weights that the model begins with.
        device: Where networks compute.
        n_processes: That play; 1: this one.
        step_timeout: Seconds without a sign of life after which a process is replaced; None: never.

    Raises:
        ConfigurationError: If the model does not fit the environment, or the environment not the record.
    """

    def __init__(
        self,
        job: RolloutJob,
        model: Mapping[str, Any] | None,
        record: TrainingRecord | None,
        *,
        trusted: Sequence[str],
        seed: int,
        device: str,
        n_processes: int,
        step_timeout: float | None,
    ) -> None:
        """Build everything."""
        self.device = torch_device(device)
        self._env, self._trusted = job.env, trusted
        env = job.env()
        try:
            spaces = dict(env.observation_spaces), dict(env.action_spaces)
            masks = env.action_masks
        finally:
            job.env.close(env)
        allowed = None
        if record is not None:
            record.check_spaces(*spaces)
            if model is None:
                model, allowed = record.model, [*TRUSTED_MODELS, *trusted]
        self.model_config = DEFAULT_MODEL if model is None else model
        self.model = build_model(self.model_config, *spaces, masks, seed=seed, allowed=allowed).to(self.device)
        if record is not None and record.normalization.is_file():
            _copy_normalization(record, job)
        agent = partial(TorchPolicy, model=self.model_config, device=device, n_envs=job.n_envs or N_ENVS, seed=seed)
        self.scouted = scout(replace(job, policy=PolicyRecipe(agent)))
        if self.scouted.normalization is not None:
            write_json(job.run_dir / NORMALIZATION_FILE, self.scouted.normalization)
        job = replace(job, policy=PolicyRecipe(agent), traits=self.scouted.traits)
        self.players: EpisodePlayers = (
            EpisodePlayer(job, *spaces) if n_processes == 1 else PlayerPool(job, *spaces, n_processes, step_timeout)
        )

    def workshop(self, training: Training, dataset: Sequence[Path]) -> Workshop:
        """What an algorithm works with.

        Args:
            training: Has the episodes played.
            dataset: Run directories of rollouts to learn from.
        """
        return Workshop(
            model=self.model,
            device=self.device,
            generator=training.generator,
            play=training.play,
            score=training.score,
            env=self._env,
            traits=self.scouted.traits,
            dataset=dataset,
            trusted=self._trusted,
        )

    def __enter__(self) -> Self:
        """Nothing is left to do."""
        return self

    def __exit__(self, *error: object) -> None:
        """Send the players away."""
        self.players.close()


def _copy_normalization(record: TrainingRecord, job: RolloutJob) -> None:
    """Have the environment normalise as the model has learned it, whatever statistics there would be now."""
    try:
        (job.run_dir / NORMALIZATION_FILE).write_bytes(record.normalization.read_bytes())
    except OSError as error:
        raise ConfigurationError(
            f"{record.normalization} cannot be copied to {job.run_dir}: {error.strerror}"
        ) from error
