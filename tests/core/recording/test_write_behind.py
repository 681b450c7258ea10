"""One piece of work at a time, and none of its errors lost."""

from __future__ import annotations

from threading import Event, active_count

import pytest

from maze.core.recording.write_behind import WriteBehind


def test_work_goes_on_while_something_else_does() -> None:
    behind, may_go_on, done = WriteBehind(), Event(), list[int]()

    def work() -> None:
        may_go_on.wait()
        done.append(1)

    behind.start(work)
    assert done == []
    may_go_on.set()
    behind.wait()
    assert done == [1]


def test_pieces_of_work_are_done_in_order_and_leave_no_thread() -> None:
    before, behind, done = active_count(), WriteBehind(), list[int]()
    for number in range(20):
        behind.start(lambda number=number: done.append(number))  # type: ignore[misc]
    behind.wait()
    assert done == list(range(20))
    assert active_count() == before


def fail() -> None:
    raise OSError("no space left")


def test_an_error_is_raised_once_by_whoever_waits_next() -> None:
    behind, done = WriteBehind(), list[int]()
    behind.start(fail)
    with pytest.raises(OSError, match="no space left"):
        behind.start(lambda: done.append(1))
    assert done == []
    behind.wait()
    behind.start(fail)
    with pytest.raises(OSError, match="no space left"):
        behind.wait()
