"""Draws the 2D cutting problem: what is ordered, what the last round did, and what is in stock."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, sqrt
from textwrap import wrap
from typing import NamedTuple, TypeAlias

import numpy as np

from maze_envs.logistics.cutting_2d.guillotine_cut import CutOrder, Size
from maze_envs.logistics.cutting_2d.inventory import Cut
from maze_envs.logistics.cutting_2d.pixel_text import GLYPH_WIDTH, LINE_HEIGHT, draw_text, text_width

Color: TypeAlias = tuple[int, int, int]

BACKGROUND, PANEL, INK, FAINT = (244, 242, 238), (255, 255, 255), (38, 43, 51), (206, 203, 196)
ORDERED, RAW, REMAINS, CHOSEN, WRONG = (233, 119, 59), (64, 108, 158), (176, 201, 221), (233, 119, 59), (190, 44, 44)

MARGIN, TITLE = 16, 26
SMALLEST_CELL, LARGEST_CELL = 88, 132
LEFT_WIDTH, ORDER_HEIGHT, CUT_HEIGHT = 264, 128, 232
LABEL = 2
"""Pixels of the screen for each pixel of a label."""


class CuttingScene(NamedTuple):
    """What there is to see."""

    pieces: Sequence[Size]
    n_slots: int
    ordered: Size
    chosen_slot: int | None
    last_cut: Cut | None
    last_mistake: str
    n_rounds: int
    """Rounds that are completed."""


class Area(NamedTuple):
    """A rectangle of the screen, in pixels from the upper left corner."""

    left: int
    top: int
    width: int
    height: int


def draw_scene(scene: CuttingScene) -> np.ndarray:
    """Draw a scene; all scenes of an environment have the same format.

    Returns:
        Colors, (height, width, 3) of uint8; both are even, as videos want them.

    Example:
        >>> scene = CuttingScene([Size(4, 3)], 30, Size(1, 2), None, None, "", 0)
        >>> draw_scene(scene).shape
        (498, 840, 3)
    """
    n_columns = max(ceil(sqrt(scene.n_slots * 1.2)), 3)
    n_rows = ceil(scene.n_slots / n_columns)
    left_height = 2 * TITLE + ORDER_HEIGHT + CUT_HEIGHT + MARGIN
    cell = min(max((left_height - TITLE) // n_rows, SMALLEST_CELL), LARGEST_CELL)
    stock_height = max(left_height, n_rows * cell + TITLE)
    stock = Area(2 * MARGIN + LEFT_WIDTH, MARGIN, n_columns * cell, _even(stock_height))
    picture = np.empty((stock.height + 2 * MARGIN, _even(stock.left + stock.width + MARGIN), 3), np.uint8)
    picture[:] = BACKGROUND
    _draw_order(picture, scene)
    _draw_last_round(picture, scene)
    _draw_stock(picture, scene, stock, n_columns, cell)
    return picture


def _draw_order(picture: np.ndarray, scene: CuttingScene) -> None:
    title = f"ROUND {scene.n_rounds + 1} - ORDER {scene.ordered}"
    area = _titled(picture, Area(MARGIN, MARGIN, LEFT_WIDTH, ORDER_HEIGHT + TITLE), title)
    shape = _draw_piece(picture, area, scene.ordered, _scale(scene, Area(0, 0, 96, 96)), ORDERED)
    _label(picture, shape, str(scene.ordered), PANEL)


def _draw_last_round(picture: np.ndarray, scene: CuttingScene) -> None:
    top = 2 * MARGIN + ORDER_HEIGHT + TITLE
    cut = scene.last_cut
    title = "LAST CUT" if cut is None else f"LAST CUT: {cut.part} OUT OF {cut.piece}"
    area = _titled(picture, Area(MARGIN, top, LEFT_WIDTH, CUT_HEIGHT + TITLE), title)
    middle = area.top + (area.height - LINE_HEIGHT * LABEL) // 2
    if cut is not None:
        _draw_cut(picture, area, cut, _scale(scene, Area(0, 0, area.width - 2 * MARGIN, area.height - 2 * MARGIN)))
    elif scene.last_mistake:
        n_letters = area.width // ((GLYPH_WIDTH + 1) * LABEL) - 2
        for line, text in enumerate(["INVALID", *wrap(scene.last_mistake.upper(), n_letters)]):
            _draw_centered(picture, area, middle + (2 * line - 1) * LINE_HEIGHT * LABEL, text, WRONG)
    else:
        _draw_centered(picture, area, middle, "NONE YET", FAINT)


def _draw_cut(picture: np.ndarray, area: Area, cut: Cut, scale: float) -> None:
    """Draw the piece with the part in its lower left corner, the remains, and each cut as far as it goes."""
    whole = _draw_piece(picture, area, cut.piece, scale, REMAINS)
    width, height = min(round(cut.part.width * scale), whole.width), min(round(cut.part.height * scale), whole.height)
    is_vertical_first = cut.order is CutOrder.VERTICAL_FIRST
    part = Area(whole.left, whole.top + whole.height - height, width, height)
    beside = Area(part.left + width, part.top, whole.width - width, height)
    above = Area(whole.left, whole.top, whole.width, whole.height - height)
    if is_vertical_first:
        beside = Area(beside.left, whole.top, beside.width, whole.height)
        above = Area(above.left, above.top, width, above.height)
    _fill(picture, part, ORDERED)
    _label(picture, part, str(cut.part), PANEL)
    places = []
    if cut.part.width < cut.piece.width:
        places.append(beside)
        _fill(picture, Area(beside.left - 1, beside.top, 2, beside.height), INK)
    if cut.part.height < cut.piece.height:
        places.append(above)
        _fill(picture, Area(above.left, part.top - 1, above.width, 2), INK)
    for size, place in zip(cut.remains, places if is_vertical_first else reversed(places), strict=True):
        _label(picture, place, str(size), INK)
    _frame(picture, whole, INK, 2)


def _draw_stock(picture: np.ndarray, scene: CuttingScene, stock: Area, n_columns: int, cell: int) -> None:
    area = _titled(picture, stock, f"INVENTORY: {len(scene.pieces)} OF {scene.n_slots} PIECES")
    scale = _scale(scene, Area(0, 0, cell - 20, cell - 36))
    for slot in range(scene.n_slots):
        row, column = divmod(slot, n_columns)
        place = Area(area.left + column * cell, area.top + row * cell, cell, cell)
        if slot < len(scene.pieces):
            _draw_slot(picture, place, scene.pieces[slot], scale, is_raw=slot == 0)
        else:
            _frame(picture, Area(place.left + cell // 2 - 6, place.top + cell // 2 - 6, 12, 12), FAINT, 1)
        if slot == scene.chosen_slot:
            _frame(picture, Area(place.left + 2, place.top + 2, cell - 4, cell - 4), CHOSEN, 3)


def _draw_slot(picture: np.ndarray, place: Area, piece: Size, scale: float, *, is_raw: bool) -> None:
    upper = Area(place.left, place.top, place.width, place.height - 16)
    _draw_piece(picture, upper, piece, scale, RAW if is_raw else REMAINS)
    named = f"RAW {piece}"
    text = named if is_raw and text_width(named, LABEL) <= place.width else str(piece)
    _draw_centered(picture, place, place.top + place.height - 20, text, INK)


# Shapes --------------------------------------------------------------------------------------------------------------


def _scale(scene: CuttingScene, room: Area) -> float:
    """Pixels for a unit of length, so that the raw piece, or an order as long as it, has room."""
    raw_piece = scene.pieces[0]
    return min(room.width / raw_piece.width, room.height / raw_piece.height)


def _titled(picture: np.ndarray, area: Area, title: str) -> Area:
    """Draw a panel under a title; returns the panel."""
    draw_text(picture, area.left, area.top + 4, title, INK, LABEL)
    panel = Area(area.left, area.top + TITLE, area.width, area.height - TITLE)
    _fill(picture, panel, PANEL)
    return panel


def _draw_piece(picture: np.ndarray, area: Area, size: Size, scale: float, color: Color) -> Area:
    """Draw a rectangle into the middle of an area; returns where it is."""
    width, height = max(round(size.width * scale), 2), max(round(size.height * scale), 2)
    shape = Area(area.left + (area.width - width) // 2, area.top + (area.height - height) // 2, width, height)
    _fill(picture, shape, color)
    _frame(picture, shape, INK, 1)
    return shape


def _label(picture: np.ndarray, area: Area, text: str, color: Color) -> None:
    """Write into the middle of an area, if there is room."""
    if area.width >= text_width(text, LABEL) + 4 and area.height >= LINE_HEIGHT * LABEL + 4:
        _draw_centered(picture, area, area.top + (area.height - LINE_HEIGHT * LABEL) // 2, text, color)


def _draw_centered(picture: np.ndarray, area: Area, top: int, text: str, color: Color) -> None:
    draw_text(picture, area.left + (area.width - text_width(text, LABEL)) // 2, top, text, color, LABEL)


def _fill(picture: np.ndarray, area: Area, color: Color) -> None:
    picture[area.top : area.top + area.height, area.left : area.left + area.width] = color


def _frame(picture: np.ndarray, area: Area, color: Color, thickness: int) -> None:
    inner = Area(area.left + thickness, area.top + thickness, area.width - 2 * thickness, area.height - 2 * thickness)
    inside = picture[inner.top : inner.top + inner.height, inner.left : inner.left + inner.width].copy()
    _fill(picture, area, color)
    picture[inner.top : inner.top + inner.height, inner.left : inner.left + inner.width] = inside


def _even(length: int) -> int:
    return length + length % 2
