from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from functools import partial
from multiprocessing import Pipe
from pathlib import Path
from typing import Any

from tests.core.rollout.fault_envs import FaultEnv

from maze.core.recording.segment import EpisodeSpec
from maze.core.rollout.heartbeat import Heartbeat, Phase
from maze.core.rollout.probe import EnvTraits
from maze.core.rollout.recipes import EnvRecipe, PolicyRecipe
from maze.core.rollout.rollout_job import Committed, Done, RolloutJob
from maze.core.rollout.worker_process import (
    Begin,
    Commit,
    Play,
    Ready,
    Stop,
    Stopped,
    Surroundings,
    WorkerPipes,
    _WorkerProcess,
    enter,
    leave_signals_to_supervisor,
)

SEED = 7


def obey(run_dir: Path, until: type, *orders: Any) -> list[Any]:
    """Have a worker obey orders that are all in its pipe when it begins; returns what it reports."""
    (run_dir / "episodes").mkdir()
    orders_read, orders_write = Pipe(duplex=False)
    reports_read, reports_write = Pipe(duplex=False)
    for order in orders:
        orders_write.send(order)
    heartbeat = Heartbeat([0] * Heartbeat.size(1))
    process = _WorkerProcess("w", WorkerPipes(orders_read, reports_write, orders_read, reports_write), heartbeat)
    env = partial(FaultEnv, step_seconds={SEED: 0.005})
    job = RolloutJob(EnvRecipe(env), PolicyRecipe(), run_dir)
    thread = threading.Thread(target=process.obey, args=(job,), daemon=True)
    thread.start()
    reports: list[Any] = []
    while not any(isinstance(report, until) for report in reports):
        assert reports_read.poll(5)
        reports += reports_read.recv()
    orders_write.close()
    thread.join(5)
    assert heartbeat.phase() is Phase.IDLE
    process.close()
    for connection in (orders_read, reports_read, reports_write):
        connection.close()
    return reports


def test_a_commit_that_is_ordered_while_an_episode_is_played_is_made(tmp_path: Path) -> None:
    specs = [EpisodeSpec(number, SEED, number) for number in range(3)]
    reports = obey(tmp_path, Committed, Begin(EnvTraits(), 1), Play(specs), Commit())
    assert isinstance(reports[0], Ready)
    assert [report.number for report in reports if isinstance(report, Done)] == [0, 1, 2]
    assert [report.parts for report in reports if isinstance(report, Committed)] == [{"part-w-00001": [0, 1, 2]}]


def test_a_stop_ends_the_episode_that_has_begun_and_commits_it(tmp_path: Path) -> None:
    specs = [EpisodeSpec(number, SEED, number) for number in range(30)]
    reports = obey(tmp_path, Stopped, Begin(EnvTraits(), 1), Play(specs), Stop())
    done = [report.number for report in reports if isinstance(report, Done)]
    assert 1 <= len(done) < 30
    assert [number for r in reports if isinstance(r, Committed) for part in r.parts.values() for number in part] == done
    assert isinstance(reports[-1], Stopped)


def test_a_worker_enters_its_supervisors_surroundings() -> None:
    script = """
import os, pickle, sys
from maze.core.rollout.worker_process import Surroundings, enter
job = enter(Surroundings(["/nowhere"], {"ONLY": "this"}, "/", pickle.dumps("job")))
assert (job, sys.path, dict(os.environ), os.getcwd()) == ("job", ["/nowhere"], {"ONLY": "this"}, "/")
"""
    subprocess.run([sys.executable, "-c", script], check=True)
    assert enter.__annotations__["surroundings"] == Surroundings.__name__


def test_programs_that_a_worker_starts_can_be_interrupted_and_terminated() -> None:
    previous = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        leave_signals_to_supervisor()
        for number in previous:
            os.kill(os.getpid(), number)
            program = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(60)"])
            program.send_signal(number)
            assert program.wait(5) in (-number, 1)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for number, handler in previous.items():
            signal.signal(number, handler)
