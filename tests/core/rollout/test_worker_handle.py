from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import cloudpickle
import pytest
from tests.core.rollout import fault_envs
from tests.core.rollout.fault_envs import Fault, FaultEnv

from maze.core.recording.segment import EpisodeSpec
from maze.core.rollout import worker_handle
from maze.core.rollout.recipes import EnvRecipe, PolicyRecipe
from maze.core.rollout.rollout_job import RolloutJob
from maze.core.rollout.scout import Scouted
from maze.core.rollout.worker_handle import WorkerHandle, pack_surroundings
from maze.core.rollout.worker_process import Play, Scout
from maze.factory import ConfigurationError


@contextmanager
def worker(run_dir: Path, fault: Fault | None = None) -> Iterator[WorkerHandle]:
    cloudpickle.register_pickle_by_value(fault_envs)
    job = RolloutJob(EnvRecipe(partial(FaultEnv, fault)), PolicyRecipe(), run_dir)
    handle = WorkerHandle("w", pack_surroundings(job))
    cloudpickle.unregister_pickle_by_value(fault_envs)
    try:
        yield handle
    finally:
        handle.end()
        assert handle.is_dead()
        handle.close()


def await_(handle: WorkerHandle, seconds: float = 5.0) -> list[object]:
    """Wait for reports, or for the end."""
    deadline = time.monotonic() + seconds
    while not (reports := handle.receive()) and not handle.is_dead():
        assert time.monotonic() < deadline
        handle.flush()
        time.sleep(0.005)
    return reports


def test_a_worker_reports_and_ends_when_it_is_asked_to(tmp_path: Path) -> None:
    with worker(tmp_path) as handle:
        assert not handle.is_dead()
        handle.send(Scout())
        assert [type(report) for report in await_(handle)] == [Scouted]
        handle.ask_to_exit()
        assert await_(handle) == []
        assert (handle.exit_code(), handle.cause_of_death()) == (0, "exited with code 0")
        assert handle.has_hung_up


@pytest.mark.parametrize(
    ("number", "cause"), [(signal.SIGKILL, "was killed by SIGKILL"), (40, "was killed by signal 40")]
)
def test_the_cause_of_a_death_is_told(number: int, cause: str, tmp_path: Path) -> None:
    with worker(tmp_path) as handle:
        handle.send(Scout())
        await_(handle)
        os.kill(handle._pid, number)
        await_(handle)
        assert handle.cause_of_death() == cause
        handle.send(Scout())


def test_neither_sending_nor_receiving_ever_waits(tmp_path: Path) -> None:
    with worker(tmp_path) as handle:
        handle.send(Scout())
        await_(handle)
        os.kill(handle._pid, signal.SIGSTOP)
        began = time.monotonic()
        for _ in range(20):
            handle.send(Play([EpisodeSpec(number, number, number) for number in range(2048)]))
        handle.send(Scout())
        assert handle.receive() == []
        assert time.monotonic() - began < 1
        os.kill(handle._pid, signal.SIGCONT)
        assert [type(report) for report in await_(handle)] == [Scouted]


def test_a_report_that_breaks_off_is_none(tmp_path: Path) -> None:
    with worker(tmp_path) as handle:
        read, write = os.pipe()
        os.set_blocking(read, False)
        os.dup2(read, handle._reports.fileno())
        os.write(write, (1000).to_bytes(4, "big") + b"half a report")
        assert handle.receive() == []
        assert not handle.has_hung_up
        os.close(write)
        assert handle.receive() == []
        assert handle.has_hung_up
        os.close(read)


def test_each_worker_hangs_by_its_own_lifeline(tmp_path: Path) -> None:
    """They would not if workers shared a pipe's end: the kernel tells but one process of what happens to it."""
    fault = Fault(fault_envs.sleep_with_the_gil, "constructor")
    with worker(tmp_path, fault) as first, worker(tmp_path, fault) as second:
        for handle in (first, second):
            handle.send(Scout())
        time.sleep(0.3)
        first._lifeline.close()
        await_(first, 1.0)
        assert first.is_dead()
        assert not second.is_dead()
        second._lifeline.close()
        await_(second, 1.0)


def test_only_time_that_was_watched_counts_as_silence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with worker(tmp_path, Fault(fault_envs.sleep, "constructor")) as handle:
        handle.send(Scout())
        time.sleep(0.3)
        handle.silence()
        time.sleep(0.2)
        assert 0.2 <= handle.silence() < 1.0
        monkeypatch.setattr(worker_handle, "LONGEST_GLANCE", 0.1)
        before = handle.silence()
        time.sleep(0.3)
        assert handle.silence() - before <= 0.1
        handle.dump_stacks()
        assert "in sleep" in handle.last_words()
        assert "in run_worker" in handle.last_words()


def test_an_idle_worker_is_never_silent(tmp_path: Path) -> None:
    with worker(tmp_path) as handle:
        handle.send(Scout())
        await_(handle)
        time.sleep(0.1)
        assert handle.silence() == 0.0


def test_what_cannot_be_pickled_is_refused_in_one_line(tmp_path: Path) -> None:
    lock = threading.Lock()
    with pytest.raises(ConfigurationError, match=r"cannot be sent .*TypeError.*lock") as info:
        pack_surroundings(RolloutJob(EnvRecipe(lambda: lock), PolicyRecipe(), tmp_path))  # type: ignore[arg-type, return-value]
    assert "\n" not in str(info.value)


def test_the_main_module_is_itself_again(tmp_path: Path) -> None:
    main = sys.modules["__main__"]
    with worker(tmp_path):
        assert sys.modules["__main__"] is main
