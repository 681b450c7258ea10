"""Minibatches of decisions of several kinds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from maze.core.env.actor_id import StepKey


def minibatches(
    n_decisions: Mapping[StepKey, int], size: int, generator: torch.Generator, device: torch.device
) -> Iterator[dict[StepKey, Tensor]]:
    """Go through all decisions once, in random order, those of all step keys mixed.

    Args:
        n_decisions: Of each step key.
        size: About how many make a minibatch; 0: all of them.
        generator: What the order is drawn from.
        device: Where the tensors shall be.

    Yields:
        Indices of the minibatch's decisions among those of their step key, for step keys that it has any of.

    Example:
        >>> drawn = torch.Generator().manual_seed(1)
        >>> for rows in minibatches({"pick": 2, "place": 4}, 3, drawn, torch.device("cpu")):
        ...     print(rows)
        {'pick': tensor([1]), 'place': tensor([3, 0])}
        {'pick': tensor([0]), 'place': tensor([1, 2])}
    """
    n = sum(n_decisions.values())
    n_minibatches = max(round(n / size), 1) if size else 1
    for piece in torch.randperm(n, generator=generator).tensor_split(n_minibatches):
        rows = {}
        first = 0
        for key, n_of_key in n_decisions.items():
            of_key = piece[(piece >= first) & (piece < first + n_of_key)] - first
            if len(of_key):
                rows[key] = of_key.to(device)
            first += n_of_key
        if rows:
            yield rows
