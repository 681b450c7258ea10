"""The stock of pieces that orders are cut from."""

from __future__ import annotations

from typing import NamedTuple

from maze.factory import ConfigurationError
from maze_envs.logistics.cutting_2d.guillotine_cut import CutOrder, Size, remains_of


class Cut(NamedTuple):
    """What one cut did to the stock."""

    piece: Size
    """What was cut."""

    part: Size
    """What was cut out of it, as it lay in the piece."""

    order: CutOrder
    """Which cut came first."""

    remains: tuple[Size, ...]
    """What went back into stock, in the order in which it was cut off."""

    discarded: tuple[Size, ...]
    """What was thrown away for want of room, oldest first."""

    is_raw: bool
    """Whether it was the raw piece, so that a new one took its place."""


class Inventory:
    """Pieces in the order of their age, with the raw piece in front.

    Slot 0 always holds the raw piece: it never ages, is never thrown away, and where it is cut a new one takes its
    place. Behind it lie the remains of earlier cuts, oldest first. The age of a piece counts from the cut that made it,
    whatever the age of what it was cut from; of two remains of one cut the one that was cut off first is the older one.

    Args:
        raw_piece: Size of the raw piece.
        max_pieces: Pieces that there is room for, the raw one included.

    Raises:
        ConfigurationError: If there is no room for the raw piece.

    Example:
        >>> inventory = Inventory(Size(4, 3), max_pieces=2)
        >>> inventory.cut(0, Size(1, 2), CutOrder.VERTICAL_FIRST).discarded
        (Size(width=3, height=3),)
        >>> inventory.pieces
        [Size(width=4, height=3), Size(width=1, height=1)]
    """

    def __init__(self, raw_piece: Size, max_pieces: int) -> None:
        """Begin with the raw piece alone."""
        if max_pieces < 1:
            raise ConfigurationError(
                f"an inventory of {max_pieces} pieces has no room for the raw one: make it 1 at least"
            )
        self.raw_piece = raw_piece
        self.max_pieces = max_pieces
        self.pieces = [raw_piece]

    def reset(self) -> None:
        """Go back to the raw piece alone."""
        self.pieces = [self.raw_piece]

    def cut(self, slot: int, part: Size, order: CutOrder) -> Cut | None:
        """Cut a part out of a piece; None, and nothing done, if it does not fit as it lies.

        Args:
            slot: Of the piece; it is not empty.
            part: What is wanted, as it lies in the piece.
            order: Which of the two cuts comes first.
        """
        pieces, piece = self.pieces, self.pieces[slot]
        if not part.fits_into(piece):
            return None
        remains = remains_of(piece, part, order)
        if slot:
            del pieces[slot]
        pieces.extend(remains)
        n_excess = len(pieces) - self.max_pieces
        discarded: tuple[Size, ...] = ()
        if n_excess > 0:
            discarded = tuple(pieces[1 : 1 + n_excess])
            del pieces[1 : 1 + n_excess]
        return Cut(piece, part, order, remains, discarded, is_raw=slot == 0)
