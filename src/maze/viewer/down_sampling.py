"""Curves of many steps, drawn by few points that keep what stands out."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Curve(NamedTuple):
    """What is drawn for a number over a range of steps."""

    steps: np.ndarray
    """Where the points are, float64 of shape (m,), ascending."""

    values: np.ndarray
    """float64 of shape (m,), of a strip (m, k); NaN where there is none."""


def curve(values: np.ndarray, start: int, stop: int, n_points: int) -> Curve:
    """The values of a range of steps, or the lowest and the highest of each of its stretches where there are more.

    Args:
        values: One per step, float64 of shape (n,); NaN where a step has none.
        start: First step.
        stop: Step behind the last.
        n_points: Points that there may be, at least 2.

    Example:
        >>> steps, values = curve(np.array([0.0, 9.0, 1.0, 2.0, -5.0, 3.0]), 0, 6, 4)
        >>> steps.tolist(), values.tolist()
        ([0.0, 1.0, 4.0, 5.0], [0.0, 9.0, -5.0, 3.0])
    """
    steps = np.arange(start, stop)
    shown = values[start:stop]
    present = ~np.isnan(shown)
    if not present.all():
        steps, shown = steps[present], shown[present]
    n_stretches = max(n_points // 2, 1)
    if len(shown) > n_points:
        chosen = _extremes(shown, n_stretches)
        steps, shown = steps[chosen], shown[chosen]
    return Curve(steps.astype(np.float64), shown.astype(np.float64))


def strip(values: np.ndarray, start: int, stop: int, n_points: int) -> Curve:
    """The arrays of a range of steps, or the means of its stretches where there are more.

    Args:
        values: One array per step, float64 of shape (n, k); NaN where a step has none.
        start: First step.
        stop: Step behind the last.
        n_points: Points that there may be; where there are more steps, there are fewer stretches the more values.

    Returns:
        Where each stretch begins, and its values, float64 of shape (m, k).
    """
    steps = np.arange(start, stop)[~np.isnan(values[start:stop]).all(1)]
    shown = values[steps]
    if len(steps) > n_points:
        n_stretches = min(max(4 * n_points // values.shape[1], 32), n_points)
        first = np.linspace(0, len(steps), n_stretches + 1).astype(np.int64)
        shown = np.add.reduceat(shown, first[:-1]) / np.diff(first)[:, None]
        steps = steps[first[:-1]]
    return Curve(steps.astype(np.float64), shown)


def _extremes(values: np.ndarray, n_stretches: int) -> np.ndarray:
    """Where the lowest and the highest value of each stretch are, ascending."""
    edges = np.linspace(0, len(values), n_stretches + 1).astype(np.int64)
    lowest, highest = np.minimum.reduceat(values, edges[:-1]), np.maximum.reduceat(values, edges[:-1])
    stretch = np.repeat(np.arange(n_stretches), np.diff(edges))
    found = [_first_in_each(values == extreme[stretch], stretch, n_stretches) for extreme in (lowest, highest)]
    return np.unique(np.concatenate(found))


def _first_in_each(is_found: np.ndarray, stretch: np.ndarray, n_stretches: int) -> np.ndarray:
    places = np.flatnonzero(is_found)
    return places[np.searchsorted(stretch[places], np.arange(n_stretches))]
