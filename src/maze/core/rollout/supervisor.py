"""Runs workers in processes of their own, whatever happens to them: every episode ends committed or failed."""

from __future__ import annotations

import atexit
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil
from multiprocessing.connection import wait
from time import monotonic
from types import TracebackType
from typing import Any, NamedTuple, Self

from maze.core.recording.run_directory import RunDirectory
from maze.core.rollout.episode_ledger import EpisodeLedger
from maze.core.rollout.interruption import Interruption
from maze.core.rollout.rollout_job import Committed, Done, Failed, Noted, Report, RolloutJob
from maze.core.rollout.run import RolloutStopped
from maze.core.rollout.scout import Scouted
from maze.core.rollout.worker_handle import WorkerHandle, pack_surroundings
from maze.core.rollout.worker_process import Begin, Broken, Commit, Play, Ready, Scout, Stop, Stopped

POLL_INTERVAL, LOOK_AHEAD, HANG_UP_TIME, EXIT_TIME, FIRST_BACKOFF, LONGEST_BACKOFF = 0.25, 0.1, 0.5, 5.0, 0.05, 1.0
"""Seconds."""

MOST_DISPATCHED = 2048
"""Episodes."""

MOST_BROKEN = 3
"""Workers in a row that cannot build environment and policy, which a further one would hardly manage."""


@dataclass(frozen=True)
class Limits:
    """What is put up with."""

    step_timeout: float | None = 300.0
    """Seconds without a sign of life after which a worker is killed."""

    start_timeout: float = 120.0
    """Seconds that building environments and policy may take."""

    grace_time: float = 10.0
    """Seconds for the running episodes after an interrupt."""

    max_restarts: int = 10
    """Deaths in a row, with no episode played in between, after which the run stops."""


class _Death(NamedTuple):
    """How a worker ended, and in which episode."""

    cause: str
    episode: int | None
    step: int


@dataclass
class _Worker:
    """A worker, and the episodes that it has."""

    handle: WorkerHandle
    is_ready: bool = False
    is_scouting: bool = False
    is_committing: bool = False
    has_stopped: bool = False
    ready_at: float = 0.0
    n_done: int = 0
    playing: set[int] = field(default_factory=set)
    uncommitted: set[int] = field(default_factory=set)
    parts: list[str] = field(default_factory=list)
    broken: Broken | None = None

    @property
    def is_idle(self) -> bool:
        """Whether it waits for orders, and has nothing to lose."""
        return self.has_stopped or (self.is_ready and not self.playing and not self.uncommitted)

    def death(self, cause: str) -> _Death:
        """How it ends now: in the episode that its heartbeat names, unless it has reported the end of that."""
        episode = self.handle.heartbeat.episode()
        return _Death(cause, episode if episode in self.playing else None, self.handle.heartbeat.step())

    def hear(self, report: Report) -> None:
        """Note which episodes it has."""
        if isinstance(report, Done):
            self.n_done += 1
            self.playing.discard(report.number)
            self.uncommitted.add(report.number)
        elif isinstance(report, Failed):
            self.playing.discard(report.number)
        elif isinstance(report, Committed):
            self.is_committing = False
            for part, numbers in report.parts.items():
                self.parts.append(part)
                self.uncommitted.difference_update(numbers)


class Supervisor:
    """Dispatches episodes to worker processes, buries those that die, and has played again what they lost.

    When it is left, none of its processes is there any more.

    Args:
        job: What the workers do.
        ledger: The episodes to play.
        directory: The run directory.
        n_processes: How many workers there are.
        limits: What is put up with.

    Raises:
        ConfigurationError: If environment or policy cannot be sent to other processes.
    """

    def __init__(
        self,
        job: RolloutJob,
        ledger: EpisodeLedger,
        directory: RunDirectory,
        n_processes: int,
        limits: Limits,
    ) -> None:
        """Prepare to start."""
        self._ledger, self._directory = ledger, directory
        self._n_processes, self._limits = n_processes, limits
        self._surroundings = pack_surroundings(job)
        self._workers: list[_Worker] = []
        self._incarnation = secrets.token_hex(3)
        self._n_started = 0
        self._deaths_in_a_row = 0
        self._n_played = 0
        self._start_after = 0.0
        self._begin: Begin | None = None
        self._scouted: Scouted | None = None
        self._stop_deadline: float | None = None
        self._stopped: RolloutStopped | None = None

    def __enter__(self) -> Self:
        """Take care that the processes end."""
        atexit.register(self._abandon)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the processes: idle ones by themselves, where there is time, and all in any case."""
        idle = [worker for worker in self._workers if worker.is_idle and kind is not KeyboardInterrupt]
        try:
            self._see_off(idle)
        finally:
            for worker in self._workers:
                worker.handle.end()
            for worker in self._workers:
                self._clear_up(worker)
            self._workers.clear()
            atexit.unregister(self._abandon)

    def scout(self, interruption: Interruption) -> Scouted:
        """Have one worker find out what the run has to know.

        Raises:
            RolloutStopped: If environment or policy cannot be built, or the workers die of it.
            KeyboardInterrupt: If it is interrupted.
        """
        while self._scouted is None:
            if interruption.count:
                raise KeyboardInterrupt
            if self._stopped is not None:
                raise self._stopped
            self._staff()
            if self._workers and not any(worker.is_scouting for worker in self._workers):
                self._workers[0].is_scouting = True
                self._workers[0].handle.send(Scout())
            self._listen()
        return self._scouted

    def play(self, job: RolloutJob, interruption: Interruption) -> None:
        """Have all episodes of the ledger played, or as many as an interrupt leaves time for.

        Raises:
            RolloutStopped: If the workers cannot go on.
            KeyboardInterrupt: If it is interrupted twice.
        """
        self._begin = Begin(job.traits, job.n_envs or 1)
        for worker in self._workers:
            worker.handle.send(self._begin)
        while not self._is_over():
            if interruption.count > 1:
                raise KeyboardInterrupt
            if interruption.count or self._ledger.must_stop or self._stopped is not None:
                self._stop()
            self._staff()
            for worker in self._workers:
                self._dispatch(worker, self._begin.n_envs)
            self._listen()
        if self._stopped is not None and not self._ledger.is_settled:
            raise self._stopped

    @property
    def _is_stopping(self) -> bool:
        return self._stop_deadline is not None

    def _stop(self) -> None:
        """Begin no further episodes; those that have begun get some seconds to end and to be committed."""
        if self._stop_deadline is None:
            self._stop_deadline = monotonic() + self._limits.grace_time
            for worker in self._workers:
                worker.handle.send(Stop())

    def _is_over(self) -> bool:
        if self._stop_deadline is None:
            return self._ledger.is_settled
        return monotonic() > self._stop_deadline or all(
            worker.has_stopped or not worker.is_ready for worker in self._workers
        )

    def _staff(self) -> None:
        """Start workers where there are too few: at first, and where some have died."""
        needed = max(1, min(self._n_processes, len(self._workers) + self._ledger.n_waiting))
        while len(self._workers) < needed and not self._is_stopping and monotonic() >= self._start_after:
            self._n_started += 1
            try:
                handle = WorkerHandle(f"{self._incarnation}-{self._n_started:03}", self._surroundings)
            except (OSError, EOFError) as error:
                self._back_off()
                self._count_death(f"could not be started ({type(error).__name__}: {error})")
                break
            self._workers.append(_Worker(handle))
            if self._begin is not None:
                handle.send(self._begin)

    def _dispatch(self, worker: _Worker, n_envs: int) -> None:
        """Give a worker enough to do for a moment, and no more: at the end all shall finish together."""
        if not worker.is_ready or self._is_stopping:
            return
        waiting = self._ledger.n_waiting
        per_second = worker.n_done / max(monotonic() - worker.ready_at, LOOK_AHEAD)
        wanted = min(n_envs + int(per_second * LOOK_AHEAD), MOST_DISPATCHED) - len(worker.playing)
        # Where there are fewer episodes than slots, all workers shall have some.
        slots = min(n_envs - len(worker.playing), ceil(waiting / len(self._workers)))
        share = max(slots, waiting // (2 * len(self._workers)), 1)
        specs = self._ledger.take(min(wanted, share)) if wanted > 0 else []
        if specs:
            worker.playing.update(spec.number for spec in specs)
            worker.handle.send(Play(specs))
        elif worker.uncommitted and not worker.playing and not worker.is_committing:
            worker.is_committing = True
            worker.handle.send(Commit())

    def _listen(self) -> None:
        """Wait for reports and deaths, and look for workers that show no sign of life."""
        wait([waitable for worker in self._workers for waitable in worker.handle.waitables], POLL_INTERVAL)
        for worker in list(self._workers):
            worker.handle.flush()
            self._hear_all(worker)
            death = self._death(worker)
            if death is not None:
                self._bury(worker, death)

    def _death(self, worker: _Worker) -> _Death | None:
        """Whether a worker is dead, or shall be."""
        handle = worker.handle
        if handle.has_hung_up:  # the end of a process closes its pipes before it is known
            handle.await_end(HANG_UP_TIME)
        if handle.is_dead():
            self._hear_all(worker)
            return worker.death(handle.cause_of_death())
        if handle.has_hung_up:
            return worker.death("closed its pipe")
        name, limit = self._patience(worker)
        if limit is None or handle.silence() <= limit:
            return None
        death = worker.death(f"showed no sign of life for {limit:g} s ({name})")
        handle.dump_stacks()  # which may wake it up
        if not worker.is_ready and worker.broken is None:
            error = f"environment and policy are not built within {limit:g} s: look at the stacks, or raise {name}"
            worker.broken = Broken(error, handle.last_words(), is_final=False)
        return death

    def _patience(self, worker: _Worker) -> tuple[str, float | None]:
        """How many seconds of silence are put up with, and what that limit is called."""
        if worker.broken is not None:
            return "close", EXIT_TIME
        if worker.is_ready:
            return "step_timeout", self._limits.step_timeout
        return "start_timeout", self._limits.start_timeout

    def _hear_all(self, worker: _Worker) -> None:
        for message in worker.handle.receive():
            self._hear(worker, message)
        if self._ledger.n_played > self._n_played:
            self._n_played, self._deaths_in_a_row = self._ledger.n_played, 0

    def _hear(self, worker: _Worker, message: Any) -> None:
        if isinstance(message, Scouted):
            self._scouted = message
        elif isinstance(message, Ready):
            worker.is_ready, worker.ready_at = True, monotonic()
        elif isinstance(message, Stopped):
            worker.has_stopped = True
        elif isinstance(message, Broken):
            worker.broken = message
        else:
            worker.hear(message)
            self._ledger.hear(message)

    def _bury(self, worker: _Worker, death: _Death) -> None:
        """Take back the episodes of a dead worker; only the one that its heartbeat names pays for the death."""
        handle = worker.handle
        handle.end()
        stacks = handle.last_words()
        self._clear_up(worker)
        self._workers.remove(worker)
        lost = worker.playing | worker.uncommitted
        if worker.broken is not None or death.episode not in lost:
            self._ledger.give_back(lost)
            cause = death.cause if worker.broken is None else f"could not go on ({worker.broken.error})"
            if worker.broken is None or not worker.broken.is_final:
                self._ledger.hear(Noted(f"a worker process {cause}; what it has not committed is played again"))
            self._back_off()
            self._count_death(death.cause, stacks, worker.broken)
            return
        self._ledger.give_back(lost - {death.episode})
        n_failures = len(self._ledger.failures)
        self._ledger.hear(Failed(death.episode, death.step, f"the worker process {death.cause}", stacks))
        if len(self._ledger.failures) > n_failures:  # until then the episode's attempts are what limits the deaths
            self._count_death(death.cause, stacks)

    def _back_off(self) -> None:
        """Have the next worker start later with each death in a row that is no episode's fault."""
        self._start_after = monotonic() + min(FIRST_BACKOFF * 2**self._deaths_in_a_row, LONGEST_BACKOFF)

    def _count_death(self, cause: str, stacks: str = "", broken: Broken | None = None) -> None:
        """Stop the run after too many deaths."""
        self._deaths_in_a_row += 1
        if broken is not None:
            if broken.is_final or self._deaths_in_a_row >= MOST_BROKEN:
                self._stopped = RolloutStopped(broken.error, broken.traceback, is_wrong_input=broken.is_final)
        elif self._deaths_in_a_row > self._limits.max_restarts:
            self._stopped = RolloutStopped(
                f"{self._deaths_in_a_row} worker processes died in a row, the last one {cause}: "
                "look for what kills them, or raise max_restarts",
                stacks,
            )

    def _see_off(self, workers: Sequence[_Worker]) -> None:
        """Let workers that have nothing to do close their environments, and end by themselves."""
        deadline = monotonic() + EXIT_TIME
        for worker in workers:
            worker.handle.ask_to_exit()
        for worker in workers:
            handle = worker.handle
            while not handle.is_dead() and monotonic() < deadline:
                wait(handle.waitables, max(deadline - monotonic(), 0.0))
                self._hear_all(worker)
            if not handle.is_dead():
                self._ledger.hear(Noted("a worker process did not end by itself: close() of the environment may hang"))
            elif handle.exit_code():
                self._ledger.hear(Noted(f"a worker process {handle.cause_of_death()} in close() of the environment"))

    def _clear_up(self, worker: _Worker) -> None:
        """Hear the last of a worker that has ended, and remove what it has not reported as committed."""
        self._hear_all(worker)
        worker.handle.close()
        self._directory.remove_parts_of(worker.handle.name, but=worker.parts)

    def _abandon(self) -> None:
        """End the processes because this one ends, while a thread of it is still in here."""
        self._stop_deadline = 0.0
        for worker in list(self._workers):
            worker.handle.end()
