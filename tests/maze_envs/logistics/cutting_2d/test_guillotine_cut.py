from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maze_envs.logistics.cutting_2d.guillotine_cut import CutOrder, Size, remains_of

VERTICAL, HORIZONTAL = CutOrder.VERTICAL_FIRST, CutOrder.HORIZONTAL_FIRST
SIDES = st.integers(1, 12)


@pytest.mark.parametrize(
    ("piece", "part", "order", "remains"),
    [
        ((4, 3), (1, 2), VERTICAL, [(3, 3), (1, 1)]),
        ((4, 3), (1, 2), HORIZONTAL, [(4, 1), (3, 2)]),
        ((4, 3), (2, 1), VERTICAL, [(2, 3), (2, 2)]),
        ((4, 3), (2, 1), HORIZONTAL, [(4, 2), (2, 1)]),
        ((4, 3), (4, 1), VERTICAL, [(4, 2)]),
        ((4, 3), (4, 1), HORIZONTAL, [(4, 2)]),
        ((4, 3), (1, 3), VERTICAL, [(3, 3)]),
        ((4, 3), (1, 3), HORIZONTAL, [(3, 3)]),
        ((4, 3), (4, 3), VERTICAL, []),
        ((4, 3), (4, 3), HORIZONTAL, []),
        ((120, 80), (50, 30), VERTICAL, [(70, 80), (50, 50)]),
        ((120, 80), (50, 30), HORIZONTAL, [(120, 50), (70, 30)]),
    ],
)
def test_remains_are_those_cut_by_hand(
    piece: tuple[int, int], part: tuple[int, int], order: CutOrder, remains: list[tuple[int, int]]
) -> None:
    assert list(remains_of(Size(*piece), Size(*part), order)) == remains


@given(SIDES, SIDES, SIDES, SIDES, st.sampled_from(CutOrder))
def test_no_area_is_lost(width: int, height: int, beside: int, above: int, order: CutOrder) -> None:
    piece = Size(width + beside - 1, height + above - 1)
    remains = remains_of(piece, Size(width, height), order)
    assert width * height + sum(w * h for w, h in remains) == piece.width * piece.height
    assert all(w > 0 and h > 0 for w, h in remains)


@given(st.builds(Size, SIDES, SIDES), st.builds(Size, SIDES, SIDES))
def test_fits_somehow_is_fits_one_way_or_the_other(size: Size, piece: Size) -> None:
    assert size.fits_somehow_into(piece) == (size.fits_into(piece) or size.rotated().fits_into(piece))


def test_there_are_two_orders() -> None:
    with pytest.raises(ValueError, match="2 is not a valid CutOrder"):
        CutOrder(2)
