"""Environments for tests that die, hang, lie and make a mess, when and as often as they are told."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

from maze.core.agent.policy import StructuredPolicy
from maze.core.env.actor_id import ActorID
from maze.core.recording import part, recording_writer

LENGTH = 8
"""Steps of every episode."""

FAULTY_STEP = 4


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def exit_at_once() -> None:
    os._exit(0)


def segfault() -> None:
    ctypes.string_at(0)


def exit_politely() -> None:
    sys.exit(3)


def fail() -> None:
    raise ValueError("the wheel came off")


def fail_unpicklably() -> None:
    class LockedError(Exception):
        def __init__(self) -> None:
            super().__init__("locked")
            self.lock = threading.Lock()

    raise LockedError


def fail_unspeakably() -> None:
    class SilentError(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no words")

    raise SilentError


def fail_in_no_encoding() -> None:
    raise ValueError("cannot open \udcff\ud800")


def sleep() -> None:
    time.sleep(600)


def sleep_with_the_gil() -> None:
    ctypes.PyDLL(None).sleep(600)


def close_all_files() -> None:
    os.closerange(0, 1024)


def close_standard_streams() -> None:
    sys.stdin.close()
    sys.stdout.close()
    os.close(0)
    os.close(1)


def print_much() -> None:
    os.write(1, b"x" * 200_000 + b"\n")


@dataclass
class Fault:
    """What goes wrong, when, in which episodes, and how often.

    Args:
        act: What happens.
        when: "constructor", "reset", "step" or "close".
        seeds: Of the episodes that it happens in; None: in all, the probe's before the run included.
        marks: Folder where it is counted how often it has happened.
        times: How often it happens in each episode; None: always.
    """

    act: Callable[[], None]
    when: str = "step"
    seeds: Collection[int] | None = None
    marks: Path | None = None
    times: int | None = None

    def strike(self, when: str, seed: int | None) -> None:
        """Do it, if it is time to."""
        if when == self.when and (self.seeds is None or seed in self.seeds) and self._is_due(seed):
            self.act()

    def _is_due(self, seed: int | None) -> bool:
        if self.marks is None or self.times is None:
            return True
        for time_ in range(self.times):
            try:
                (self.marks / f"fault-{self.when}-{seed}-{time_}").touch(exist_ok=False)
            except FileExistsError:
                continue
            return True
        return False


class FaultEnv(gymnasium.Env[np.ndarray, np.int64]):
    """A random walk that goes wrong as it is told, and leaves its process's id in a folder.

    Args:
        fault: What goes wrong.
        marks: Where it leaves files `pid-<process>`.
        step_seconds: How long each step takes, by the seed of the episode.
        start: What happens in the constructor.
    """

    observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (2,))
    action_space = gymnasium.spaces.Discrete(2)

    def __init__(
        self,
        fault: Fault | None = None,
        marks: Path | None = None,
        step_seconds: Mapping[int, float] | None = None,
        start: Callable[[Path], None] | None = None,
    ) -> None:
        self.fault = fault
        self.step_seconds = step_seconds or {}
        self.seed: int | None = None
        self.n = 0
        if marks is not None:
            (marks / f"pid-{os.getpid()}").touch()
            if start is not None:
                start(marks)
        self._strike("constructor")

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, Any]:
        super().reset(seed=seed)
        self.seed, self.n = seed, 0
        self._strike("reset")
        return self._observation(), {}

    def step(self, action: np.int64) -> tuple[np.ndarray, float, bool, bool, Any]:
        self.n += 1
        if self.n == FAULTY_STEP:
            self._strike("step")
        time.sleep(self.step_seconds.get(self.seed or 0, 0.0))
        return self._observation(), float(action), self.n == LENGTH, False, {}

    def close(self) -> None:
        self._strike("close")

    def _strike(self, when: str) -> None:
        if self.fault is not None:
            self.fault.strike(when, self.seed)

    def _observation(self) -> np.ndarray:
        return self.np_random.normal(size=2).astype(np.float32)


def fork_a_helper(marks: Path) -> None:
    """Fork a process that holds all pipes open and would live for long."""
    pid = os.fork()
    if pid == 0:
        time.sleep(600)
        os._exit(0)
    (marks / f"pid-{pid}").touch()


def start_a_helper(marks: Path) -> None:
    """Start a program that would live for long."""
    helper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    (marks / f"pid-{helper.pid}").touch()
    helper.returncode = 0  # or its destructor warns


def start_an_eternal_thread(marks: Path) -> None:
    """Start a thread that keeps the process from ending."""
    threading.Thread(target=time.sleep, args=(600,)).start()


def die_around_the_commit(marks: Path, *, after: bool, act: Callable[[], None] = kill) -> None:
    """Have the first commit of the run go wrong just before or just after a part gets its final name."""
    publish = part.publish

    def publish_and_die(temporary: Path, path: Path) -> None:
        is_first = False
        if path.parent.name == "episodes":
            try:
                (marks / "commit").touch(exist_ok=False)
                is_first = True
            except FileExistsError:
                pass
        if is_first and not after:
            act()
        publish(temporary, path)
        if is_first:
            act()

    part.publish = publish_and_die


def die_at_every_commit(marks: Path) -> None:
    """Have each commit kill its process."""

    def die(temporary: Path, path: Path) -> None:
        kill()

    part.publish = die


def sleep_after_a_death(marks: Path, *, n_processes: int) -> None:
    """Let all processes but the first few hang while they build."""
    own = marks / f"builder-{os.getpid()}"
    if not own.exists():
        own.touch()
    earlier = [path for path in marks.glob("builder-*") if path.stat().st_mtime_ns < own.stat().st_mtime_ns]
    if len(earlier) >= n_processes:
        sleep()


def fail_once_after_a_fault(marks: Path) -> None:
    """Have the first environment that is built after a fault fail in its constructor."""
    if list(marks.glob("fault-*")) and not (marks / "constructor").exists():
        (marks / "constructor").touch()
        fail()


def limit_files(marks: Path) -> None:
    """Let no file of this process grow beyond 2 kB, as if the disk were full."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, 2_000))


def commit_often(marks: Path) -> None:
    """Do not wait seconds for the first commit."""
    recording_writer.FIRST_INTERVAL = 0.2


def go_on() -> None:
    pass


class NoiseEnv(gymnasium.Env[np.ndarray, np.int64]):
    """Shows pictures that do not compress."""

    observation_space = gymnasium.spaces.Box(0, 255, (84, 84, 4), np.uint8)
    action_space = gymnasium.spaces.Discrete(2)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, Any]:
        super().reset(seed=seed)
        self.n = 0
        return self._observation(), {}

    def step(self, action: np.int64) -> tuple[np.ndarray, float, bool, bool, Any]:
        self.n += 1
        return self._observation(), 0.0, self.n == LENGTH, False, {}

    def _observation(self) -> np.ndarray:
        return self.np_random.integers(0, 256, (84, 84, 4), np.uint8)


class BatchPolicy(StructuredPolicy):
    """Decides for four environments at once; the first time that it has four, its process dies."""

    n_envs = 4

    def __init__(self, marks: Path) -> None:
        self.marks = marks

    def reset(self, seed: int, slot: int = 0) -> None:
        pass

    def act(self, observation: Any, actor_id: ActorID, slot: int = 0) -> int:
        return int(observation[0] > 0)

    def act_batch(self, observations: Any, actor_ids: Any, slots: Any) -> list[int]:
        if len(slots) == self.n_envs and not (self.marks / "decided").exists():
            (self.marks / "decided").touch()
            kill()
        return [self.act(observation, ActorID(0, 0)) for observation in observations]
