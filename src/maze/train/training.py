"""One training run: its model, who plays for it, and what is kept of it on disk."""

from __future__ import annotations

import json
import os
import platform
import socket
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
import torch

from maze.core.recording.part import publish
from maze.core.recording.segment import EpisodeSpec
from maze.core.rollout.scout import Scouted
from maze.core.rollout.seeding import Seeding
from maze.train.algorithms.algorithm import Algorithm
from maze.train.collected_episode import CollectedEpisode
from maze.train.episode_player import EpisodePlayers, PlayOrder
from maze.train.models.actor_critic import ActorCritic
from maze.train.training_record import BEST, FORMAT_VERSION, LAST, TRAINING_FILE, TrainingRecord
from maze.train.training_seeds import TrainingSeeds
from maze.train.weights import load_weights, read_weights, save_weights, weights_of

PACKAGES = ("maze-rollouts", "gymnasium", "numpy", "tensordict", "torch", "torchrl")
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
    seconds: float = 0.0


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

    @property
    def seconds(self) -> float:
        """Of this run, and of what it goes on with."""
        return self.counts.seconds + monotonic() - self._began

    def play(self, n: int) -> list[CollectedEpisode]:
        """Play further episodes by the model as it is; they are shared out among the players."""
        specs = self._seeds.training(self.counts.n_episodes, n)
        weights = self._weights()
        shares = [specs[share :: self._n_players] for share in range(self._n_players)]
        orders = [PlayOrder(share, weights) for share in shares if share]
        self.played = _in_order(self._players.play(orders))
        self._count(self.played)
        return self.played

    def score(self, candidates: Sequence[Mapping[str, np.ndarray]], n: int) -> list[list[float]]:
        """Play the same further episodes by each of several weights, without chance; returns their returns."""
        specs = self._seeds.training(self.counts.n_episodes, n)
        played = self._players.play(
            [PlayOrder(specs, weights, deterministic=True, wants_decisions=False) for weights in candidates]
        )
        episodes = [episode for of_candidate in played for episode in of_candidate]
        self._count(episodes, n)
        self.played = episodes
        return [[float(episode.row.episode_return or 0.0) for episode in of_candidate] for of_candidate in played]

    def evaluate(self) -> list[CollectedEpisode]:
        """Play the episodes of evaluation without chance, up to the environment's own end."""
        weights = self._weights()
        shares: list[list[EpisodeSpec]] = [
            self._evaluated[share :: self._n_players] for share in range(self._n_players)
        ]
        orders = [
            PlayOrder(share, weights, deterministic=True, wants_decisions=False, limits_steps=False)
            for share in shares
            if share
        ]
        return _in_order(self._players.play(orders))

    def note_evaluation(self, mean_return: float) -> bool:
        """Keep the model if it is the best so far; says whether it is."""
        self.counts.last_return = mean_return
        is_best = self.counts.best_return is None or mean_return > self.counts.best_return
        if is_best:
            self.counts.best_return, self.counts.best_iteration = mean_return, self.counts.n_iterations
            save_weights(weights_of(self.model), self.run_dir / f"{BEST}.safetensors")
        return is_best

    def save(self, algorithm: Algorithm, status: str, reason: str = "") -> None:
        """Keep everything that is needed to go on, and to roll out."""
        save_weights(weights_of(self.model), self.run_dir / f"{LAST}.safetensors")
        state = {**algorithm.state(), GENERATOR: self.generator.get_state()}
        save_weights(state, self.run_dir / f"{STATE}.safetensors")
        self.write_metadata(status, reason)

    def write_metadata(self, status: str, reason: str = "") -> None:
        """Write `training.json`."""
        content = {
            **self._metadata,
            "status": status,
            "reason": reason,
            "counts": {**asdict(self.counts), "seconds": self.seconds},
        }
        temporary = self.run_dir / f"{TRAINING_FILE}.tmp"
        temporary.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        publish(temporary, self.run_dir / TRAINING_FILE)

    def go_on(self, record: TrainingRecord, algorithm: Algorithm) -> None:
        """Take up a run that has not come to its end, as if it had never been interrupted.

        Raises:
            ConfigurationError: If its weights cannot be read, or are of another model.
        """
        load_weights(self.model, record.weights(LAST))
        state = read_weights(record.run_dir / f"{STATE}.safetensors")
        self.generator.set_state(state.pop(GENERATOR))
        algorithm.load_state(state)
        self.counts = Counts(**record.metadata["counts"])
        best = record.run_dir / f"{BEST}.safetensors"
        if best.exists():
            save_weights(read_weights(best), self.run_dir / f"{BEST}.safetensors")

    def _count(self, episodes: Sequence[CollectedEpisode], n_numbers: int | None = None) -> None:
        self.counts.n_episodes += len(episodes) if n_numbers is None else n_numbers
        self.counts.n_decisions += sum(episode.row.n_decisions or 0 for episode in episodes)

    def _weights(self) -> dict[str, np.ndarray]:
        return {name: tensor.detach().cpu().numpy().copy() for name, tensor in weights_of(self.model).items()}


def _in_order(played: Sequence[Sequence[CollectedEpisode]]) -> list[CollectedEpisode]:
    """Episodes in order of number, whoever played them: in another order sums would be rounded otherwise."""
    return sorted((episode for of_order in played for episode in of_order), key=lambda episode: episode.row.number)


def training_metadata(
    scouted: Scouted,
    *,
    seeding: Seeding,
    model: Mapping[str, Any],
    algorithm: Algorithm,
    config: Mapping[str, Any],
    n_parameters: int,
    input_dir: str | Path | None,
) -> dict[str, Any]:
    """What `training.json` says from the beginning.

    Args:
        scouted: What was found out about the environment.
        seeding: With the base seeds.
        model: Its configuration.
        algorithm: What learns.
        config: Of the whole run.
        n_parameters: Numbers that the model learns.
        input_dir: The run that this one goes on from.
    """
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        with suppress(PackageNotFoundError):
            versions[package] = version(package)
    described = {key: value for key, value in scouted.description.items() if key != "policy"}
    return {
        "format_version": FORMAT_VERSION,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": versions,
        "host": {"name": socket.gethostname(), "platform": platform.platform(), "cores": os.cpu_count()},
        "command": sys.argv,
        "config": dict(config),
        "seeding": seeding.to_json(),
        **described,
        "traits": asdict(scouted.traits),
        "reproducible": scouted.traits.reproducible,
        "model": dict(model),
        "algorithm": f"{type(algorithm).__module__}.{type(algorithm).__qualname__}",
        "n_parameters": n_parameters,
        "input_dir": None if input_dir is None else str(input_dir),
    }


def episode_figures(episodes: Sequence[CollectedEpisode], prefix: str) -> dict[str, float]:
    """Means over episodes: returns, lengths, the metrics of events, KPIs, and how many were a success.

    Args:
        episodes: At least one.
        prefix: Begins the names.
    """
    rows = [episode.row for episode in episodes]
    figures: dict[str, float] = {
        f"{prefix}/return": float(np.mean([row.episode_return or 0.0 for row in rows])),
        f"{prefix}/length": float(np.mean([row.length or 0 for row in rows])),
    }
    successes = [row.success for row in rows if row.success is not None]
    if successes:
        figures[f"{prefix}/success"] = float(np.mean(successes))
    named: dict[str, list[float]] = {}
    for row in rows:
        for name, metric in (row.metrics or {}).items():
            named.setdefault(f"{prefix}/metrics/{name}", []).append(float(metric.value))
        for name, kpi in (row.kpis or {}).items():
            named.setdefault(f"{prefix}/kpis/{name}", []).append(float(kpi))
    return figures | {name: float(np.mean(values)) for name, values in named.items()}
