"""Ctrl-C and SIGTERM: once to finish what has begun, twice to stop at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any, Self


class Interruption:
    """Counts the interrupts that arrive while it is entered; only in the main thread, where Python handles signals.

    Args:
        raise_after: Seconds from the first interrupt until a `KeyboardInterrupt` is raised, or at once by the second;
            None: never.

    Example:
        >>> with Interruption() as interruption:
        ...     signal.raise_signal(signal.SIGINT)
        >>> interruption.count, interruption.exit_code
        (1, 130)
    """

    def __init__(self, raise_after: float | None = None) -> None:
        """Begin with none."""
        self.count = 0
        self.exit_code = 0
        self._raise_after = raise_after
        self._may_raise = False
        self._timer: threading.Timer | None = None
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> Self:
        """Begin to count."""
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._previous[number] = signal.signal(number, self._count)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the signals as they were."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer.join()  # a signal that it has sent is counted, and not left to the handlers that were there
        for number, handler in self._previous.items():
            if handler is not None:  # nothing from Python can put back one that was not set from Python
                signal.signal(number, handler)

    @contextmanager
    def raising(self) -> Iterator[None]:
        """Let a `KeyboardInterrupt` be raised, here and nowhere else: one `except` around it always catches it."""
        self._may_raise = True
        try:
            yield
        finally:
            self._may_raise = False

    def _count(self, number: int, frame: FrameType | None) -> None:
        self.count += 1
        self.exit_code = 128 + number
        if self._raise_after is None:
            return
        if self.count > 1:
            if self._may_raise:
                raise KeyboardInterrupt
            return
        main = threading.main_thread().ident or 0
        self._timer = threading.Timer(self._raise_after, signal.pthread_kill, (main, number))
        self._timer.daemon = True
        self._timer.start()
