"""Writing that goes on while the next is prepared."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread


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

    def start(self, work: Callable[[], object]) -> None:
        """Begin a piece of work when the one before is done.

        Raises:
            BaseException: What the one before has raised.
        """
        self.wait()
        self._thread = Thread(target=self._run, args=(work,), name="maze-writer")
        self._thread.start()

    def wait(self) -> None:
        """Wait until everything is done.

        Raises:
            BaseException: What the work has raised; once.
        """
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        error, self._error = self._error, None
        if error is not None:
            raise error

    def _run(self, work: Callable[[], object]) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
            self._error = error
