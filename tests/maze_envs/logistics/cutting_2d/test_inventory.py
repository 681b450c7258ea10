from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maze.factory import ConfigurationError
from maze_envs.logistics.cutting_2d.guillotine_cut import CutOrder, Size
from maze_envs.logistics.cutting_2d.inventory import Cut, Inventory

VERTICAL, HORIZONTAL = CutOrder.VERTICAL_FIRST, CutOrder.HORIZONTAL_FIRST
RAW = Size(4, 3)


def area(*sizes: Size) -> int:
    return sum(width * height for width, height in sizes)


def test_a_cut_raw_piece_is_replaced_and_its_remains_come_behind() -> None:
    inventory = Inventory(RAW, max_pieces=5)
    cut = inventory.cut(0, Size(1, 2), VERTICAL)
    assert cut == Cut(RAW, Size(1, 2), VERTICAL, (Size(3, 3), Size(1, 1)), (), is_raw=True)
    assert inventory.pieces == [RAW, (3, 3), (1, 1)]


def test_another_piece_goes_and_its_remains_come_last() -> None:
    inventory = Inventory(RAW, max_pieces=5)
    inventory.cut(0, Size(1, 2), VERTICAL)
    cut = inventory.cut(1, Size(2, 2), HORIZONTAL)
    assert cut == Cut(Size(3, 3), Size(2, 2), HORIZONTAL, (Size(3, 1), Size(1, 2)), (), is_raw=False)
    assert inventory.pieces == [RAW, (1, 1), (3, 1), (1, 2)]


def test_a_piece_that_is_used_up_leaves_nothing() -> None:
    inventory = Inventory(RAW, max_pieces=5)
    inventory.cut(0, Size(1, 2), VERTICAL)
    cut = inventory.cut(2, Size(1, 1), VERTICAL)
    assert cut is not None
    assert cut.remains == ()
    assert inventory.pieces == [RAW, (3, 3)]


def test_what_does_not_fit_as_it_lies_changes_nothing() -> None:
    inventory = Inventory(RAW, max_pieces=5)
    assert inventory.cut(0, Size(1, 4), VERTICAL) is None
    assert inventory.pieces == [RAW]


def test_the_oldest_piece_is_thrown_away_but_never_the_raw_one() -> None:
    inventory = Inventory(RAW, max_pieces=4)
    inventory.cut(0, Size(1, 2), VERTICAL)  # leaves 3×3 and 1×1
    cut = inventory.cut(0, Size(2, 2), VERTICAL)  # leaves 2×3 and 2×1
    assert cut is not None
    assert cut.discarded == (Size(3, 3),)
    assert inventory.pieces == [RAW, (1, 1), (2, 3), (2, 1)]


def test_two_may_have_to_go_at_once() -> None:
    inventory = Inventory(RAW, max_pieces=3)
    inventory.cut(0, Size(1, 2), VERTICAL)
    cut = inventory.cut(0, Size(1, 1), HORIZONTAL)
    assert cut is not None
    assert cut.discarded == (Size(3, 3), Size(1, 1))
    assert inventory.pieces == [RAW, (4, 2), (3, 1)]


def test_age_counts_from_the_cut_that_made_a_piece() -> None:
    inventory = Inventory(RAW, max_pieces=4)
    inventory.cut(0, Size(1, 2), VERTICAL)  # 3×3, 1×1
    inventory.cut(1, Size(1, 3), VERTICAL)  # 1×1, and 2×3 out of the older 3×3
    cut = inventory.cut(0, Size(1, 2), HORIZONTAL)
    assert cut is not None
    assert cut.discarded == (Size(1, 1),)


def test_with_room_for_the_raw_piece_alone_all_remains_are_thrown_away() -> None:
    inventory = Inventory(RAW, max_pieces=1)
    cut = inventory.cut(0, Size(1, 2), VERTICAL)
    assert cut is not None
    assert cut.discarded == cut.remains
    assert inventory.pieces == [RAW]


def test_there_has_to_be_room_for_the_raw_piece() -> None:
    with pytest.raises(ConfigurationError, match="make it 1 at least"):
        Inventory(RAW, max_pieces=0)


def test_reset_leaves_the_raw_piece() -> None:
    inventory = Inventory(RAW, max_pieces=3)
    inventory.cut(0, Size(1, 2), VERTICAL)
    inventory.reset()
    assert inventory.pieces == [RAW]


@given(
    st.builds(Size, st.integers(1, 9), st.integers(1, 9)),
    st.integers(1, 6),
    st.lists(
        st.tuples(st.integers(0, 5), st.builds(Size, st.integers(1, 9), st.integers(1, 9)), st.sampled_from(CutOrder))
    ),
)
def test_area_is_conserved_and_room_is_kept(
    raw: Size, max_pieces: int, attempts: list[tuple[int, Size, CutOrder]]
) -> None:
    inventory = Inventory(raw, max_pieces)
    bought, sold, discarded = area(raw), 0, 0
    for slot, part, order in attempts:
        cut = inventory.cut(slot % len(inventory.pieces), part, order)
        if cut is not None:
            assert area(cut.piece) == area(part) + area(*cut.remains)
            sold += area(part)
            discarded += area(*cut.discarded)
            bought += area(raw) * cut.is_raw
        assert len(inventory.pieces) <= max_pieces
        assert inventory.pieces[0] == raw
        assert raw not in inventory.pieces[1:]
        assert bought == sold + discarded + area(*inventory.pieces)
