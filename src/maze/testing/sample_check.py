"""Whether a sample is what its space says: form, dtype, bounds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gymnasium
import numpy as np

from maze.core.recording.space_codec import space_codec
from maze.testing.conformance import ConformanceError


class SampleCheck:
    """Checks the samples of one space.

    Example:
        >>> check = SampleCheck(gymnasium.spaces.Discrete(2))
        >>> check("the action", 2, "step 0")
        Traceback (most recent call last):
        maze.testing.conformance.ConformanceError: the action 2 is outside of Discrete(2) (step 0): keep it inside, ...
    """

    def __init__(self, space: gymnasium.Space[Any]) -> None:
        """Choose the codec of the space."""
        self.space = space
        self._codec = space_codec(space)

    def __call__(self, what: str, sample: Any, where: str) -> None:
        """See that a sample is of the space's form, has its dtypes and lies inside it.

        Raises:
            ConformanceError: If not.
        """
        try:
            exact = self._codec.checked(sample)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ConformanceError(f"{what} has another form than {self.space}: {error} ({where})") from None
        for given, wanted in zip(_leaves(sample), _leaves(exact), strict=False):
            if isinstance(wanted, np.ndarray) and _dtype(given, wanted.shape) != wanted.dtype:
                found = given.dtype if isinstance(given, np.ndarray | np.generic) else type(given).__name__
                raise ConformanceError(
                    f"{what} has the dtype {found} where {self.space} has {wanted.dtype} ({where}): "
                    f"give an array of that dtype, as by np.asarray(..., np.{wanted.dtype})"
                )
        if not self.space.contains(exact):
            raise ConformanceError(
                f"{what} {_shown(sample)} is outside of {self.space} ({where}): keep it inside, or widen the space"
            )

    def frozen(self, sample: Any) -> bytes:
        """The sample as bytes."""
        return b"".join(self._codec.canonical_bytes(self._codec.stack([sample])))


def _leaves(sample: Any) -> Iterator[Any]:
    """What is inside of dicts and tuples, in the order of a Dict's keys."""
    if isinstance(sample, dict):
        for key in sorted(sample, key=str):
            yield from _leaves(sample[key])
    elif isinstance(sample, tuple | list):
        for item in sample:
            yield from _leaves(item)
    else:
        yield sample


def _dtype(given: Any, shape: tuple[int, ...]) -> np.dtype[Any] | None:
    """Dtype of an array; numpy's numbers count as arrays of rank 0."""
    is_array = isinstance(given, np.ndarray) or (shape == () and isinstance(given, np.generic))
    return np.dtype(given.dtype) if is_array else None


def _shown(sample: Any) -> str:
    text = " ".join(repr(sample).split())
    return text if len(text) <= 80 else f"{text[:77]}..."  # noqa: PLR2004 - as much as a line takes
