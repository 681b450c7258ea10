"""Writing that goes on while the next is prepared."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock, Thread


class WriteBehind:
    """Runs one piece of work at a time in a thread: compressing and writing need no Python, and hold nothing up.

    Example:
        >>> written = []
        >>> behind = WriteBehind()
        >>> behind.start(lambda: written.append(1))
        >>> behind.wait()
        >>> written
        [1]
    """

    def __init__(self) -> None:
        """Begin with nothing to do."""
        self._thread: Thread | None = None
        self._error: BaseException | None = None
        self._is_working, self._is_stopped = Lock(), False

    def start(self, work: Callable[[], object]) -> None:
        """Begin a piece of work when the one before is done.

        Raises:
            BaseException: What the one before has raised; or this one, where there can be no more threads.
        """
        self.wait()
        if self._is_stopped:
            raise RuntimeError("it has been stopped")
        thread = Thread(target=self._run, args=(work,), name="maze-writer")
        try:
            thread.start()
        except RuntimeError:
            work()
        else:
            self._thread = thread

    def wait(self) -> None:
        """Wait until everything is done.

        Raises:
            BaseException: What the work has raised, again and again: it was not done.
        """
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        if self._error is not None:
            raise self._error

    def stop(self) -> None:
        """Wait for what is under way, and let nothing else begin: what an interrupt has hidden from `start`, say."""
        with self._is_working:
            self._is_stopped = True

    def _run(self, work: Callable[[], object]) -> None:
        with self._is_working:
            if self._is_stopped:
                return
            try:
                work()
            except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
                self._error = error
