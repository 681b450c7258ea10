"""What a worker shows of itself while it works: which episode, which decision, or what else."""

from __future__ import annotations

from collections.abc import MutableSequence
from enum import IntEnum
from typing import Any


class Phase(IntEnum):
    """What a worker does when it does not play the slot that its heartbeat names."""

    IDLE = -1
    BUILDING = -2
    COMMITTING = -3
    DECIDING = -4


class Heartbeat:
    """Integers that a worker writes and its supervisor reads, without a lock.

    The first is the slot being played, or a `Phase`; then follow each slot's episode and its decisions so far. Nobody
    need write the time: a supervisor that sees no integer change knows how long it has seen none.

    Args:
        beats: The integers, 1 + 2 * `n_slots` of them.

    Example:
        >>> heartbeat = Heartbeat([0] * Heartbeat.size(n_slots=2))
        >>> heartbeat.begin(slot=1, number=17)
        >>> heartbeat.episode(), heartbeat.phase()
        (17, None)
    """

    def __init__(self, beats: MutableSequence[int]) -> None:
        """Begin idle."""
        self.beats = beats
        self.enter(Phase.IDLE)

    @classmethod
    def in_memory(cls, array: Any) -> Heartbeat:
        """A heartbeat in an array of 64-bit integers that processes share."""
        beats: Any = memoryview(array).cast("B").cast("q")
        return cls(beats)

    @staticmethod
    def size(n_slots: int) -> int:
        """Number of integers."""
        return 1 + 2 * n_slots

    @staticmethod
    def position(slot: int) -> int:
        """Index of the integer that counts a slot's decisions."""
        return 2 + 2 * slot

    def begin(self, slot: int, number: int) -> None:
        """Show that an episode begins in a slot."""
        beats = self.beats
        beats[1 + 2 * slot] = number
        beats[2 + 2 * slot] = 0
        beats[0] = slot

    def enter(self, phase: Phase) -> None:
        """Show that something other than an episode goes on."""
        self.beats[0] = phase

    def phase(self) -> Phase | None:
        """What goes on, if it is no episode."""
        return Phase(self.beats[0]) if self.beats[0] < 0 else None

    def episode(self) -> int | None:
        """Number of the episode that goes on."""
        return None if self.beats[0] < 0 else self.beats[self.position(self.beats[0]) - 1]

    def step(self, slot: int | None = None) -> int:
        """Decisions carried out in a slot's episode; by default in the one that goes on."""
        return self.beats[self.position(max(self.beats[0], 0) if slot is None else slot)]
