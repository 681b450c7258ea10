from __future__ import annotations

import numpy as np
import torch
from gymnasium import spaces

from maze.train.models.flat_features import FlatFeatures


def test_bounded_integers_are_scaled_and_floats_stay() -> None:
    space = spaces.Dict(
        {
            "bytes": spaces.Box(0, 255, (2,), np.uint8),
            "range": spaces.Box(np.array([-2, 3]), np.array([2, 3]), dtype=np.int32),
            "speed": spaces.Box(-9, 9, (2,)),
        }
    )
    features = FlatFeatures(space)
    row = features(
        {
            "bytes": torch.tensor([[0, 255]], dtype=torch.uint8),
            "range": torch.tensor([[0, 3]], dtype=torch.int32),
            "speed": torch.tensor([[4.5, -9.0]]),
        }
    )
    assert row.tolist() == [[0.0, 1.0, 0.5, 0.0, 4.5, -9.0]]


def test_counts_are_one_hot() -> None:
    features = FlatFeatures(spaces.MultiDiscrete([2, 3]))
    assert features(torch.tensor([[1, 0]])).tolist() == [[0, 1, 1, 0, 0]]
    assert features.n_features == 5
