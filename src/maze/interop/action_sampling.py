"""Draws actions from what a model says of them, each row of a batch from a generator of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

Generators: TypeAlias = Sequence[np.random.Generator]
"""One for each row."""

NO_NUMBERS = "the model gives values that are no numbers: look for NaN in the observation"


def draw_values(logits: np.ndarray, generators: Generators | None) -> np.ndarray:
    """Draw one of several values in each row, by inverting the cumulative distribution.

    Args:
        logits: (n, n_values); those of what must not be drawn are minus infinity, or very small.
        generators: n of them; None: take what is most likely.

    Returns:
        (n,) whole numbers from 0.

    Raises:
        ValueError: If a logit is no number.

    Example:
        >>> draw_values(np.array([[0.0, 1.0, 0.5], [2.0, 0.0, 0.0]]), None)
        array([1, 0])
    """
    require_numbers(logits)
    if generators is None:
        most_likely: np.ndarray = logits.argmax(1)
        return most_likely
    shares = np.exp(logits.astype(np.float64) - logits.max(1, keepdims=True)).cumsum(1)
    # Within (0, 1], so that the first value whose share, added up, reaches the number has one itself.
    numbers = np.array([[1.0 - generator.random()] for generator in generators])
    drawn: np.ndarray = (shares < numbers * shares[:, -1:]).sum(1)
    return drawn


def draw_bits(logits: np.ndarray, generators: Generators | None) -> np.ndarray:
    """Draw bits, each with the probability sigmoid(logit).

    Args:
        logits: (n, n_bits).
        generators: n of them; None: take what is more likely.

    Returns:
        (n, n_bits) of truth values.

    Raises:
        ValueError: If a logit is no number.

    Example:
        >>> draw_bits(np.array([[-1.0, 3.0]]), None)
        array([[False,  True]])
    """
    require_numbers(logits)
    if generators is None:
        return logits > 0
    with np.errstate(over="ignore"):  # exp of a bit that must not be set is infinite, as it shall be
        chances = 1 / (1 + np.exp(-logits.astype(np.float64)))
    return np.array([1.0 - generator.random(logits.shape[1]) for generator in generators]) <= chances


def draw_normal(mean: np.ndarray, standard_deviation: np.ndarray, generators: Generators) -> np.ndarray:
    """Draw normal numbers.

    Args:
        mean: (n, ...).
        standard_deviation: Of the same shape.
        generators: n of them.

    Raises:
        ValueError: If a mean or a standard deviation is no number.

    Example:
        >>> draw_normal(np.zeros((1, 2)), np.ones((1, 2)), [np.random.default_rng(1)]).round(2)
        array([[0.35, 0.82]])
    """
    require_numbers(mean)
    require_numbers(standard_deviation)
    noise = np.stack([generator.standard_normal(mean.shape[1:]) for generator in generators])
    drawn: np.ndarray = mean + standard_deviation * noise
    return drawn


def require_numbers(values: np.ndarray) -> None:
    """Refuse what a model gives for observations that it was not made for.

    Raises:
        ValueError: If something is NaN.
    """
    if np.isnan(values).any():
        raise ValueError(NO_NUMBERS)
