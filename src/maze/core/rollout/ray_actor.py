"""The part of a Ray rollout that runs in the cluster: one worker, which ends itself where it hangs."""

from __future__ import annotations

import faulthandler
import mmap
import os
import sys
import threading
import traceback
from array import array
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep
from typing import Any, NamedTuple

import cloudpickle

from maze.core.recording.recording_writer import RecordingError
from maze.core.recording.segment import EpisodeSpec
from maze.core.rollout.failed_decision import one_line
from maze.core.rollout.heartbeat import Heartbeat, Phase
from maze.core.rollout.rollout_job import RolloutJob
from maze.core.rollout.rollout_worker import RolloutWorker
from maze.core.rollout.scout import scout
from maze.core.rollout.worker_process import Broken, Ready

LONGEST_LOOK_AWAY = 1.0
"""Seconds between two looks at the heartbeat."""


class Timeouts(NamedTuple):
    """Seconds after which an actor that shows no sign of life ends itself."""

    start: float
    step: float | None


class Unplayed(NamedTuple):
    """There was no time to begin these episodes."""

    numbers: list[int]


class Surroundings(NamedTuple):
    """What of the caller's process an actor takes over."""

    directory: str
    sys_path: list[str]


class RolloutActor:
    """What runs in a Ray actor: one worker, that plays what it is told to and answers with its reports.

    It ends itself where it shows no sign of life: of all processes that could do it, this one can also tell where it
    hangs, and a thread that `faulthandler` runs in C needs no GIL.

    Args:
        name: Unique in the run.
        job: The job, pickled by cloudpickle.
        run_dir: Where heartbeat and stacks are left for the driver.
        timeouts: When the actor ends itself.
        surroundings: Of the driver.
    """

    _worker: RolloutWorker

    def __init__(self, name: str, job: bytes, run_dir: Path, timeouts: Timeouts, surroundings: Surroundings) -> None:
        """Only take the arguments: what can go wrong belongs into a call, which can answer."""
        self._name, self._job, self._run_dir, self._timeouts = name, job, run_dir, timeouts
        self._surroundings = surroundings
        self._reports: list[Any] = []
        self._heartbeat: Heartbeat | None = None

    def arrive(self) -> list[Any]:
        """Settle in; the answer says that the cluster had room for this actor."""
        return self._answer(None, self._settle_in)

    def scout(self) -> list[Any]:
        """Find out what the run has to know."""
        return self._answer(self._timeouts.start, self._scout)

    def begin(self, job: bytes) -> list[Any]:
        """Build environments and policy."""
        return self._answer(self._timeouts.start, self._build, job)

    def play(self, specs: list[EpisodeSpec], seconds: float) -> list[Any]:
        """Play episodes, and begin none after that time."""
        return self._answer(self._timeouts.step, self._play, deque(specs), monotonic() + seconds)

    def commit(self) -> list[Any]:
        """Put the finished episodes on disk for good."""
        return self._answer(self._timeouts.step, self._worker.commit)

    def close(self) -> list[Any]:
        """Close the environments, and remove what was not committed."""
        return self._answer(self._timeouts.step, self._worker.close)

    def _answer(self, timeout: float | None, do: Callable[..., None], *arguments: Any) -> list[Any]:
        """Do it, and give what it reports; end this process if there is no sign of life in between."""
        try:
            self._end_after(timeout)
            do(*arguments)
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is told as text
            self._reports.append(Broken(one_line(error), traceback.format_exc(), isinstance(error, RecordingError)))
        finally:
            faulthandler.cancel_dump_traceback_later()
        answer = self._reports.copy()
        self._reports.clear()
        return answer

    def _settle_in(self) -> None:
        sys.path += [path for path in self._surroundings.sys_path if path not in sys.path]
        if Path(self._surroundings.directory).is_dir():
            os.chdir(self._surroundings.directory)
        # Open for as long as this process lives, for it may end itself at any time.
        self._stacks = os.open(stacks_path(self._run_dir, self._name), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        threading.Thread(target=self._watch, args=(os.getppid(),), daemon=True).start()

    def _scout(self) -> None:
        self._reports.append(scout(cloudpickle.loads(self._job)))

    def _build(self, pickled: bytes) -> None:
        job: RolloutJob = cloudpickle.loads(pickled)
        beats = _shared_integers(heartbeat_path(self._run_dir, self._name), Heartbeat.size(job.n_envs or 1))
        heartbeat = Heartbeat(beats)
        heartbeat.enter(Phase.BUILDING)
        self._worker = RolloutWorker(job, self._name, self._reports.append, heartbeat)
        heartbeat.enter(Phase.IDLE)
        self._heartbeat = heartbeat
        self._reports.append(Ready())

    def _play(self, specs: deque[EpisodeSpec], deadline: float) -> None:
        def next_spec() -> EpisodeSpec | None:
            return specs.popleft() if specs and monotonic() < deadline else None

        first = iter([specs.popleft()])  # however late it is: every call gets on
        self._worker.run(lambda: next(first, None) or next_spec())
        if specs:
            self._reports.append(Unplayed([spec.number for spec in specs]))

    def _watch(self, raylet: int) -> None:
        """Put the end off whenever there is a sign of life, and end with the process that has started this one."""
        seen, timeout = b"", self._timeouts.step
        while os.getppid() == raylet:
            heartbeat = self._heartbeat
            if heartbeat is not None:
                beats = bytes(heartbeat.beats)  # of the memory, not of the integers in it
                if beats != seen or heartbeat.phase() is Phase.IDLE:
                    seen = beats
                    self._end_after(timeout)
            sleep(LONGEST_LOOK_AWAY if timeout is None else min(timeout / 4, LONGEST_LOOK_AWAY))
        os._exit(1)

    def _end_after(self, seconds: float | None) -> None:
        if seconds is not None:
            faulthandler.dump_traceback_later(max(seconds, 0.001), exit=True, file=self._stacks)


def heartbeat_path(run_dir: Path, name: str) -> Path:
    """Where an actor shows what it does."""
    return run_dir / f".heartbeat-{name}"


def stacks_path(run_dir: Path, name: str) -> Path:
    """Where an actor that ends itself leaves the stacks of its threads."""
    return run_dir / f".stacks-{name}"


def last_beat(path: Path) -> tuple[int | None, int]:
    """Which episode an actor played when it died, and how far it had come; None where it played none."""
    with suppress(FileNotFoundError, ValueError):
        beats = array("q", path.read_bytes())
        if len(beats) >= Heartbeat.size(1):
            heartbeat = Heartbeat(array("q", beats))
            heartbeat.beats[:] = beats
            return heartbeat.episode(), heartbeat.step()
    return None, 0


def _shared_integers(path: Path, size: int) -> Any:
    """Integers that outlive the process which writes them."""
    with path.open("wb+") as file:
        file.truncate(8 * size)
        return memoryview(mmap.mmap(file.fileno(), 8 * size)).cast("q")


def last_words(path: Path) -> str:
    """The stacks that an actor left when it ended itself; empty where it died in another way."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""
