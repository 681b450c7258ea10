"""Imitation of recorded decisions."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import smooth_l1_loss

from maze.core.env.actor_id import StepKey
from maze.core.rollout.rollout_runner import at_least
from maze.factory import ConfigurationError
from maze.train.action_distribution import ActionDistribution
from maze.train.algorithms.algorithm import Algorithm, Workshop
from maze.train.algorithms.optimizer_state import load_optimizer_state, optimizer_state
from maze.train.models.action_layout import GaussianPart
from maze.train.recorded_decisions import KeyDecisions, RecordedDecisions

EPISODES_AT_ONCE = 8
"""Read at a time, until a piece is full."""


class BehaviourCloning(Algorithm):
    """Learns to decide as was recorded, by maximum likelihood; and critics what was earned from there on.

    Of large data sets only one piece at a time is in memory; the others wait in a temporary folder.

    Args:
        n_epochs: How often all decisions are gone through.
        minibatch_size: Decisions per step of the optimiser.
        learning_rate: Of Adam; it falls to zero.
        validation_fraction: Share of the episodes that is not learned from, but tells how well others are imitated.
        gamma: Discount of a round, for what critics learn.
        critic_coefficient: Of the critics' loss; 0: critics do not learn.
        decisions_in_memory: Of a piece of the data set.

    Raises:
        ConfigurationError: If a value is out of range.
    """

    def __init__(
        self,
        *,
        n_epochs: int = 20,
        minibatch_size: int = 128,
        learning_rate: float = 1e-3,
        validation_fraction: float = 0.1,
        gamma: float = 0.99,
        critic_coefficient: float = 0.5,
        decisions_in_memory: int = 200_000,
    ) -> None:
        """Check and keep the settings."""
        at_least("algorithm.n_epochs", n_epochs, 1, whole=True)
        at_least("algorithm.minibatch_size", minibatch_size, 1, whole=True)
        at_least("algorithm.decisions_in_memory", decisions_in_memory, 1, whole=True)
        if not 0 <= validation_fraction < 1:
            raise ConfigurationError(
                f"algorithm.validation_fraction={validation_fraction}: give a share of 0 to below 1"
            )
        self.n_epochs, self.minibatch_size, self.learning_rate = n_epochs, minibatch_size, learning_rate
        self.validation_fraction, self.gamma = validation_fraction, gamma
        self.critic_coefficient, self.decisions_in_memory = critic_coefficient, decisions_in_memory
        self._n_done = 0
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def begin(self, workshop: Workshop) -> None:
        """Read the data sets."""
        if not workshop.dataset:
            raise ConfigurationError("algorithm=bc imitates recorded rollouts: add runner.dataset=outputs/<a rollout>")
        self._workshop = workshop
        self._optimizer = torch.optim.Adam(workshop.model.parameters(), self.learning_rate, fused=True)
        recorded = RecordedDecisions(
            workshop.dataset,
            workshop.env,
            workshop.model,
            seed_globals=workshop.traits.seed_globals,
            gamma=self.gamma,
        )
        order = np.random.default_rng(workshop.generator.initial_seed()).permutation(len(recorded.episodes)).tolist()
        n_validation = round(self.validation_fraction * len(order))
        if self.validation_fraction and len(order) > 1:
            n_validation = max(n_validation, 1)
        self._folder = tempfile.TemporaryDirectory(prefix="maze-imitation-")
        folder = Path(self._folder.name)
        chosen = [recorded.episodes[place] for place in order]
        self._validation = self._pieces(folder / "validation", recorded, chosen[:n_validation])
        self._training = self._pieces(folder / "training", recorded, chosen[n_validation:])

    def iterate(self) -> dict[str, float]:
        """Go through all decisions once."""
        share = 1 - self.progress
        for group in self._optimizer.param_groups:
            group["lr"] = self.learning_rate * share
        generator = self._workshop.generator
        sums: dict[str, float] = {}
        n = 0
        for place in torch.randperm(len(self._training), generator=generator).tolist():
            for minibatch in self._minibatches(self._training[place].read()):
                if self._workshop.should_stop():
                    return {}
                loss, figures, size = self._loss(minibatch)
                self._optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                self._optimizer.step()
                n += size
                for name, value in figures.items():
                    sums[name] = sums.get(name, 0.0) + size * value
        self._n_done += 1
        figures = {f"learning/{name}": value / max(n, 1) for name, value in sums.items()}
        return figures | self._validate() | {"learning/learning_rate": self.learning_rate * share}

    def end(self) -> None:
        """Remove the pieces on disk."""
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    @property
    def progress(self) -> float:
        """Share of the epochs."""
        return min(self._n_done / self.n_epochs, 1.0)

    def state(self) -> dict[str, Tensor]:
        """Optimiser, and epochs so far."""
        return {**optimizer_state(self._optimizer), "counts": torch.tensor([self._n_done])}

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Go on."""
        load_optimizer_state(self._optimizer, state)
        if "counts" in state:
            self._n_done = int(state["counts"][0])

    def _validate(self) -> dict[str, float]:
        """Loss and accuracy on the decisions that are not learned from."""
        sums: dict[str, float] = {}
        n = 0
        with torch.no_grad():
            for piece in self._validation:
                _, figures, size = self._loss(_tensors(piece.read(), self._workshop.device))
                n += size
                for name, value in figures.items():
                    sums[name] = sums.get(name, 0.0) + size * value
        return {f"validation/{name}": value / n for name, value in sums.items()} if n else {}

    def _loss(self, batch: Mapping[StepKey, _KeyTensors]) -> tuple[Tensor, dict[str, float], int]:
        """The loss, what it consists of, and the number of decisions."""
        model = self._workshop.model
        n = sum(len(actions) for _, actions, _ in batch.values())
        total = torch.zeros((), device=self._workshop.device)
        figures = {"loss": 0.0, "loss_critic": 0.0, "entropy": 0.0}
        for key, (leaves, actions, returns) in batch.items():
            layout, share = model.action_layouts[key], len(actions) / n
            distribution = ActionDistribution(model.action_parameters(key, leaves), layout)
            loss = -distribution.log_prob(actions).mean()
            total = total + share * loss
            figures["loss"] += share * float(loss.detach())
            figures["entropy"] += share * float(distribution.entropy().mean().detach())
            if not any(isinstance(part, GaussianPart) for part in layout.parts):
                hits = (distribution.mode == actions).all(1).float().mean()
                figures["accuracy"] = figures.get("accuracy", 0.0) + share * float(hits)
            if self.critic_coefficient:
                critic_loss = smooth_l1_loss(model.values(key, leaves), returns)
                total = total + share * self.critic_coefficient * critic_loss
                figures["loss_critic"] += share * float(critic_loss.detach())
        return total, figures, n

    def _minibatches(self, piece: Mapping[StepKey, KeyDecisions]) -> Iterator[dict[StepKey, _KeyTensors]]:
        """The decisions of all step keys in random order."""
        tensors = _tensors(piece, self._workshop.device)
        n = sum(len(actions) for _, actions, _ in tensors.values())
        order = torch.randperm(n, generator=self._workshop.generator)
        for chosen in torch.split(order, self.minibatch_size):
            minibatch = {}
            first = 0
            for key, (leaves, actions, returns) in tensors.items():
                rows = chosen[(chosen >= first) & (chosen < first + len(actions))] - first
                if len(rows):
                    rows = rows.to(actions.device)
                    minibatch[key] = ([leaf[rows] for leaf in leaves], actions[rows], returns[rows])
                first += len(actions)
            yield minibatch

    def _pieces(self, stem: Path, recorded: RecordedDecisions, episodes: Sequence[tuple[int, int]]) -> list[_Piece]:
        """Put episodes into pieces; all but the only one wait on disk."""
        pieces: list[_Piece] = []
        waiting: list[dict[StepKey, KeyDecisions]] = []
        n = 0
        for first in range(0, len(episodes), EPISODES_AT_ONCE):
            waiting.append(recorded.read(episodes[first : first + EPISODES_AT_ONCE]))
            n += sum(len(decisions.actions) for decisions in waiting[-1].values())
            if n >= self.decisions_in_memory:
                pieces.append(_Piece(_merged(waiting)).moved_to(stem.with_name(f"{stem.name}-{len(pieces)}.npz")))
                waiting, n = [], 0
        if waiting:
            pieces.append(_Piece(_merged(waiting)))
        return pieces


_KeyTensors = tuple[list[Tensor], Tensor, Tensor]
"""Observations, actions and returns."""


class _Piece:
    """Some decisions, in memory or on disk."""

    def __init__(self, decisions: dict[StepKey, KeyDecisions]) -> None:
        self._decisions: dict[StepKey, KeyDecisions] | None = decisions
        self._file: Path | None = None
        self._n_leaves = {key: len(of_key.leaves) for key, of_key in decisions.items()}

    def moved_to(self, file: Path) -> _Piece:
        """The same, on disk."""
        arrays: dict[str, np.ndarray] = {}
        for position, of_key in enumerate((self._decisions or {}).values()):
            arrays |= {f"{position}.leaf.{index}": leaf for index, leaf in enumerate(of_key.leaves)}
            arrays |= {f"{position}.actions": of_key.actions, f"{position}.returns": of_key.returns}
        np.savez(file, **arrays)  # type: ignore[arg-type]
        self._decisions, self._file = None, file
        return self

    def read(self) -> dict[StepKey, KeyDecisions]:
        """The decisions, in memory."""
        if self._decisions is not None:
            return self._decisions
        with np.load(str(self._file), allow_pickle=False) as arrays:
            return {
                key: KeyDecisions(
                    [arrays[f"{position}.leaf.{index}"] for index in range(n)],
                    arrays[f"{position}.actions"],
                    arrays[f"{position}.returns"],
                )
                for position, (key, n) in enumerate(self._n_leaves.items())
            }


def _tensors(piece: Mapping[StepKey, KeyDecisions], device: torch.device) -> dict[StepKey, _KeyTensors]:
    return {
        key: (
            [torch.from_numpy(leaf).to(device) for leaf in of_key.leaves],
            torch.from_numpy(of_key.actions).to(device),
            torch.from_numpy(of_key.returns).to(device),
        )
        for key, of_key in piece.items()
    }


def _merged(pieces: Sequence[Mapping[StepKey, KeyDecisions]]) -> dict[StepKey, KeyDecisions]:
    merged = {}
    for key in dict.fromkeys(key for piece in pieces for key in piece):
        of_key = [piece[key] for piece in pieces if key in piece]
        merged[key] = KeyDecisions(
            [np.concatenate(leaves) for leaves in zip(*(each.leaves for each in of_key), strict=True)],
            np.concatenate([each.actions for each in of_key]),
            np.concatenate([each.returns for each in of_key]),
        )
    return merged
