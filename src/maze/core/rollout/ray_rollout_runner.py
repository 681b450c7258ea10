"""Rollouts by the actors of a Ray cluster."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from secrets import token_hex
from time import monotonic, sleep
from types import TracebackType
from typing import Any, Self

import cloudpickle

from maze.core.recording.run_directory import RunDirectory
from maze.core.recording.segment import EpisodeSpec
from maze.core.rollout.episode_ledger import EpisodeLedger
from maze.core.rollout.failed_decision import one_line
from maze.core.rollout.interruption import Interruption
from maze.core.rollout.ray_actor import (
    RolloutActor,
    Surroundings,
    Timeouts,
    Unplayed,
    heartbeat_path,
    last_beat,
    last_words,
    stacks_path,
)
from maze.core.rollout.recipes import EnvRecipe
from maze.core.rollout.rollout_job import Committed, Done, Failed, RolloutJob
from maze.core.rollout.rollout_runner import RolloutRunner, at_least
from maze.core.rollout.run import RolloutStopped, Run
from maze.core.rollout.scout import Scouted
from maze.core.rollout.worker_process import Broken, Ready
from maze.factory import ConfigurationError

CALL_TIME, BATCHED_CALL_TIME = 0.5, 2.0
"""Seconds of episodes per call; where several slots are played at once, more, for at its end they run empty."""

POLL_INTERVAL, EXIT_TIME, FIRST_BACKOFF, LONGEST_BACKOFF = 0.25, 5.0, 0.05, 5.0
"""Seconds."""

MOST_BROKEN = 3
"""Errors in a row while environment and policy are built, which a further attempt would hardly mend."""


class RayRolloutRunner(RolloutRunner):
    """Plays the episodes in actors of a Ray cluster, and outlives whatever kills or blocks them.

    The run directory has to be on a file system that all machines of the cluster share, and `maze` has to be installed
    on all of them; objects from the caller's main module travel by value. A Ray that is initialised already is used and
    left as it is; else the cluster that `RAY_ADDRESS` names; else one is started on this machine and shut down again.

    An actor writes its heartbeat into a file of the run directory. When it dies, only the episode that the heartbeat
    names pays for it with an attempt; where a machine is lost with its heartbeat, none does.

    Args:
        n_processes: Actors, each with one CPU of the cluster; where there are fewer CPUs, fewer play.
        step_timeout: Seconds without a sign of life (a step, a decision, a commit) after which an actor ends and its
            episode is tried again; None: never.
        start_timeout: Seconds that the cluster may take to start an actor, and that building environment and policy
            may take.
        max_restarts: Actors that may die in a row, with no episode played in between, before the run stops.
        **settings: As `RolloutRunner`.

    Raises:
        ConfigurationError: If a value is out of range, or Ray is not installed.
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
        at_least("step_timeout", 1 if step_timeout is None else step_timeout, 0)
        at_least("start_timeout", start_timeout, 0)
        at_least("max_restarts", max_restarts, 0, whole=True)
        if find_spec("ray") is None:
            raise ConfigurationError("runner=ray needs Ray, which is not installed: pip install 'maze-rollouts[ray]'")
        self.n_processes, self.max_restarts = n_processes, max_restarts
        self.timeouts = Timeouts(start_timeout, step_timeout)

    def _env_recipe(self, recipe: EnvRecipe) -> EnvRecipe:
        return recipe.for_workers()

    def _play(self, run: Run, ledger: EpisodeLedger, interruption: Interruption) -> None:
        n_actors = min(self.n_processes, max(ledger.n_waiting, 1))
        try:
            payload = cloudpickle.dumps(run.job)
        except Exception as error:
            raise ConfigurationError(
                f"environment, wrappers or policy cannot be sent to other processes ({one_line(error)}): "
                "pass a class, a config or a function that makes them there"
            ) from error
        with running_ray(n_actors), _ActorSupervisor(payload, ledger, run.directory, n_actors, self) as supervisor:
            supervisor.play(run.begin(supervisor.scout(interruption)), interruption)


@dataclass(eq=False)
class _Actor:
    """An actor, the call that it has not answered yet, and the episodes that it has."""

    name: str
    handle: Any
    call: Any
    called_at: float = field(default_factory=monotonic)
    is_here: bool = False
    is_ready: bool = False
    is_scouting: bool = False
    n_done: int = 0
    seconds: float = 0.0
    playing: set[int] = field(default_factory=set)
    uncommitted: set[int] = field(default_factory=set)
    parts: list[str] = field(default_factory=list)
    broken: Broken | None = None


class _ActorSupervisor:
    """Gives episodes to actors, replaces those that die, and has played again what they lost."""

    def __init__(
        self, job: bytes, ledger: EpisodeLedger, directory: RunDirectory, n_actors: int, settings: RayRolloutRunner
    ) -> None:
        self._job, self._ledger, self._directory, self._n_actors = job, ledger, directory, n_actors
        self._timeouts, self._grace_time = settings.timeouts, settings.grace_time
        self._max_restarts = settings.max_restarts
        self._actors: list[_Actor] = []
        self._incarnation = token_hex(3)
        self._n_started = 0
        self._deaths_in_a_row = 0
        self._start_after = 0.0
        self._alone_since = monotonic()
        self._scouted: Scouted | None = None
        self._begin: bytes | None = None
        self._n_envs, self._call_time = 1, CALL_TIME
        self._stop_deadline: float | None = None

    def __enter__(self) -> Self:
        for _ in range(self._n_actors):
            self._start_actor()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the actors: by themselves where there is time, and in any case."""
        import ray

        if kind is None:
            closing = [actor for actor in self._actors if actor.is_ready and actor.call is None]
            for actor in closing:
                self._call(actor, actor.handle.close)
            deadline = monotonic() + EXIT_TIME
            while any(actor.call is not None for actor in closing) and monotonic() < deadline:
                self._listen(closing)
        for actor in self._actors:
            ray.kill(actor.handle)
        calls = [actor.call for actor in self._actors if actor.call is not None and actor.is_here]
        if calls:  # they fail when the process has ended, which then writes no more
            ray.wait(calls, num_returns=len(calls), timeout=EXIT_TIME, fetch_local=False)
        for actor in self._actors:
            self._clear_up_after(actor)
        self._actors.clear()

    @property
    def is_stopping(self) -> bool:
        """Whether no further episodes are begun."""
        return self._stop_deadline is not None

    def scout(self, interruption: Interruption) -> Scouted:
        """Have one actor find out what the run has to know."""
        while self._scouted is None:
            if interruption.count:
                raise KeyboardInterrupt
            self._go_on()
        return self._scouted

    def play(self, job: RolloutJob, interruption: Interruption) -> None:
        """Have all episodes of the ledger played, or as many as an interrupt leaves time for."""
        self._begin = cloudpickle.dumps(job)
        self._n_envs = job.n_envs or 1
        self._call_time = CALL_TIME if self._n_envs == 1 else BATCHED_CALL_TIME
        while not self._is_over():
            if interruption.count or self._ledger.must_stop:
                grace_time = 0.0 if interruption.count > 1 else self._grace_time
                deadline = monotonic() + grace_time
                self._stop_deadline = deadline if self._stop_deadline is None else min(self._stop_deadline, deadline)
            self._go_on()

    def _is_over(self) -> bool:
        if self._stop_deadline is None:
            return self._ledger.is_settled
        busy = any(actor.is_ready and (actor.call is not None or actor.uncommitted) for actor in self._actors)
        return not busy or monotonic() > self._stop_deadline

    def _go_on(self) -> None:
        """One round: replace the dead, give the idle something to do, and hear answers."""
        lacking = not self._actors or (self._ledger.n_waiting and len(self._actors) < self._n_actors)
        if lacking and not self.is_stopping and monotonic() >= self._start_after:
            self._start_actor()
        for actor in self._actors:
            if actor.call is None:
                self._give_work(actor)
        self._listen(self._actors)
        if any(actor.is_here for actor in self._actors):
            self._alone_since = monotonic()
        elif self._actors and monotonic() - self._alone_since > self._timeouts.start:
            raise RolloutStopped(
                f"the Ray cluster has started no actor for {self._timeouts.start:g} s (start_timeout): "
                "each needs a CPU of the cluster to itself"
            )

    def _start_actor(self) -> None:
        import ray

        self._n_started += 1
        name = f"{self._incarnation}-{self._n_started:03}"
        make: Any = ray.remote(num_cpus=1, max_restarts=0, max_task_retries=0)(RolloutActor)
        surroundings = Surroundings(str(Path.cwd()), [path for path in sys.path if path])
        handle = make.remote(name, self._job, self._directory.path, self._timeouts, surroundings)
        self._actors.append(_Actor(name, handle, handle.arrive.remote()))

    def _give_work(self, actor: _Actor) -> None:
        if self._begin is None:
            if not any(other.is_scouting for other in self._actors):
                actor.is_scouting = True
                self._call(actor, actor.handle.scout)
        elif not actor.is_ready:
            self._call(actor, actor.handle.begin, self._begin)
        elif specs := self._specs_for(actor):
            actor.playing.update(spec.number for spec in specs)
            self._call(actor, actor.handle.play, specs, self._call_time)
        elif actor.uncommitted:
            self._call(actor, actor.handle.commit)

    def _specs_for(self, actor: _Actor) -> list[EpisodeSpec]:
        """As many episodes as a call takes, and no more than a share of what there is: all shall end together."""
        if self.is_stopping:
            return []
        expected = int(actor.n_done / actor.seconds * self._call_time) if actor.seconds else 0
        share = self._ledger.n_waiting // (2 * len(self._actors))
        return self._ledger.take(max(min(expected, share), self._n_envs))

    def _call(self, actor: _Actor, method: Any, *arguments: Any) -> None:
        actor.call, actor.called_at = method.remote(*arguments), monotonic()

    def _listen(self, actors: list[_Actor]) -> None:
        """Wait a moment for answers."""
        import ray

        calls = {actor.call: actor for actor in actors if actor.call is not None}
        if not calls:
            sleep(POLL_INTERVAL)
            return
        answered, _ = ray.wait(list(calls), num_returns=1, timeout=POLL_INTERVAL)
        for call in answered:
            actor = calls[call]
            actor.call = None
            try:
                messages = ray.get(call)
            except ray.exceptions.RayError as error:
                self._bury(actor, str(error))
            else:
                self._hear_all(actor, messages)

    def _hear_all(self, actor: _Actor, messages: list[Any]) -> None:
        if actor.playing:
            actor.seconds += monotonic() - actor.called_at
        for message in messages:
            self._hear(actor, message)
        actor.is_here = True
        if actor.broken is not None:
            self._bury(actor)

    def _hear(self, actor: _Actor, message: Any) -> None:
        if isinstance(message, Scouted):
            self._scouted = message
        elif isinstance(message, Ready):
            actor.is_ready = True
        elif isinstance(message, Unplayed):
            actor.playing.difference_update(message.numbers)
            self._ledger.give_back(message.numbers)
        elif isinstance(message, Broken):
            actor.broken = message
        else:
            self._account(actor, message)
            self._ledger.hear(message)

    def _account(self, actor: _Actor, report: Any) -> None:
        if isinstance(report, Done):
            actor.n_done += 1
            actor.playing.discard(report.number)
            actor.uncommitted.add(report.number)
            self._deaths_in_a_row = 0
        elif isinstance(report, Failed):
            actor.playing.discard(report.number)
        elif isinstance(report, Committed):
            for part, numbers in report.parts.items():
                actor.parts.append(part)
                actor.uncommitted.difference_update(numbers)

    def _bury(self, actor: _Actor, last_message: str = "") -> None:
        """Take back the episodes of a dead actor; only the one that its heartbeat names pays for the death."""
        import ray

        ray.kill(actor.handle)
        self._actors.remove(actor)
        guilty, step = last_beat(heartbeat_path(self._directory.path, actor.name))
        stacks = last_words(stacks_path(self._directory.path, actor.name))
        self._clear_up_after(actor)
        limit, name = (self._timeouts.step, "step") if actor.is_ready else (self._timeouts.start, "start")
        cause = f"showed no sign of life for {limit:g} s ({name}_timeout)" if stacks else "died"
        evidence = stacks or last_message
        lost = actor.playing | actor.uncommitted
        if actor.broken is None and guilty in actor.playing:
            self._ledger.give_back(lost - {guilty})
            self._ledger.hear(Failed(guilty, step, f"the Ray actor {cause}", evidence))
        else:
            self._ledger.give_back(lost)
        if not self.is_stopping:
            self._count_death(actor.broken, cause, evidence)

    def _count_death(self, broken: Broken | None, cause: str, evidence: str) -> None:
        self._deaths_in_a_row += 1
        self._start_after = monotonic() + min(FIRST_BACKOFF * 2**self._deaths_in_a_row, LONGEST_BACKOFF)
        if broken is not None:
            if broken.is_final or self._deaths_in_a_row >= MOST_BROKEN:
                raise RolloutStopped(broken.error, broken.traceback, is_wrong_input=broken.is_final)
        elif self._deaths_in_a_row > self._max_restarts:
            raise RolloutStopped(
                f"{self._deaths_in_a_row} Ray actors died in a row, the last one {cause}: "
                "look for what kills them, or raise runner.max_restarts",
                evidence,
            )

    def _clear_up_after(self, actor: _Actor) -> None:
        run_dir = self._directory.path
        self._directory.remove_parts_of(actor.name, but=actor.parts)
        for path in (heartbeat_path(run_dir, actor.name), stacks_path(run_dir, actor.name)):
            path.unlink(missing_ok=True)


@contextmanager
def running_ray(n_cpus: int) -> Iterator[None]:
    """Use the Ray that is initialised, or the cluster in `RAY_ADDRESS`, or start one here for the time being.

    Raises:
        ConfigurationError: If there is no reaching the cluster.
    """
    import ray

    if ray.is_initialized():
        yield
        return
    address = os.environ.get("RAY_ADDRESS")
    quiet: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
    try:
        with _signals_kept():
            if address:
                ray.init(address, **quiet)
            else:
                os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nobody asked to report to others
                # Workers that nobody needs take time to start, and outlive a driver that is killed.
                none_idle = {"prestart_worker_first_driver": False}
                ray.init("local", num_cpus=n_cpus, include_dashboard=False, _system_config=none_idle, **quiet)
    except (ConnectionError, RuntimeError, ValueError) as error:
        place = f"reach the Ray cluster {address}" if address else "start Ray"
        raise ConfigurationError(f"cannot {place}: {str(error).strip().splitlines()[0]}") from error
    try:
        yield
    finally:
        ray.shutdown()


@contextmanager
def _signals_kept() -> Iterator[None]:
    """Ray handles SIGTERM itself, which the run does already."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, handler)
