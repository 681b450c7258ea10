from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from maze.core.rollout.interruption import Interruption

ROOT = Path(__file__).parents[3]
BOTH = [(signal.SIGINT, 130), (signal.SIGTERM, 143)]


@pytest.mark.parametrize(("number", "exit_code"), BOTH)
def test_it_counts_signals_and_leaves_handlers_as_they_were(number: signal.Signals, exit_code: int) -> None:
    before = [signal.getsignal(number) for number, _ in BOTH]
    with Interruption() as interruption:
        assert (interruption.count, interruption.exit_code) == (0, 0)
        for count in (1, 2, 3):
            signal.raise_signal(number)
            assert (interruption.count, interruption.exit_code) == (count, exit_code)
    assert [signal.getsignal(number) for number, _ in BOTH] == before


def test_handlers_are_put_back_after_an_error() -> None:
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(ValueError, match="no"), Interruption():
        raise ValueError("no")
    assert signal.getsignal(signal.SIGINT) is before


def test_it_raises_when_its_time_is_up() -> None:
    with Interruption(raise_after=0.1) as interruption, interruption.raising():
        signal.raise_signal(signal.SIGTERM)
        began = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            time.sleep(5)
        assert time.monotonic() - began < 1
        assert interruption.exit_code == 143


def test_it_raises_at_the_second_signal() -> None:
    with Interruption(raise_after=60) as interruption, interruption.raising():
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        assert interruption.count == 2


def test_nothing_is_raised_outside_of_where_it_may() -> None:
    for _ in range(200):
        with Interruption(raise_after=0.001) as interruption:
            signal.raise_signal(signal.SIGINT)
            try:
                with interruption.raising():
                    time.sleep(0.0009)
            except KeyboardInterrupt:
                pass
    time.sleep(0.01)


def test_in_other_threads_it_counts_nothing_and_changes_nothing() -> None:
    before = signal.getsignal(signal.SIGINT)
    counts = []

    def enter() -> None:
        with Interruption() as interruption:
            counts.append((interruption.count, signal.getsignal(signal.SIGINT) is before))

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert counts == [(0, True)]


SCRIPT = """
import sys
from functools import partial
from pathlib import Path
from maze.core.rollout.sequential_rollout_runner import SequentialRolloutRunner
from tests.core.rollout.fault_envs import *

marks = Path(sys.argv[1])
fault = Fault({act}, seeds=[5], marks=marks, times=1)
seeding = {{"explicit_env_seeds": list(range(1000))}}
runner = SequentialRolloutRunner(n_episodes=1000, grace_time={grace_time})
env = partial(FaultEnv, fault, step_seconds=dict.fromkeys(range(1000), 0.005))
result = runner.run_with(env, seeding=seeding, run_dir=marks / "run")
print(result.status, len(result), len(result.missing))
sys.exit(result.exit_code)
"""


def run_in_one_process(marks: Path, act: str, grace_time: float, signals: list[signal.Signals]) -> tuple[int, str, str]:
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT.format(act=act, grace_time=grace_time), str(marks)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 20
    while not list(marks.glob("fault-*")):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    for number in signals:
        process.send_signal(number)
        time.sleep(0.2)
    out, err = process.communicate(timeout=5)
    return process.returncode, out, err


@pytest.mark.parametrize(("number", "exit_code"), BOTH)
def test_one_signal_lets_the_running_episode_end(number: signal.Signals, exit_code: int, tmp_path: Path) -> None:
    code, out, err = run_in_one_process(tmp_path, "go_on", 10, [number])
    status, committed, missing = out.split()
    assert (code, status, err) == (exit_code, "interrupted", "")
    assert int(committed) >= 6
    assert int(committed) + int(missing) == 1000


def test_an_episode_that_does_not_end_is_given_up_after_the_grace_time(tmp_path: Path) -> None:
    code, out, err = run_in_one_process(tmp_path, "sleep", 0.3, [signal.SIGINT])
    assert (code, out.split(), err) == (130, ["interrupted", "5", "995"], "")


def test_a_second_signal_gives_it_up_at_once(tmp_path: Path) -> None:
    code, out, err = run_in_one_process(tmp_path, "sleep", 60, [signal.SIGINT, signal.SIGINT])
    assert (code, out.split(), err) == (130, ["interrupted", "5", "995"], "")
