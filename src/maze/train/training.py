"""One training run: its model, who plays for it, and what is kept of it on disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
import torch
from torch import Tensor

from maze.core.recording.segment import EpisodeSpec
from maze.core.rollout.seeding import Seeding
from maze.factory import ConfigurationError
from maze.train.algorithms.algorithm import Algorithm
from maze.train.collected_episode import CollectedEpisode
from maze.train.episode_player import EpisodePlayers, PlayOrder
from maze.train.models.actor_critic import ActorCritic
from maze.train.training_record import BEST, LAST, TRAINING_FILE, TrainingRecord, write_json
from maze.train.training_seeds import TrainingSeeds
from maze.train.weights import load_weights, read_weights, save_weights, weights_of

STATE = "state"
GENERATOR = "generator"


@dataclass
class Counts:
    """How far training has come."""

    n_iterations: int = 0
    n_episodes: int = 0
    n_decisions: int = 0
    best_return: float | None = None
    best_iteration: int | None = None
    last_return: float | None = None

    n_not_better: int = 0
    """Evaluations in a row without a new best."""

    seconds: float = 0.0


@dataclass(frozen=True)
class Checkpoint:
    """A training run between two iterations: all that it takes to go on from there."""

    weights: Mapping[str, Tensor]

    state: Mapping[str, Tensor]
    """Of the algorithm, and of what is drawn while learning."""

    counts: Counts


class Training:
    """One training run.

    Args:
        run_dir: Where it is kept; it exists.
        model: What learns.
        players: Play for it.
        n_players: Orders that can be carried out at a time.
        seeding: With the base seeds.
        n_eval_episodes: Episodes of an evaluation.
        metadata: For `training.json`.
    """

    def __init__(
        self,
        run_dir: Path,
        model: ActorCritic,
        players: EpisodePlayers,
        *,
        n_players: int,
        seeding: Seeding,
        n_eval_episodes: int,
        metadata: Mapping[str, Any],
    ) -> None:
        """Begin at the beginning."""
        self.run_dir, self.model, self.seeding = run_dir, model, seeding
        self.counts = Counts()
        self.generator = torch.Generator()
        self._players, self._n_players = players, n_players
        self._seeds = TrainingSeeds(seeding)
        self._evaluated = self._seeds.evaluation(n_eval_episodes)
        self._metadata = dict(metadata)
        self._began = monotonic()
        self.generator.manual_seed(self._seeds.learning)
        self.played: list[CollectedEpisode] = []
        """What was played since somebody emptied it."""

    @property
    def seconds(self) -> float:
        """Of this run, and of what it goes on with."""
        return self.counts.seconds + monotonic() - self._began

    def play(self, n: int) -> list[CollectedEpisode]:
        """Play further episodes by the model as it is; they are shared out among the players."""
        played = self._play_shared(self._seeds.training(self.counts.n_episodes, n))
        self._count(played, n)
        return played

    def score(self, candidates: Sequence[Mapping[str, np.ndarray]], n: int) -> list[list[float]]:
        """Play the same further episodes by each of several weights, without chance; returns their returns."""
        specs = self._seeds.training(self.counts.n_episodes, n)
        played = self._players.play(
            [PlayOrder(specs, weights, deterministic=True, wants_decisions=False) for weights in candidates]
        )
        self._count([episode for of_candidate in played for episode in of_candidate], n)
        return [[float(episode.row.episode_return or 0.0) for episode in of_candidate] for of_candidate in played]

    def evaluate(self) -> list[CollectedEpisode]:
        """Play the episodes of evaluation without chance, up to the environment's own end."""
        return self._play_shared(self._evaluated, deterministic=True, wants_decisions=False, limits_steps=False)

    def note_evaluation(self, mean_return: float) -> bool:
        """Keep the model if it is the best so far; says whether it is."""
        counts = self.counts
        counts.last_return = mean_return
        is_best = counts.best_return is None or mean_return > counts.best_return
        counts.n_not_better = 0 if is_best else counts.n_not_better + 1
        if is_best:
            counts.best_return, counts.best_iteration = mean_return, counts.n_iterations
            save_weights(weights_of(self.model), self.run_dir / f"{BEST}.safetensors")
        return is_best

    def check_finite(self) -> None:
        """See that learning has left numbers.

        Raises:
            FloatingPointError: If it has not.
        """
        for name, tensor in weights_of(self.model).items():
            if not torch.isfinite(tensor).all():
                raise FloatingPointError(f"{name} is not finite")

    def checkpoint(self, algorithm: Algorithm) -> Checkpoint:
        """Take down everything as it is."""
        state = {**algorithm.state(), GENERATOR: self.generator.get_state()}
        return Checkpoint(_copied(weights_of(self.model)), _copied(state), replace(self.counts, seconds=self.seconds))

    def save(self, checkpoint: Checkpoint, status: str, reason: str = "") -> None:
        """Keep everything that is needed to go on, and to roll out."""
        save_weights(checkpoint.weights, self.run_dir / f"{LAST}.safetensors")
        save_weights(checkpoint.state, self.run_dir / f"{STATE}.safetensors")
        counts = {**asdict(checkpoint.counts), "seconds": self.seconds}
        content = {**self._metadata, "status": status, "reason": reason, "counts": counts}
        write_json(self.run_dir / TRAINING_FILE, content)

    def go_on(self, record: TrainingRecord, algorithm: Algorithm) -> None:
        """Take up a run that has not come to its end, as if it had never been interrupted.

        Raises:
            ConfigurationError: If what it has kept cannot be read, or is of another model.
        """
        load_weights(self.model, record.weights(LAST))
        file = record.run_dir / f"{STATE}.safetensors"
        state = read_weights(file)
        try:
            self.generator.set_state(state[GENERATOR])
            algorithm.load_state(state)
            self.counts = Counts(**record.metadata["counts"])
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise ConfigurationError(
                f"{file} is damaged, or of another version ({error!r}): choose another algorithm=... to begin with the "
                "best weights"
            ) from None
        best = record.run_dir / f"{BEST}.safetensors"
        if best.exists():
            save_weights(read_weights(best), self.run_dir / f"{BEST}.safetensors")

    def _play_shared(self, specs: Sequence[EpisodeSpec], **how: bool) -> list[CollectedEpisode]:
        """Play episodes by the model as it is; in order of number, so that no sum tells who has played which."""
        weights = {name: tensor.cpu().numpy() for name, tensor in _copied(weights_of(self.model)).items()}
        shares = [specs[share :: self._n_players] for share in range(self._n_players)]
        played = self._players.play([PlayOrder(share, weights, **how) for share in shares if share])
        return sorted((episode for share in played for episode in share), key=lambda episode: episode.row.number)

    def _count(self, played: Sequence[CollectedEpisode], n_numbers: int) -> None:
        self.played += played
        self.counts.n_episodes += n_numbers
        self.counts.n_decisions += sum(episode.row.n_decisions or 0 for episode in played)


def _copied(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in tensors.items()}
