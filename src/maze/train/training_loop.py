"""The training loop: iterate, evaluate, keep the best, until the work is done or there is a reason to end."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from time import monotonic
from typing import NamedTuple

from maze.core.rollout.interruption import Interruption
from maze.core.rollout.rollout_runner import at_least
from maze.core.wrappers.time_limit_wrapper import TimeLimitWrapper
from maze.train.algorithms.algorithm import Algorithm
from maze.train.collected_episode import CollectedEpisode
from maze.train.episode_figures import episode_figures
from maze.train.episode_player import MOST_STEPS, EpisodeFailedError
from maze.train.player_pool import PlayersStoppedError
from maze.train.training import Training
from maze.train.training_log import TrainingLog
from maze.train.training_observer import TrainingObserver
from maze.train.training_result import TrainingStatus

SAVE_INTERVAL = 60.0
"""Seconds after which what was learned is kept though no evaluation is due."""


@dataclass(frozen=True)
class TrainingSchedule:
    """When a training run is evaluated, and what ends it before its work is done.

    Args:
        evaluate_every: Iterations between evaluations; 0: only at the beginning and at the end.
        patience: Evaluations in a row without a new best after which training ends; None: it goes on.
        stop_at_return: Mean return in evaluation at which training ends; None: it goes on.
        max_seconds: After which training ends; None: it goes on.

    Raises:
        ConfigurationError: If a value is out of range.
    """

    evaluate_every: int = 5
    patience: int | None = None
    stop_at_return: float | None = None
    max_seconds: float | None = None

    def __post_init__(self) -> None:
        """Refuse what is out of range."""
        at_least("evaluate_every", self.evaluate_every, 0, whole=True)
        at_least("patience", 1 if self.patience is None else self.patience, 1, whole=True)
        at_least("max_seconds", 0 if self.max_seconds is None else self.max_seconds, 0)

    def is_evaluation_due(self, n_iterations: int) -> bool:
        """Whether this iteration is one to evaluate after."""
        return bool(self.evaluate_every) and n_iterations % self.evaluate_every == 0

    def reason_to_end(self, training: Training) -> str | None:
        """Why training is to end, in one line; None: it goes on."""
        last, n_not_better = training.counts.last_return, training.counts.n_not_better
        if self.stop_at_return is not None and last is not None and last >= self.stop_at_return:
            return f"the evaluation return has reached {last:g}"
        if self.patience is not None and n_not_better >= self.patience:
            return f"{n_not_better} evaluations in a row brought nothing better"
        if self.max_seconds is not None and training.seconds > self.max_seconds:
            return f"{self.max_seconds:g} seconds are over"
        return None


class Ending(NamedTuple):
    """How training ended."""

    status: TrainingStatus

    reason: str
    """In one line."""

    traceback: str = ""


class TrainingLoop:
    """Goes on with a training run up to its end.

    An iteration, together with the evaluation that is due after it, counts as a whole or not at all: whatever breaks it
    off, what is kept is the state before it.

    Args:
        training: The run.
        algorithm: What learns; it has begun.
        schedule: When to evaluate, and when to end.
        log: Takes the figures.
        observer: Is told how it gets on.
    """

    def __init__(
        self,
        training: Training,
        algorithm: Algorithm,
        schedule: TrainingSchedule,
        log: TrainingLog,
        observer: TrainingObserver,
    ) -> None:
        """Begin where the run stands."""
        self._training, self._algorithm, self._schedule = training, algorithm, schedule
        self._log, self._observer = log, observer
        self.checkpoint = training.checkpoint(algorithm)
        self._save("running")

    def run(self, interruption: Interruption) -> Ending:
        """Iterate until the work is done, and keep what was learned."""
        try:
            ending = self._iterate(interruption)
        except KeyboardInterrupt:
            ending = Ending("interrupted", "it was interrupted")
        except (EpisodeFailedError, PlayersStoppedError) as error:
            ending = Ending("failed", str(error), traceback.format_exc())
        except FloatingPointError as error:
            advice = "choose a smaller algorithm.learning_rate, or wrappers that scale observations and rewards"
            ending = Ending("failed", f"training has diverged, {error}: {advice}", traceback.format_exc())
        self._save(ending.status, ending.reason)
        return ending

    def _iterate(self, interruption: Interruption) -> Ending:
        training, algorithm = self._training, self._algorithm
        if training.counts.last_return is None:
            with interruption.raising():
                evaluated = training.evaluate()
            self._commit({}, evaluated)
        while algorithm.progress < 1:
            if interruption.count:
                raise KeyboardInterrupt
            with interruption.raising():
                figures = self._improve()
                is_due = self._schedule.is_evaluation_due(training.counts.n_iterations) or algorithm.progress >= 1
                evaluated = training.evaluate() if is_due else []
            self._commit(figures, evaluated)
            self._observer.iterated(training.counts.n_iterations, algorithm.progress, figures)
            reason = self._schedule.reason_to_end(training)
            if reason is not None:
                return Ending("completed", reason)
        return Ending("completed", "all is done")

    def _improve(self) -> dict[str, float]:
        """One iteration; returns figures that tell how it went."""
        training = self._training
        began, n_before = monotonic(), training.counts.n_decisions
        training.played = []
        figures = self._algorithm.iterate()
        training.check_finite()
        training.counts.n_iterations += 1
        seconds = monotonic() - began
        if training.played:
            figures |= episode_figures(training.played, "training")
            figures["time/decisions_per_second"] = (training.counts.n_decisions - n_before) / max(seconds, 1e-9)
        return figures

    def _commit(self, figures: dict[str, float], evaluated: list[CollectedEpisode]) -> None:
        """Count an iteration as done; figures of the evaluation are added to the others."""
        training = self._training
        n_iterations = training.counts.n_iterations
        if evaluated:
            evaluation = episode_figures(evaluated, "evaluation")
            is_best = training.note_evaluation(evaluation["evaluation/return"])
            self._observer.evaluated(n_iterations, evaluation, is_best)
            if any(episode.row.truncated_by == "runner" for episode in evaluated):
                self._observer.note(
                    f"an evaluation episode was cut after {MOST_STEPS:,} steps, for the environment has no limit of "
                    f"its own: add wrappers.limit._target_={TimeLimitWrapper.__module__}.{TimeLimitWrapper.__name__} "
                    "wrappers.limit.max_episode_steps=..."
                )
            figures |= evaluation
        figures |= {"time/n_decisions": float(training.counts.n_decisions), "time/seconds": training.seconds}
        self.checkpoint = training.checkpoint(self._algorithm)
        self._log.write(n_iterations, figures)
        if evaluated or monotonic() - self._saved_at > SAVE_INTERVAL:
            self._save("running")

    def _save(self, status: str, reason: str = "") -> None:
        self._training.save(self.checkpoint, status, reason)
        self._saved_at = monotonic()
