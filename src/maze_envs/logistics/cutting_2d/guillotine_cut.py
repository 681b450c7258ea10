"""Cutting one rectangle out of another with two cuts, each of which goes all the way through."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple


class Size(NamedTuple):
    """Width and height of a rectangle, in whole units of length."""

    width: int
    height: int

    def rotated(self) -> Size:
        """The same rectangle, turned by 90 degrees.

        Example:
            >>> Size(4, 3).rotated()
            Size(width=3, height=4)
        """
        return Size(self.height, self.width)

    def fits_into(self, piece: Size) -> bool:
        """Whether a piece has room for this rectangle as it lies.

        Example:
            >>> Size(1, 4).fits_into(Size(4, 3)), Size(4, 1).fits_into(Size(4, 3))
            (False, True)
        """
        return self[0] <= piece[0] and self[1] <= piece[1]

    def fits_somehow_into(self, piece: Size) -> bool:
        """Whether a piece has room for this rectangle, rotated if need be.

        Example:
            >>> Size(1, 4).fits_somehow_into(Size(4, 3))
            True
        """
        width, height = self
        return (width <= piece[0] and height <= piece[1]) or (height <= piece[0] and width <= piece[1])

    def __str__(self) -> str:
        """Give it as one writes it."""
        return f"{self.width}×{self.height}"


class CutOrder(IntEnum):
    """Which of the two cuts comes first, and so goes through the whole piece."""

    VERTICAL_FIRST = 0
    HORIZONTAL_FIRST = 1


def remains_of(piece: Size, part: Size, order: CutOrder) -> tuple[Size, ...]:
    """What is left of a piece when a part that fits is cut out of its corner: up to two rectangles.

        VERTICAL_FIRST        HORIZONTAL_FIRST
        +------+-------+      +--------------+
        |second|       |      |    first     |
        +------+ first |      +------+-------+
        | part |       |      | part |second |
        +------+-------+      +------+-------+

    Args:
        piece: What is cut.
        part: What is wanted, as it lies in the piece; it fits.
        order: Of the two cuts.

    Returns:
        The remains in the order in which they are cut off; a cut along the edge leaves none.

    Example:
        >>> remains_of(Size(4, 3), Size(1, 2), CutOrder.VERTICAL_FIRST)
        (Size(width=3, height=3), Size(width=1, height=1))
        >>> remains_of(Size(4, 3), Size(1, 2), CutOrder.HORIZONTAL_FIRST)
        (Size(width=4, height=1), Size(width=3, height=2))
    """
    beside, above = piece.width - part.width, piece.height - part.height
    if order is CutOrder.VERTICAL_FIRST:
        candidates = (Size(beside, piece.height), Size(part.width, above))
    else:
        candidates = (Size(piece.width, above), Size(beside, part.height))
    return tuple(size for size in candidates if size[0] and size[1])
