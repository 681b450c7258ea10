from __future__ import annotations

import os
import re
import subprocess
import sys
import weakref
from pathlib import Path

import pytest

from maze.core.recording.run_directory import RunDirectory
from maze.core.rollout.episode_ledger import EpisodeLedger
from maze.core.rollout.interruption import Interruption
from maze.core.rollout.recipes import EnvRecipe, PolicyRecipe
from maze.core.rollout.rollout_job import RolloutJob
from maze.core.rollout.rollout_observer import RolloutObserver
from maze.core.rollout.seeding import Seeding
from maze.core.rollout.supervisor import Limits, Supervisor

ROOT = Path(__file__).parents[3]


def test_it_can_be_used_without_a_runner_and_is_forgotten(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path / "run")
    job = RolloutJob(EnvRecipe("CartPole-v1"), PolicyRecipe(), directory.path, max_episode_steps=20)
    ledger = EpisodeLedger(Seeding(1, 2).specs(range(50)), RolloutObserver())
    with Interruption() as interruption, Supervisor(job, ledger, directory, 2, Limits()) as supervisor:
        assert supervisor.scout(interruption).n_envs == 1
        supervisor.play(job, interruption)
        assert ledger.is_settled
        assert len(supervisor._workers) == 2
        assert not any(worker.handle.is_dead() for worker in supervisor._workers)
    assert directory.committed() == set(range(50))
    reference = weakref.ref(supervisor)
    del supervisor
    assert reference() is None
    directory.close()


def test_an_interrupt_while_it_scouts_is_raised(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path / "run")
    job = RolloutJob(EnvRecipe("CartPole-v1"), PolicyRecipe(), directory.path)
    ledger = EpisodeLedger(Seeding(1, 2).specs(range(5)), RolloutObserver())
    interruption = Interruption()
    interruption.count = 1
    with pytest.raises(KeyboardInterrupt), Supervisor(job, ledger, directory, 2, Limits()) as supervisor:
        supervisor.scout(interruption)
    assert ledger.unsettled == list(range(5))
    directory.close()


@pytest.mark.parametrize(
    ("trouble", "error"),
    [
        (
            "resource_tracker.ensure_running(); multiprocessing.set_executable('/bin/false')",
            "(ConnectionRefused|BrokenPipe|EOF)Error",
        ),
        ("resource.setrlimit(resource.RLIMIT_NOFILE, (20, 20))", "Too many open files"),
    ],
)
def test_processes_that_cannot_be_started_stop_the_run(trouble: str, error: str, tmp_path: Path) -> None:
    script = f"""
import multiprocessing, resource, sys
from multiprocessing import resource_tracker
from maze.core.rollout.parallel_rollout_runner import ParallelRolloutRunner
runner = ParallelRolloutRunner(n_processes=2, n_episodes=2, max_restarts=3)
{trouble}
result = runner.run_with("CartPole-v1", run_dir={str(tmp_path / "run")!r})
print(result.stopped_because)
sys.exit(result.exit_code)
"""
    run = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert (run.stderr, run.returncode) == ("", 1)
    assert run.stdout.startswith("4 worker processes died in a row, the last one could not be started")
    assert re.search(error, run.stdout)
