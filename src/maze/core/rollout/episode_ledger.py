"""Which episodes are still to be played, which are being played, and which are done: each counted once."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Sequence

from maze.core.recording.episode_row import EpisodeRow
from maze.core.recording.segment import EpisodeSpec
from maze.core.rollout.rollout_job import Committed, Done, Failed, Report
from maze.core.rollout.rollout_observer import RolloutObserver


class EpisodeLedger:
    """The account of a run's episodes: every one ends committed or failed, and none twice.

    Args:
        specs: The episodes to play.
        observer: Is told what happens to them.
        max_attempts: How often an episode is tried before it has failed.
        stop_on_failure: Whether no further episode shall begin when one has failed for good.

    Example:
        >>> ledger = EpisodeLedger([EpisodeSpec(0, 1, 2)], RolloutObserver())
        >>> ledger.take(5)
        [EpisodeSpec(number=0, env_seed=1, agent_seed=2)]
        >>> ledger.hear(Committed({"part-0": [0]}))
        >>> ledger.is_settled
        True
    """

    def __init__(
        self,
        specs: Sequence[EpisodeSpec],
        observer: RolloutObserver,
        *,
        max_attempts: int = 3,
        stop_on_failure: bool = False,
    ) -> None:
        """Begin with every episode still to be played."""
        self._observer = observer
        self._stop_on_failure = stop_on_failure
        self._max_attempts = max_attempts
        self._specs = specs
        self._n_begun = 0
        self._n_open = len(specs)
        # Only episodes that have begun and are not settled are kept one by one, so that memory is bounded.
        self._begun: dict[int, int] = {}  # number -> position among the specs
        self._given_back: deque[int] = deque()
        self._is_played = bytearray(len(specs))  # by position, one byte each
        self._attempts: Counter[int] = Counter()
        self.n_played = 0
        self.failures: list[EpisodeRow] = []

    n_played: int
    """Episodes that were played to their end, committed or not; each counts once."""

    @property
    def n_waiting(self) -> int:
        """Episodes that nobody plays."""
        return len(self._given_back) + len(self._specs) - self._n_begun

    @property
    def n_given_back(self) -> int:
        """Those of them that are to be played again."""
        return len(self._given_back)

    @property
    def is_settled(self) -> bool:
        """Whether every episode is committed or has failed."""
        return not self._n_open

    @property
    def unsettled(self) -> list[int]:
        """Numbers of the episodes that are neither committed nor failed."""
        return sorted([*self._begun, *(spec.number for spec in self._specs[self._n_begun :])])

    def take(self, count: int) -> list[EpisodeSpec]:
        """Hand out up to `count` episodes."""
        positions = [self._given_back.popleft() for _ in range(min(count, len(self._given_back)))]
        n_new = min(count - len(positions), len(self._specs) - self._n_begun)
        positions += range(self._n_begun, self._n_begun + n_new)
        self._n_begun += n_new
        specs = [self._specs[position] for position in positions]
        self._begun.update((spec.number, position) for spec, position in zip(specs, positions, strict=True))
        return specs

    @property
    def must_stop(self) -> bool:
        """Whether no further episode shall begin."""
        return self._stop_on_failure and bool(self.failures)

    def hear(self, report: Report) -> None:
        """Take in what a worker reports."""
        if isinstance(report, Done):
            # What a dead worker has lost is played again, and counted once.
            position = self._begun.get(report.number)
            if position is not None and not self._is_played[position]:
                self._is_played[position] = True
                self.n_played += 1
                self._observer.episode_done(*report)
        elif isinstance(report, Committed):
            for numbers in report.parts.values():
                for number in numbers:
                    self._settle(number)
        elif isinstance(report, Failed):
            self._attempts[report.number] += 1
            if self._attempts[report.number] < self._max_attempts:
                self.give_back([report.number])
            else:
                self._settle_failed(report)
                self._observer.episode_failed(report.number, report.error)
        else:
            self._observer.note(report.line)

    def give_back(self, numbers: Iterable[int]) -> None:
        """Take back episodes that were lost through no fault of theirs; they are played next."""
        self._given_back.extendleft(
            self._begun[number] for number in sorted(numbers, reverse=True) if number in self._begun
        )

    def _settle_failed(self, failed: Failed) -> None:
        row = EpisodeRow(
            *self._specs[self._begun[failed.number]],
            error=_writable(failed.error),
            error_step=failed.step,
            traceback=_writable(failed.traceback),
            attempts=self._attempts[failed.number],
        )
        self.failures.append(row)
        self._settle(failed.number)

    def _settle(self, number: int) -> None:
        if self._begun.pop(number, None) is not None:
            self._n_open -= 1


def _writable(text: str) -> str:
    """Text as UTF-8 can hold it; messages quote file names and bytes that are none."""
    return text.encode(errors="backslashreplace").decode()
