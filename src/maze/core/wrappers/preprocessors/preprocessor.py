"""The interface of what converts observations."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import gymnasium


class Preprocessor(ABC):
    """Converts an observation, or one entry of it; it remembers nothing.

    Example:
        >>> class Negated(Preprocessor):
        ...     def space(self, space): return gymnasium.spaces.Box(-space.high, -space.low, dtype=space.dtype)
        ...     def convert(self, value, space): return -value
        >>> Negated().space(gymnasium.spaces.Box(0, 1, (2,)))
        Box(-1.0, -0.0, (2,), float32)
    """

    @abstractmethod
    def space(self, space: gymnasium.Space[Any]) -> gymnasium.Space[Any]:
        """The space of the converted values.

        Raises:
            TypeError: If values of `space` cannot be converted; the message says what can.
        """

    @abstractmethod
    def convert(self, value: Any, space: gymnasium.Space[Any]) -> Any:
        """Convert a value of `space`."""
