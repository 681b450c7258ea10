"""One piece of work at a time, and none of its errors lost."""

from __future__ import annotations

from threading import Event, Thread, Timer, active_count
from time import sleep

import pytest

from maze.core.recording import write_behind
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


def test_what_is_under_way_is_waited_for_and_nothing_begins_after_a_stop() -> None:
    behind, has_begun, may_go_on, done = WriteBehind(), Event(), Event(), list[int]()

    def work() -> None:
        has_begun.set()
        may_go_on.wait()
        done.append(1)

    behind.start(work)
    has_begun.wait()
    Timer(0.1, may_go_on.set).start()
    behind.stop()
    assert done == [1]
    with pytest.raises(RuntimeError, match="stopped"):
        behind.start(work)
    assert done == [1]


def test_where_there_can_be_no_more_threads_it_is_done_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    class Refused(Thread):
        def start(self) -> None:
            raise RuntimeError("can't start new thread")

    behind, done = WriteBehind(), list[int]()
    monkeypatch.setattr(write_behind, "Thread", Refused)
    behind.start(lambda: done.append(1))
    assert done == [1]
    behind.wait()


def test_work_that_an_interrupt_has_hidden_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted(Thread):
        def start(self) -> None:
            super().start()
            raise KeyboardInterrupt

    behind, done = WriteBehind(), list[int]()
    monkeypatch.setattr(write_behind, "Thread", Interrupted)
    with pytest.raises(KeyboardInterrupt):
        behind.start(lambda: done.append(len(done)))
    behind.stop()
    so_far = list(done)
    sleep(0.1)
    assert done == so_far


def fail() -> None:
    raise OSError("no space left")


def test_an_error_is_raised_whenever_it_is_waited_for() -> None:
    behind, done = WriteBehind(), list[int]()
    behind.start(fail)
    for _ in range(2):
        with pytest.raises(OSError, match="no space left"):
            behind.start(lambda: done.append(1))
        with pytest.raises(OSError, match="no space left"):
            behind.wait()
    assert done == []
