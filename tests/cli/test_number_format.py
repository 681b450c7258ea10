from __future__ import annotations

import pytest

from maze.cli.number_format import format_number, short_number


@pytest.mark.parametrize(
    ("value", "decimals", "expected"),
    [
        (999_999.0, 0, "999,999"),
        (1e6, 3, "1.000e6"),
        (-1.5e100, 1, "-1.500e100"),
        (-0.001, 2, "0.00"),
        (0.00001234, 7, "1.23e-5"),
        (0.00001234, 2, "0.00"),
        (None, 2, "–"),
    ],
)
def test_numbers_are_short(value: float | None, decimals: int, expected: str) -> None:
    assert format_number(value, decimals) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.5, "0.5"), (1 / 3, "0.3333"), (30_000, "30,000"), (-12_345.6, "-12,346"), (1e6, "1e6"), (float("inf"), "inf")],
)
def test_short_numbers_have_four_digits(value: float, expected: str) -> None:
    assert short_number(value) == expected
