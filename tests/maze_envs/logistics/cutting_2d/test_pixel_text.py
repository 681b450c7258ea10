from __future__ import annotations

import numpy as np

from maze_envs.logistics.cutting_2d.pixel_text import GLYPHS, draw_text, text_width


def test_every_letter_has_five_rows_of_three_pixels() -> None:
    assert all(len(rows) == 5 and set(rows) <= set("01234567") for rows in GLYPHS.values())
    assert len(set(GLYPHS.values())) >= len(GLYPHS) - 3  # O and 0, S-like and Z-like shapes may coincide


def test_text_takes_the_width_that_it_says() -> None:
    picture = np.zeros((20, 60, 3), np.uint8)
    draw_text(picture, 4, 3, "H8H", (9, 8, 7), scale=2)
    rows, columns = np.nonzero(picture[:, :, 0])
    assert (rows.min(), rows.max()) == (3, 12)
    assert (columns.min(), columns.max()) == (4, 4 + text_width("H8H", 2) - 1)
    assert set(map(tuple, picture.reshape(-1, 3).tolist())) == {(0, 0, 0), (9, 8, 7)}


def test_what_has_no_room_is_cut_off() -> None:
    picture = np.zeros((4, 5, 3), np.uint8)
    draw_text(picture, 2, 1, "HHHH", (1, 1, 1), scale=2)
    assert picture.any()
