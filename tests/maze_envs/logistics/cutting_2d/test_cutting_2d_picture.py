from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from maze_envs.logistics.cutting_2d.cutting_2d_picture import (
    CHOSEN,
    ORDERED,
    RAW,
    REMAINS,
    WRONG,
    CuttingScene,
    draw_scene,
)
from maze_envs.logistics.cutting_2d.guillotine_cut import CutOrder, Size
from maze_envs.logistics.cutting_2d.inventory import Inventory

SCENE = CuttingScene([Size(4, 3)], 6, Size(1, 2), None, None, "", 0)


def n_pixels(picture: np.ndarray, color: tuple[int, int, int]) -> int:
    return int((picture == color).all(axis=2).sum())


def test_the_beginning_shows_raw_piece_and_order() -> None:
    picture = draw_scene(SCENE)
    assert picture.dtype == np.uint8
    assert n_pixels(picture, RAW) > 1000
    assert n_pixels(picture, ORDERED) > 200
    assert n_pixels(picture, REMAINS) == n_pixels(picture, WRONG) == 0


def test_a_cut_shows_part_and_remains_in_proportion() -> None:
    inventory = Inventory(Size(4, 3), 6)
    cut = inventory.cut(0, Size(1, 2), CutOrder.VERTICAL_FIRST)
    before, after = draw_scene(SCENE), draw_scene(SCENE._replace(last_cut=cut))
    part, remains = n_pixels(after, ORDERED) - n_pixels(before, ORDERED), n_pixels(after, REMAINS)
    assert 4 < remains / part < 6  # 10 to 2, but for labels and lines


def test_the_orders_of_a_cut_look_different() -> None:
    pictures = []
    for order in CutOrder:
        cut = Inventory(Size(4, 3), 6).cut(0, Size(1, 2), order)
        pictures.append(draw_scene(SCENE._replace(last_cut=cut)))
    assert (pictures[0] != pictures[1]).any()


def test_a_mistake_is_written_out() -> None:
    assert n_pixels(draw_scene(SCENE._replace(last_mistake="slot 3 is empty")), WRONG) > 100


def test_the_chosen_slot_is_framed() -> None:
    chosen, unchosen = draw_scene(SCENE._replace(chosen_slot=0)), draw_scene(SCENE)
    assert n_pixels(chosen, CHOSEN) > n_pixels(unchosen, CHOSEN)


sides = st.one_of(st.integers(1, 9), st.integers(1, 5000))


@settings(deadline=None, max_examples=40)
@given(st.builds(Size, sides, sides), st.integers(1, 60), st.data())
def test_any_problem_has_pictures_of_one_even_format(raw: Size, n_slots: int, data: st.DataObject) -> None:
    inventory = Inventory(raw, n_slots)
    shapes = set()
    for number in range(4):
        slot = data.draw(st.integers(0, len(inventory.pieces) - 1))
        piece = inventory.pieces[slot]
        part = Size(data.draw(st.integers(1, piece.width)), data.draw(st.integers(1, piece.height)))
        cut = inventory.cut(slot, part, data.draw(st.sampled_from(CutOrder)))
        scene = CuttingScene(inventory.pieces, n_slots, part.rotated(), slot % 2, cut, "", number)
        shapes.add(draw_scene(scene).shape)
    (shape,) = shapes
    assert shape[0] % 2 == shape[1] % 2 == 0
