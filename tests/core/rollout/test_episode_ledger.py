from __future__ import annotations

from maze.core.recording.segment import EpisodeSpec
from maze.core.rollout.episode_ledger import EpisodeLedger
from maze.core.rollout.rollout_job import Committed, Done, Failed, Noted
from maze.core.rollout.rollout_observer import RolloutObserver


class Diary(RolloutObserver):
    def __init__(self) -> None:
        self.entries: list[object] = []

    def episode_done(self, number: int, episode_return: float, length: int) -> None:
        self.entries.append(("done", number, episode_return, length))

    def episode_failed(self, number: int, message: str) -> None:
        self.entries.append(("failed", number, message))

    def note(self, line: str) -> None:
        self.entries.append(line)


def specs(n: int) -> list[EpisodeSpec]:
    return [EpisodeSpec(number, 10 + number, 20 + number) for number in range(n)]


def numbers(taken: list[EpisodeSpec]) -> list[int]:
    return [spec.number for spec in taken]


def test_every_episode_is_handed_out_once_in_order() -> None:
    ledger = EpisodeLedger(specs(5), RolloutObserver())
    assert numbers(ledger.take(2)) == [0, 1]
    assert ledger.n_waiting == 3
    assert numbers(ledger.take(9)) == [2, 3, 4]
    assert ledger.take(1) == []


def test_what_is_given_back_is_played_next_in_order() -> None:
    ledger = EpisodeLedger(specs(5), RolloutObserver())
    ledger.take(3)
    ledger.give_back({2, 0})
    assert numbers(ledger.take(9)) == [0, 2, 3, 4]


def test_only_a_commit_settles_an_episode_that_was_played() -> None:
    ledger = EpisodeLedger(specs(2), RolloutObserver())
    ledger.take(2)
    ledger.hear(Done(0, 1.0, 3))
    assert ledger.unsettled == [0, 1]
    ledger.hear(Committed({"part-a": [0]}))
    assert (ledger.unsettled, ledger.is_settled) == ([1], False)
    ledger.hear(Committed({"part-b": [1]}))
    assert ledger.is_settled


def test_an_episode_that_is_played_again_is_told_once() -> None:
    diary = Diary()
    ledger = EpisodeLedger(specs(1), diary)
    ledger.take(1)
    for _ in range(2):
        ledger.hear(Done(0, 1.5, 3))
    assert diary.entries == [("done", 0, 1.5, 3)]
    assert ledger.n_played == 1


def test_an_episode_fails_after_so_many_attempts_with_all_that_is_known() -> None:
    diary = Diary()
    ledger = EpisodeLedger(specs(2), diary, max_attempts=3)
    for attempt in range(3):
        assert ledger.take(1)[0].number == 0
        assert (ledger.unsettled, ledger.failures) == ([0, 1], []), attempt
        ledger.hear(Failed(0, 4, "ValueError: no", "the traceback"))
    assert numbers(ledger.take(9)) == [1]
    assert ledger.unsettled == [1]
    [row] = ledger.failures
    assert (row.number, row.env_seed, row.agent_seed) == (0, 10, 20)
    assert (row.error, row.error_step, row.traceback, row.attempts) == ("ValueError: no", 4, "the traceback", 3)
    assert diary.entries == [("failed", 0, "ValueError: no")]


def test_it_says_when_a_failure_shall_stop_the_run() -> None:
    for stops in (True, False):
        ledger = EpisodeLedger(specs(2), RolloutObserver(), max_attempts=2, stop_on_failure=stops)
        ledger.take(1)
        ledger.hear(Failed(0, 0, "no", ""))
        assert not ledger.must_stop
        ledger.hear(Failed(0, 0, "no", ""))
        assert ledger.must_stop is stops


def test_messages_that_are_no_utf_8_can_be_recorded() -> None:
    ledger = EpisodeLedger(specs(1), RolloutObserver(), max_attempts=1)
    ledger.take(1)
    ledger.hear(Failed(0, 0, "no \udcff", "at \ud800"))
    assert (ledger.failures[0].error, ledger.failures[0].traceback) == ("no \\udcff", "at \\ud800")


def test_notes_are_passed_on() -> None:
    diary = Diary()
    EpisodeLedger(specs(1), diary).hear(Noted("look"))
    assert diary.entries == ["look"]
