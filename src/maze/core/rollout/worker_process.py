"""The process of one worker: what it does with the orders that come through its pipe."""

from __future__ import annotations

import faulthandler
import fcntl
import os
import pickle
import signal
import sys
import threading
import traceback
from collections import deque
from dataclasses import replace
from multiprocessing.connection import Connection
from time import monotonic
from types import FrameType
from typing import Any, NamedTuple

from maze.core.recording.recording_writer import RecordingError
from maze.core.recording.segment import EpisodeSpec
from maze.core.rollout.failed_decision import one_line
from maze.core.rollout.heartbeat import Heartbeat, Phase
from maze.core.rollout.probe import EnvTraits
from maze.core.rollout.rollout_job import Done, Report, RolloutJob
from maze.core.rollout.rollout_worker import RolloutWorker
from maze.core.rollout.scout import scout
from maze.factory import ConfigurationError

REPORT_INTERVAL, ORDER_INTERVAL, IDLE_ORDER_INTERVAL = 0.05, 0.02, 0.001


class Scout(NamedTuple):
    """Find out what the run has to know."""


class Begin(NamedTuple):
    """Build environments and policy, as the scout has found that they have to be."""

    traits: EnvTraits
    n_envs: int


class Play(NamedTuple):
    """Play these episodes as well."""

    specs: list[EpisodeSpec]


class Commit(NamedTuple):
    """Put the finished episodes on disk for good."""


class Stop(NamedTuple):
    """Play no further episodes; finish and commit those that have begun."""


class Ready(NamedTuple):
    """Environments and policy are built."""


class Stopped(NamedTuple):
    """The episodes that had begun are committed."""


class Broken(NamedTuple):
    """The worker cannot go on."""

    error: str
    """In one line."""

    traceback: str
    is_final: bool
    """Another worker would fare no better."""


class WorkerPipes(NamedTuple):
    """What connects a worker with its supervisor."""

    orders: Connection
    reports: Connection
    lifeline: Connection
    """Nobody writes to it; it ends when the supervisor does. No other worker has it, for the kernel only tells one."""

    stacks: Connection
    """Takes the stacks of all threads, on SIGUSR1 and in a crash."""


class Surroundings(NamedTuple):
    """What a worker takes over of the supervisor's process."""

    sys_path: list[str]
    environment: dict[str, str]
    directory: str
    job: bytes
    """Pickled by itself, because what it needs is looked for in `sys_path`."""


def run_worker(name: str, surroundings: Any, pipes: WorkerPipes, beats: Any) -> None:
    """Be a worker until the supervisor closes the pipe of orders, or ends.

    Args:
        name: Unique in the run.
        surroundings: Pickled `Surroundings`, in shared memory.
        pipes: What connects it with the supervisor.
        beats: Where it shows what it does, in shared memory.
    """
    heartbeat = begin_work(pipes, beats)
    process = _WorkerProcess(name, pipes, heartbeat)
    try:
        process.obey(enter(Surroundings(*pickle.loads(surroundings))))  # noqa: S301 - from our own process
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is told as text
        is_final = isinstance(error, RecordingError | ConfigurationError)
        line = str(error) if is_final else one_line(error)
        process.send(Broken(line, traceback.format_exc(), is_final))
    finally:
        process.close()


def begin_work(pipes: WorkerPipes, beats: Any) -> Heartbeat:
    """Make this process one that ends with its supervisor, leaves signals to it, and can show its stacks.

    Args:
        pipes: What connects it with the supervisor.
        beats: Where it shows what it does, in shared memory.
    """
    os.setsid()
    die_with(pipes.lifeline)
    leave_signals_to_supervisor()
    os.set_blocking(pipes.stacks.fileno(), False)  # stacks that are too long are cut, and never hold up a crash
    faulthandler.enable(pipes.stacks.fileno())
    faulthandler.register(signal.SIGUSR1, pipes.stacks.fileno())
    heartbeat = Heartbeat.in_memory(beats)
    heartbeat.enter(Phase.BUILDING)
    return heartbeat


def enter(surroundings: Surroundings) -> RolloutJob:
    """Make this process like the supervisor's, as far as the job may depend on it; returns the job."""
    sys.path[:] = surroundings.sys_path
    os.environ.clear()
    os.environ.update(surroundings.environment)
    os.chdir(surroundings.directory)
    job: RolloutJob = pickle.loads(surroundings.job)  # noqa: S301 - from our own process
    return job


def die_with(lifeline: Connection) -> None:
    """Have this process and those that it forks killed when the other end of the lifeline closes.

    On Linux the kernel does it, whatever this process is busy with; elsewhere a thread does.
    """
    if sys.platform == "linux":
        descriptor = lifeline.fileno()
        fcntl.fcntl(descriptor, fcntl.F_SETOWN, -os.getpgid(0))
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(descriptor, fcntl.F_SETFL, fcntl.fcntl(descriptor, fcntl.F_GETFL) | os.O_ASYNC)
        if lifeline.poll(0):  # it closed before the kernel was told to watch it
            os.killpg(0, signal.SIGKILL)
    else:
        threading.Thread(target=_await_end, args=(lifeline,), daemon=True).start()


def _await_end(lifeline: Connection) -> None:
    lifeline.poll(None)
    os.killpg(0, signal.SIGKILL)


def leave_signals_to_supervisor() -> None:
    """Do nothing on signals that ask to end; the supervisor gets them too, and decides.

    By a function, because programs that an environment starts would inherit that a signal is ignored or blocked.
    """

    def leave(number: int, frame: FrameType | None) -> None:
        pass

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, leave)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


class _WorkerProcess:
    """Obeys orders, and reports in bundles."""

    def __init__(self, name: str, pipes: WorkerPipes, heartbeat: Heartbeat) -> None:
        self._name, self._pipes, self._heartbeat = name, pipes, heartbeat
        self._worker: RolloutWorker | None = None
        self._queue: deque[EpisodeSpec] = deque()
        self._reports: list[Any] = []
        self._reported_at = self._looked_at = monotonic()
        self._is_commit_ordered = self._is_stopping = False

    def obey(self, job: RolloutJob) -> None:
        """Carry out orders until there is nobody to give any."""
        while (order := self._await_order()) is not None:
            self._heartbeat.enter(Phase.BUILDING)
            if isinstance(order, Scout):
                self.send(scout(job))
            elif isinstance(order, Begin):
                job = replace(job, traits=order.traits, n_envs=order.n_envs)
                self._worker = RolloutWorker(job, self._name, self.report, self._heartbeat)
                self.send(Ready())
            elif self._worker is not None:
                self._go_on(self._worker, order)

    def close(self) -> None:
        """Close the environments, and remove what is not committed."""
        self._heartbeat.enter(Phase.BUILDING)
        if self._worker is not None:
            self._worker.close()
        self.flush()

    def report(self, report: Report) -> None:
        """Tell the supervisor, soon."""
        self._reports.append(report)
        if not isinstance(report, Done) or monotonic() - self._reported_at > REPORT_INTERVAL:
            self.flush()

    def send(self, message: Any) -> None:
        """Tell the supervisor now."""
        self._reports.append(message)
        self.flush()

    def flush(self) -> None:
        """Send what there is to tell."""
        if self._reports:
            self._pipes.reports.send(self._reports)
            self._reports = []
        self._reported_at = monotonic()

    def _await_order(self) -> Any:
        self._heartbeat.enter(Phase.IDLE)
        try:
            return self._pipes.orders.recv()
        except EOFError:
            return None

    def _go_on(self, worker: RolloutWorker, order: Any) -> None:
        self._take(order)
        worker.run(self._next_spec)
        if self._is_stopping or self._is_commit_ordered:
            worker.commit()
            self._is_commit_ordered = False
        if self._is_stopping:
            self._reports.append(Stopped())
        self.flush()

    def _next_spec(self) -> EpisodeSpec | None:
        now = monotonic()
        if now - self._looked_at > (ORDER_INTERVAL if self._queue else IDLE_ORDER_INTERVAL):
            self._looked_at = now
            while self._pipes.orders.poll(0):
                self._take(self._pipes.orders.recv())
        return self._queue.popleft() if self._queue else None

    def _take(self, order: Any) -> None:
        if isinstance(order, Play):
            self._queue.extend(order.specs)
        elif isinstance(order, Commit):
            self._is_commit_ordered = True
        elif isinstance(order, Stop):
            self._queue.clear()
            self._is_stopping = True
