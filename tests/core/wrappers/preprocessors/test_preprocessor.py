"""The interface of what converts observations."""

from __future__ import annotations

import pytest

from maze.core.wrappers.preprocessors.flatten import Flatten
from maze.core.wrappers.preprocessors.one_hot import OneHot
from maze.core.wrappers.preprocessors.preprocessor import Preprocessor
from maze.core.wrappers.preprocessors.scalar import Scalar
from maze.core.wrappers.preprocessors.scale import Scale


def test_ours_fill_it() -> None:
    for kind in (Flatten, OneHot, Scalar, Scale):
        assert isinstance(kind(), Preprocessor)
    with pytest.raises(TypeError, match="abstract"):
        Preprocessor()  # type: ignore[abstract]
