"""What a neural policy sees in a decision."""

from __future__ import annotations

from dataclasses import dataclass
from heapq import nlargest
from typing import Any, NamedTuple

import numpy as np

from maze.train.models.action_layout import ActionLayout, ActionPart, BinaryPart, CategoricalPart


class Candidate(NamedTuple):
    """An action that the network thinks of."""

    action: Any

    probability: float
    """Of its categorical and binary parts; real numbers are at their means."""


@dataclass(frozen=True)
class PolicyOutputs:
    """What the network says about one decision."""

    logits: dict[str, np.ndarray]
    """Outputs for each part of the action, by its name; of real numbers the means and log standard deviations."""

    probabilities: dict[str, np.ndarray]
    """Of each value of the categorical parts, and of the ones of binary parts, by the part's name."""

    value: float
    """What the critic expects to be earned from here on."""

    candidates: list[Candidate]
    """The most likely actions, best first."""


def policy_outputs(layout: ActionLayout, parameters: np.ndarray, value: float, n_candidates: int) -> PolicyOutputs:
    """Read a network's outputs.

    Args:
        layout: What they are about.
        parameters: (n_parameters,), float32.
        value: Of the critic.
        n_candidates: How many of the most likely actions are wanted.

    Example:
        >>> from gymnasium.spaces import Discrete
        >>> outputs = policy_outputs(ActionLayout(Discrete(3)), np.log(np.array([0.2, 0.7, 0.1])), 1.5, 2)
        >>> [(int(action), round(float(probability), 2)) for action, probability in outputs.candidates]
        [(1, 0.7), (0, 0.2)]
    """
    logits = {part.name: parameters[part.parameters] for part in layout.parts}
    probabilities = {
        part.name: shares for part in layout.parts if (shares := _probabilities(part, parameters)) is not None
    }
    beam: list[tuple[float, list[float]]] = [(1.0, [])]
    for part in layout.parts:
        shares = probabilities.get(part.name)
        if shares is None:
            means = part.choose(parameters[None, part.parameters], None)[0].tolist()
            beam = [(probability, [*chosen, *means]) for probability, chosen in beam]
        elif isinstance(part, CategoricalPart):
            beam = _extended(beam, shares, n_candidates)
        else:
            for share in shares:
                beam = _extended(beam, np.array([1 - share, share]), n_candidates)
    actions = layout.actions(np.array([chosen for _, chosen in beam]))
    candidates = [Candidate(action, probability) for action, (probability, _) in zip(actions, beam, strict=True)]
    return PolicyOutputs(logits, probabilities, value, candidates)


def _extended(beam: list[tuple[float, list[float]]], shares: np.ndarray, n: int) -> list[tuple[float, list[float]]]:
    """The best beginnings of actions with one number more."""
    longer = [
        (probability * share, [*chosen, number])
        for probability, chosen in beam
        for number, share in enumerate(shares.tolist())
        if share > 0
    ]
    return nlargest(n, longer, key=lambda entry: entry[0])


def _probabilities(part: ActionPart, parameters: np.ndarray) -> np.ndarray | None:
    logits = parameters[part.parameters].astype(np.float64)
    if isinstance(part, CategoricalPart):
        shares: np.ndarray = np.exp(logits - logits.max())
        shares /= shares.sum()
        return shares
    if isinstance(part, BinaryPart):
        with np.errstate(over="ignore"):
            ones: np.ndarray = 1 / (1 + np.exp(-logits))
        return ones
    return None
