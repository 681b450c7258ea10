"""Checks of what wrappers are configured with."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from maze.core.wrappers.argument_check import check_whole_number
from maze.factory import ConfigurationError


@pytest.mark.parametrize("value", [1, True, 2.0, "3", None, np.float64(4)])
def test_anything_but_a_whole_number_that_is_large_enough_is_refused(value: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"^size=.*: give a whole number of at least 2$"):
        check_whole_number("size", value, 2)


def test_whole_numbers_pass() -> None:
    for value in (2, 3, 10**9):
        check_whole_number("size", value, 2)
