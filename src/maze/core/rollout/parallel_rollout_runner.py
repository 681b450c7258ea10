"""Rollouts in many processes of this machine."""

from __future__ import annotations

import os
from time import monotonic
from typing import Any

from maze.core.rollout.episode_ledger import EpisodeLedger
from maze.core.rollout.interruption import Interruption
from maze.core.rollout.recipes import EnvRecipe
from maze.core.rollout.rollout_runner import RolloutRunner, at_least
from maze.core.rollout.run import Run
from maze.core.rollout.supervisor import Limits, Supervisor
from maze.core.rollout.worker_handle import MOST_SLOTS
from maze.factory import ConfigurationError

WORTHWHILE_SECONDS = 1.0

SHORTEST_TIMEOUT = 0.1
"""Seconds; no process would live for less."""


class ParallelRolloutRunner(RolloutRunner):
    """Plays the episodes in worker processes, and outlives whatever kills or blocks them.

    Workers never import the caller's main module, so that scripts need no `__main__` guard; what is defined there
    travels by value.

    Args:
        n_processes: Worker processes.
        step_timeout: Seconds without a sign of life (a step, a decision, a commit) after which a worker is killed and
            its episode tried again; None: never.
        start_timeout: Seconds that building environment and policy may take.
        max_restarts: Workers that may die in a row, with no episode played in between, before the run stops.
        **settings: As `RolloutRunner`.

    Raises:
        ConfigurationError: If a value is out of range.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> runner = ParallelRolloutRunner(n_processes=2, n_episodes=4)
        >>> with TemporaryDirectory() as folder:
        ...     runner.run_with("CartPole-v1", run_dir=folder + "/run").status
        'completed'
    """

    def __init__(
        self,
        *,
        n_processes: int = 5,
        step_timeout: float | None = 300.0,
        start_timeout: float = 120.0,
        max_restarts: int = 10,
        **settings: Any,
    ) -> None:
        """Check and keep the settings."""
        super().__init__(**settings)
        at_least("n_processes", n_processes, 1, whole=True)
        at_least("step_timeout", 1 if step_timeout is None else step_timeout, SHORTEST_TIMEOUT)
        at_least("start_timeout", start_timeout, SHORTEST_TIMEOUT)
        at_least("max_restarts", max_restarts, 0, whole=True)
        _check_slots(self.n_envs or 1)
        self.n_processes = n_processes
        self.limits = Limits(step_timeout, start_timeout, self.grace_time, max_restarts)

    def _env_recipe(self, recipe: EnvRecipe) -> EnvRecipe:
        return recipe.for_workers()

    def _play(self, run: Run, ledger: EpisodeLedger, interruption: Interruption) -> None:
        n_processes = min(self.n_processes, max(ledger.n_waiting, 1))
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        with Supervisor(run.job, ledger, run.directory, n_processes, self.limits) as supervisor:
            scouted = supervisor.scout(interruption)
            _check_slots(scouted.n_envs)
            job = run.begin(scouted)
            if n_processes > cores:
                run.observer.note(f"{n_processes} processes share {cores} cores: more of them than cores gain nothing")
            began = monotonic()
            supervisor.play(job, interruption)
            seconds = monotonic() - began
        if n_processes > 1 and seconds < WORTHWHILE_SECONDS and ledger.is_settled:
            run.observer.note(f"{seconds:.1f} s of work gain nothing from processes: runner=sequential is as fast")


def _check_slots(n_envs: int) -> None:
    if n_envs > MOST_SLOTS:
        raise ConfigurationError(f"n_envs={n_envs}: give a number of at most {MOST_SLOTS}, for one process")
