"""What happens in the cutting problem."""

from __future__ import annotations

from dataclasses import dataclass

from maze.core.env.event import Event, Metric


@dataclass(frozen=True)
class InvalidPieceSelected(Event):
    """An empty slot was chosen; the order waits."""

    slot: int


@dataclass(frozen=True)
class InvalidCut(Event):
    """The order did not fit into the chosen piece, as it lay; it waits."""

    piece_width: int
    piece_height: int
    ordered_width: int
    ordered_height: int


@dataclass(frozen=True)
class ValidCut(Event):
    """An order was cut from a piece."""

    piece_width: int
    piece_height: int
    ordered_width: int
    ordered_height: int


@dataclass(frozen=True)
class PieceReplenished(Event):
    """The raw piece was cut, and a new one took its place."""

    width: int
    height: int


@dataclass(frozen=True)
class PieceDiscarded(Event):
    """The oldest of the remains was thrown away, for there was no room."""

    width: int
    height: int
    area: int
    metrics = (Metric(), Metric("area", episode="sum"))


@dataclass(frozen=True)
class PiecesInInventory(Event):
    """The round is over, and this is what is in stock; there is one for each round."""

    n_pieces: int
    metrics = (Metric("n_pieces", episode="mean"), Metric("n_pieces", episode="max", run="max"))
