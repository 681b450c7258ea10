"""What a neural policy tells of its decisions."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.vector.utils import batch_space

from maze.train.models.action_layout import ActionLayout
from maze.train.models.action_part import ActionPart, BinaryPart, CategoricalPart

N_CANDIDATES = 3
"""How many of the most likely actions are told; fewer, where there are not as many actions."""


class PolicyOutputs:
    """Reads the outputs of a network for decisions of one kind.

    - `logits`: Outputs for each part of the action, by its name; of real numbers the means and log standard deviations.
      An action that is one part has the array itself.
    - `probabilities`: Of each value of the parts that have several, and of the ones of binary parts, likewise.
    - `value`: What the critic expects to be earned from here on.
    - `candidates`: The most likely actions, best first, as `actions`, stacked, and their `probabilities`, (k,); real
      numbers are at their means. Where fewer are legal, those behind them have the probability 0.

    Args:
        layout: What the outputs are about.

    Example:
        >>> outputs = PolicyOutputs(ActionLayout(spaces.Discrete(3)))
        >>> (told,) = outputs.read(np.log(np.array([[0.2, 0.7, 0.1]], np.float32)), np.array([1.5], np.float32))
        >>> told["probabilities"].round(2), told["candidates"]["actions"], told["value"]
        (array([0.2, 0.7, 0.1], dtype=float32), array([1, 0, 2]), array(1.5, dtype=float32))
    """

    def __init__(self, layout: ActionLayout) -> None:
        """Find out what there is to tell."""
        self._layout = layout
        choices = {part.name: part for part in layout.parts if isinstance(part, CategoricalPart | BinaryPart)}
        n_actions = prod(_n_values(part) for part in choices.values())
        self._n_candidates = min(N_CANDIDATES, n_actions)
        told: dict[str, gymnasium.Space[Any]] = {
            "logits": _by_name(
                {part.name: spaces.Box(-np.inf, np.inf, (part.n_parameters,)) for part in layout.parts}, spaces.Dict
            ),
            "value": spaces.Box(-np.inf, np.inf, ()),
            "candidates": spaces.Dict(
                actions=batch_space(layout.space, self._n_candidates),
                probabilities=spaces.Box(0, 1, (self._n_candidates,)),
            ),
        }
        if choices:
            shares = {name: spaces.Box(0, 1, (part.n_parameters,)) for name, part in choices.items()}
            told["probabilities"] = _by_name(shares, spaces.Dict)
        self.space = spaces.Dict(told)

    def read(self, parameters: np.ndarray, values: np.ndarray) -> list[dict[str, Any]]:
        """Tell what the network said about each of a batch of decisions.

        Args:
            parameters: (n, n_parameters), float32.
            values: Of the critic, (n,), float32.
        """
        parts, n, k = self._layout.parts, len(parameters), self._n_candidates
        logits = {part.name: parameters[:, part.parameters] for part in parts}
        shares = {
            part.name: _probabilities(part, logits[part.name])
            for part in parts
            if isinstance(part, CategoricalPart | BinaryPart)
        }
        best, columns = self._best_actions(logits, shares)
        actions = [array.reshape(n, k, *array.shape[1:]) for array in self._layout.arrays(columns.reshape(n * k, -1))]
        probabilities = {name: each.astype(np.float32) for name, each in shares.items()}
        told = []
        for row in range(n):
            likely = {"actions": self._layout.nested([array[row] for array in actions]), "probabilities": best[row]}
            outputs = {"logits": _row(logits, row), "value": values[row, ...], "candidates": likely}
            if probabilities:
                outputs["probabilities"] = _row(probabilities, row)
            told.append(outputs)
        return told

    def _best_actions(
        self, logits: Mapping[str, np.ndarray], shares: Mapping[str, np.ndarray]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Probabilities of the most likely actions, (n, k), and the actions as numbers, (n, k, n_columns)."""
        n = len(next(iter(logits.values())))
        best, columns = np.ones((n, 1)), np.zeros((n, 1, self._layout.n_columns))
        for part in self._layout.parts:
            if part.name not in shares:
                columns[:, :, part.columns] = part.choose(logits[part.name], None)[:, None]
            elif isinstance(part, CategoricalPart):
                best, columns = self._extended(best, columns, part.first_column, shares[part.name])
            else:
                for bit, ones in enumerate(shares[part.name].T):
                    either = np.stack([1 - ones, ones], 1)
                    best, columns = self._extended(best, columns, part.first_column + bit, either)
        return best.astype(np.float32), columns

    def _extended(
        self, best: np.ndarray, columns: np.ndarray, column: int, shares: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """The best beginnings of actions, by one number more, whose values have these shares, (n, n_values)."""
        joint = (best[:, :, None] * shares[:, None]).reshape(len(best), -1)
        order = np.argsort(-joint, axis=1, kind="stable")[:, : self._n_candidates]
        beginning, value = np.divmod(order, shares.shape[1])
        columns = np.take_along_axis(columns, beginning[:, :, None], 1)
        columns[:, :, column] = value
        return np.take_along_axis(joint, order, 1), columns


def _n_values(part: ActionPart) -> int:
    return part.n_parameters if isinstance(part, CategoricalPart) else 2**part.n_columns


def _probabilities(part: ActionPart, logits: np.ndarray) -> np.ndarray:
    """Of each value, or of ones, (n, n_parameters), float64."""
    logits = logits.astype(np.float64)
    if isinstance(part, CategoricalPart):
        shares: np.ndarray = np.exp(logits - logits.max(1, keepdims=True))
        shares /= shares.sum(1, keepdims=True)
        return shares
    with np.errstate(over="ignore"):
        ones: np.ndarray = 1 / (1 + np.exp(-logits))
    return ones


def _row(by_part: Mapping[str, np.ndarray], row: int) -> Any:
    """One decision's arrays, by the names of the parts."""
    return _by_name({name: array[row] for name, array in by_part.items()}, dict)


def _by_name(by_part: dict[str, Any], make: Any) -> Any:
    """What is known by the names of the parts; of an action that is no more than one part, what is known of that."""
    return by_part[""] if "" in by_part else make(by_part)
