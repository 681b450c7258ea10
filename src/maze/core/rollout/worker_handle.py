"""A worker's process as its supervisor sees it."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import pickle
import signal
import struct
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import forkserver, resource_tracker
from multiprocessing.connection import wait
from pathlib import Path
from time import monotonic
from types import ModuleType
from typing import Any

import cloudpickle

from maze.core.rollout.heartbeat import Heartbeat, Phase
from maze.core.rollout.worker_process import Surroundings, WorkerPipes, run_worker
from maze.factory import ConfigurationError

MOST_SLOTS = 1024
LONGEST_STACK = 65536
FIRST_WORD_TIME, NEXT_WORD_TIME, KILL_TIME, EXIT_CODE_TIME = 1.0, 0.05, 5.0, 1.0
LONGEST_GLANCE = 1.0
"""Seconds. Nobody looks for longer only when this process is suspended, and then the workers may be as well."""

PRELOADED = ["maze.core.rollout.worker_process", "pyarrow.parquet", "gymnasium.wrappers", "pandas"]
"""What every worker needs; pandas, where it is installed, because pyarrow imports it when it makes its first array."""

HEADER = struct.Struct("!i")
"""The size of what follows, as multiprocessing's connections have it for up to 2 GiB."""

_MAIN_LOCK = threading.Lock()


def pack_surroundings(job: object) -> Any:
    """What every worker has to know, in memory that all share: however much it is, starting a worker does not wait.

    Raises:
        ConfigurationError: If environment or policy cannot be pickled.
    """
    try:
        pickled = cloudpickle.dumps(job)
    except Exception as error:
        raise ConfigurationError(
            f"environment, wrappers or policy cannot be sent to other processes ({type(error).__name__}: {error}): "
            "pass a class, a config or a function that makes them there"
        ) from error
    content = pickle.dumps(Surroundings(list(sys.path), dict(os.environ), str(Path.cwd()), pickled))
    shared: Any = _context().RawArray("c", len(content))
    shared.raw = content
    return shared


class WorkerHandle:
    """Starts a worker's process, talks to it without ever waiting for it, and ends it with all that it has started.

    Args:
        name: Unique in the run.
        surroundings: From `pack_surroundings`.
        main: What the process does.

    Raises:
        OSError: If there can be no further process.
        EOFError: If the fork server dies of it.
    """

    def __init__(
        self, name: str, surroundings: Any, main: Callable[[str, Any, WorkerPipes, Any], None] = run_worker
    ) -> None:
        """Start the process."""
        self.name = name
        context = _context()
        beats = context.RawArray("q", Heartbeat.size(MOST_SLOTS))
        self.heartbeat = Heartbeat.in_memory(beats)
        self.heartbeat.enter(Phase.BUILDING)
        their_orders, self._orders = context.Pipe(duplex=False)
        self._reports, their_reports = context.Pipe(duplex=False)
        self._stacks, their_stacks = context.Pipe(duplex=False)
        their_lifeline, self._lifeline = context.Pipe(duplex=False)
        pipes = WorkerPipes(their_orders, their_reports, their_lifeline, their_stacks)
        for connection in (self._orders, self._reports, self._stacks):
            os.set_blocking(connection.fileno(), False)
        self._process = context.Process(
            target=main, args=(name, surroundings, pipes, beats), name=f"maze-worker-{name}"
        )
        _prepare_fork_server()
        with _hidden_main():
            self._process.start()
        for connection in pipes:
            connection.close()
        self._pid: int = self._process.pid
        self._pidfd = _open_pidfd(self._pid)
        self._unsent = self._received = self._last_words = b""
        self.has_hung_up = False
        self._last_beats, self._silence, self._looked_at = b"", 0.0, monotonic()

    @property
    def waitables(self) -> list[Any]:
        """What `multiprocessing.connection.wait` can wait on: reports to read, and the process's end."""
        return [self._end, *([] if self.has_hung_up else [self._reports])]

    @property
    def _end(self) -> int:
        """Shows the process's end; without pidfds, not before processes that it has started have ended as well."""
        return self._process.sentinel if self._pidfd is None else self._pidfd

    def is_dead(self) -> bool:
        """Whether the process has ended; processes that it has started may live on."""
        return bool(wait([self._end], timeout=0)) or (self._pidfd is None and not self._process.is_alive())

    def await_end(self, seconds: float) -> None:
        """Wait until the process has ended, but no longer than this."""
        wait([self._end], timeout=seconds)

    def send(self, order: Any) -> None:
        """Give an order; one that the worker does not live to read is lost with it."""
        content = pickle.dumps(order)
        self._unsent += HEADER.pack(len(content)) + content
        self.flush()

    def flush(self) -> None:
        """Pass on what the pipe would not take before."""
        with contextlib.suppress(BlockingIOError, BrokenPipeError):
            while self._unsent:
                self._unsent = self._unsent[os.write(self._orders.fileno(), self._unsent) :]

    def receive(self) -> list[Any]:
        """Read what the worker has reported in whole; never waits, also where it died in the middle of a report."""
        read, self.has_hung_up = _read_all(self._reports.fileno())
        self._received += read
        messages: list[Any] = []
        while len(self._received) >= HEADER.size:
            end = HEADER.size + HEADER.unpack_from(self._received)[0]
            if len(self._received) < end:
                break
            messages += pickle.loads(self._received[HEADER.size : end])  # noqa: S301 - from our own process
            self._received = self._received[end:]
        return messages

    def silence(self) -> float:
        """Seconds for which a busy worker has shown no sign of life; 0 for an idle one."""
        beats, now = bytes(self.heartbeat.beats), monotonic()
        if beats != self._last_beats or self.heartbeat.phase() is Phase.IDLE:
            self._last_beats, self._silence = beats, 0.0
        else:
            self._silence += min(now - self._looked_at, LONGEST_GLANCE)
        self._looked_at = now
        return self._silence

    def dump_stacks(self) -> None:
        """Have the worker write the stacks of its threads, whatever it is busy with."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGUSR1)
        patience = FIRST_WORD_TIME
        while wait([self._stacks], patience):
            words, has_ended = _read_all(self._stacks.fileno())
            self._last_words += words
            if has_ended:
                break
            patience = NEXT_WORD_TIME

    def last_words(self) -> str:
        """What the worker has written of its stacks, in a crash or when asked."""
        self._last_words += _read_all(self._stacks.fileno())[0]
        return self._last_words[:LONGEST_STACK].decode(errors="replace")

    def exit_code(self) -> int | None:
        """Exit code of a process that has ended, or minus the signal; None if nobody knows."""
        wait([self._process.sentinel], timeout=EXIT_CODE_TIME)
        code: int | None = self._process.exitcode
        return code

    def cause_of_death(self) -> str:
        """How the process ended, in words."""
        code = self.exit_code()
        if code is None:
            return "died"
        if code >= 0:
            return f"exited with code {code}"
        name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
        return f"was killed by {name}"

    def ask_to_exit(self) -> None:
        """Let the worker end by itself."""
        self._orders.close()

    def end(self) -> None:
        """End the process and those that it has started, now; what it has reported can still be read."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._pid, signal.SIGKILL)
        if not self.is_dead():
            self._process.kill()  # it may not have come as far as having a group of its own
            self.await_end(KILL_TIME)

    def close(self) -> None:
        """Forget the process, which has ended."""
        self._process.join(EXIT_CODE_TIME)
        if self._pidfd is not None:
            os.close(self._pidfd)
            self._pidfd = None
        for connection in (self._orders, self._reports, self._stacks, self._lifeline):
            connection.close()


def _context() -> Any:
    has_fork_server = "forkserver" in multiprocessing.get_all_start_methods()
    return multiprocessing.get_context("forkserver" if has_fork_server else "spawn")


def _prepare_fork_server() -> None:
    """Start the fork server unless it runs: it imports what every worker needs, once for all.

    Until that is done a Ctrl-C would end it with a traceback. It ignores them from then on; until then it inherits that
    they are blocked.
    """
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return
    resource_tracker.ensure_running()  # which would unblock it again
    forkserver.set_forkserver_preload([*PRELOADED, *(["torch"] if "torch" in sys.modules else [])])
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


@contextmanager
def _hidden_main() -> Iterator[None]:
    """Keep multiprocessing from importing the caller's main module in workers, which would run a script again."""
    with _MAIN_LOCK:  # or of two threads that do this one would take the other's substitute for the real module
        main = sys.modules["__main__"]
        sys.modules["__main__"] = ModuleType("__main__")
        try:
            yield
        finally:
            sys.modules["__main__"] = main


def _open_pidfd(pid: int) -> int | None:
    """A handle of a process that no later process can have; None where there are none, or it is gone already."""
    try:
        return os.pidfd_open(pid) if hasattr(os, "pidfd_open") else None
    except OSError:
        return None


def _read_all(descriptor: int) -> tuple[bytes, bool]:
    """What can be read at once, and whether that is the end."""
    chunks = []
    try:
        while chunk := os.read(descriptor, 65536):
            chunks.append(chunk)
    except BlockingIOError:
        return b"".join(chunks), False
    return b"".join(chunks), True
