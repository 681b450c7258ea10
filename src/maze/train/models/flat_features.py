"""What flat networks see of an observation: all of it in one row of numbers."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import torch
from gymnasium import spaces
from torch import Tensor, nn

from maze.core.env.space_parts import part_at
from maze.train.models.observation_layout import Leaf, ObservationLayout


class FlatFeatures(nn.Module):
    """Flattens and joins the parts of an observation: (n, n_features), float32.

    Discrete and MultiDiscrete become one-hot, bounded integers are scaled to 0..1, all other numbers stay as they are.

    Args:
        space: Of the observations.
        but: Names of parts to leave out.

    Example:
        >>> features = FlatFeatures(spaces.Dict({"a": spaces.Discrete(3), "b": spaces.Box(-1, 1, (2,))}))
        >>> features({"a": torch.tensor([2]), "b": torch.tensor([[0.5, -0.5]])})
        tensor([[ 0.0000,  0.0000,  1.0000,  0.5000, -0.5000]])
    """

    def __init__(self, space: gymnasium.Space[Any], but: tuple[str, ...] = ()) -> None:
        """Find how each part is turned into numbers."""
        super().__init__()
        layout = ObservationLayout(space)
        self._parts = nn.ModuleList(_part(leaf) for leaf in layout.leaves if leaf.name not in but)
        self._paths = [leaf.path for leaf in layout.leaves if leaf.name not in but]
        self.sizes = [leaf_size(leaf) for leaf in layout.leaves if leaf.name not in but]

    @property
    def n_features(self) -> int:
        """Numbers per observation."""
        return sum(self.sizes)

    def rows(self, observation: Any) -> list[Tensor]:
        """The numbers of each part by itself, (n, size)."""
        rows = []
        for part, path in zip(self._parts, self._paths, strict=True):
            rows.append(part(part_at(observation, path)))
        return rows

    def forward(self, observation: Any) -> Tensor:
        """All numbers, joined."""
        rows = self.rows(observation)
        return rows[0] if len(rows) == 1 else torch.cat(rows, 1)


def leaf_size(leaf: Leaf) -> int:
    """How many numbers a part becomes.

    Example:
        >>> leaf_size(Leaf("what", ("what",), spaces.MultiDiscrete([3, 4])))
        7
    """
    if isinstance(leaf.space, spaces.Discrete):
        return int(leaf.space.n)
    if isinstance(leaf.space, spaces.MultiDiscrete):
        return int(leaf.space.nvec.sum())
    return int(np.prod(leaf.shape))


class _Numbers(nn.Module):
    def __init__(self, leaf: Leaf) -> None:
        super().__init__()
        self._is_vector = len(leaf.shape) == 1

    def forward(self, values: Tensor) -> Tensor:
        values = values.float()
        return values if self._is_vector else values.reshape(len(values), -1)


class _ScaledIntegers(nn.Module):
    low: Tensor
    span: Tensor

    def __init__(self, low: np.ndarray, span: np.ndarray) -> None:
        super().__init__()
        self.register_buffer("low", torch.as_tensor(low.ravel(), dtype=torch.float32), persistent=False)
        self.register_buffer("span", torch.as_tensor(span.ravel(), dtype=torch.float32), persistent=False)

    def forward(self, values: Tensor) -> Tensor:
        scaled: Tensor = (values.reshape(len(values), -1).float() - self.low) / self.span
        return scaled


class _OneHot(nn.Module):
    def __init__(self, counts: list[int]) -> None:
        super().__init__()
        self._counts = counts

    def forward(self, values: Tensor) -> Tensor:
        columns = values.reshape(len(values), -1)
        hot = [nn.functional.one_hot(columns[:, index], n) for index, n in enumerate(self._counts)]
        return torch.cat(hot, 1).float()


def _part(leaf: Leaf) -> nn.Module:
    space = leaf.space
    if isinstance(space, spaces.Discrete):
        return _OneHot([int(space.n)])
    if isinstance(space, spaces.MultiDiscrete):
        return _OneHot(space.nvec.ravel().tolist())
    if isinstance(space, spaces.Box) and np.dtype(space.dtype).kind in "iu" and space.is_bounded():
        low, high = space.low.astype(np.float64), space.high.astype(np.float64)
        return _ScaledIntegers(low, np.maximum(high - low, 1))
    return _Numbers(leaf)
