"""What customers order."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from itertools import cycle
from typing import Any

import numpy as np

from maze.factory import ConfigurationError
from maze_envs.logistics.cutting_2d.guillotine_cut import Size

BLOCK = 64
"""Orders drawn at a time, because a call of the generator costs microseconds however little it draws."""


class Demand(ABC):
    """An endless sequence of orders, the same for each seed."""

    @property
    @abstractmethod
    def largest(self) -> Sequence[Size]:
        """Orders that say what a raw piece must have room for: where these fit, all do."""

    @abstractmethod
    def orders(self, generator: np.random.Generator) -> Iterator[Size]:
        """Begin anew.

        Args:
            generator: Of the environment, seeded by its reset.
        """


class StaticDemand(Demand):
    """The same orders in turn, over and over.

    Args:
        sizes: Width and height of each order.

    Raises:
        ConfigurationError: If there is no order, or a size is not of two positive whole numbers.

    Example:
        >>> orders = StaticDemand([[1, 2], [1, 1]]).orders(np.random.default_rng())
        >>> [str(next(orders)) for _ in range(3)]
        ['1×2', '1×1', '1×2']
    """

    def __init__(self, sizes: Sequence[Sequence[int]]) -> None:
        """Keep the list."""
        if not sizes:
            raise ConfigurationError("a static demand needs an order at least, such as sizes=[[1,2]]")
        self._sizes = [checked_size("an order", size) for size in sizes]

    @property
    def largest(self) -> Sequence[Size]:
        """All of the list."""
        return self._sizes

    def orders(self, generator: np.random.Generator) -> Iterator[Size]:
        """Begin with the first of the list; nothing is drawn."""
        return cycle(self._sizes)


class RandomDemand(Demand):
    """Orders whose widths and heights are drawn independently, uniformly between two bounds.

    Args:
        smallest: Least width and height, which can occur.
        largest: Greatest width and height, which can occur.

    Raises:
        ConfigurationError: If a bound is not of two positive whole numbers, or the least is above the greatest.

    Example:
        >>> orders = RandomDemand([10, 10], [60, 40]).orders(np.random.default_rng(7))
        >>> str(next(orders)), str(next(orders))
        ('58×29', '44×37')
    """

    def __init__(self, smallest: Sequence[int], largest: Sequence[int]) -> None:
        """Keep the bounds."""
        self._smallest, self._largest = checked_size("smallest", smallest), checked_size("largest", largest)
        if not self._smallest.fits_into(self._largest):
            raise ConfigurationError(f"smallest={self._smallest} is above largest={self._largest}: exchange them")

    @property
    def largest(self) -> Sequence[Size]:
        """The greatest width and height together."""
        return [self._largest]

    def orders(self, generator: np.random.Generator) -> Iterator[Size]:
        """Draw from the generator, a block whenever one is used up."""
        while True:
            block = generator.integers(self._smallest, self._largest, size=(BLOCK, 2), endpoint=True)
            yield from (Size(width, height) for width, height in block.tolist())


def checked_size(name: str, size: Sequence[Any]) -> Size:
    """A size from a configuration.

    Args:
        name: What it is, for the message.
        size: Width and height.

    Raises:
        ConfigurationError: If it is not of two positive whole numbers.

    Example:
        >>> checked_size("raw_piece", [4, 3])
        Size(width=4, height=3)
    """
    if len(size) != 2 or not all(isinstance(side, int) and side > 0 for side in size):  # noqa: PLR2004 - two sides
        raise ConfigurationError(f"{name}={list(size)} is no size: give width and height as whole numbers above 0")
    return Size(*size)
