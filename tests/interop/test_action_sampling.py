from __future__ import annotations

import numpy as np
import pytest

from maze.interop.action_sampling import draw_bits, draw_normal, draw_values

N = 4000
GENERATORS = [np.random.default_rng(seed) for seed in range(N)]


def test_values_are_drawn_as_often_as_they_should() -> None:
    logits = np.log([[0.1, 0.6, 0.3]]).repeat(N, 0)
    shares = np.bincount(draw_values(logits, GENERATORS), minlength=3) / N
    assert shares == pytest.approx([0.1, 0.6, 0.3], abs=0.03)


def test_what_is_not_legal_is_never_drawn() -> None:
    logits = np.array([[-np.inf, 3.0, -np.inf, 0.0, -np.inf]], np.float32).repeat(N, 0)
    assert set(draw_values(logits, GENERATORS).tolist()) == {1, 3}


def test_bits_are_drawn_as_often_as_they_should() -> None:
    logits = np.array([[-np.inf, 0.0, np.log(4.0), 1000.0]]).repeat(N, 0)
    assert draw_bits(logits, GENERATORS).mean(0) == pytest.approx([0, 0.5, 0.8, 1], abs=0.03)


def test_normal_numbers_have_their_mean_and_spread() -> None:
    drawn = draw_normal(np.array([[1.0, -2.0]]).repeat(N, 0), np.array([[0.5, 2.0]]).repeat(N, 0), GENERATORS)
    assert drawn.mean(0) == pytest.approx([1, -2], abs=0.1)
    assert drawn.std(0) == pytest.approx([0.5, 2], rel=0.05)


def test_a_row_does_not_depend_on_the_others() -> None:
    logits = np.random.default_rng(1).normal(size=(5, 3))
    together = draw_values(logits, [np.random.default_rng(seed) for seed in range(5)])
    alone = [draw_values(logits[seed : seed + 1], [np.random.default_rng(seed)])[0] for seed in range(5)]
    assert together.tolist() == alone


def test_what_is_no_number_is_an_error() -> None:
    with pytest.raises(ValueError, match="no numbers: look for NaN in the observation"):
        draw_values(np.array([[np.nan, 1.0]]), None)
