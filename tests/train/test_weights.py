from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from maze.factory import ConfigurationError
from maze.train.weights import load_weights, put_weights, read_weights, save_weights, weights_of


class Shared(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(2, 2)
        self.second = self.first
        self.norm = nn.BatchNorm1d(2)


def test_weights_come_back_as_they_were(tmp_path: Path) -> None:
    one, other = Shared(), Shared()
    one.norm(torch.randn(5, 2))
    save_weights(weights_of(one), tmp_path / "best.safetensors")
    load_weights(other, tmp_path / "best.safetensors")
    assert [path.name for path in tmp_path.iterdir()] == ["best.safetensors"]
    for name, tensor in one.state_dict().items():
        assert torch.equal(tensor, other.state_dict()[name])


def test_what_is_shared_is_there_once() -> None:
    names = list(weights_of(Shared()))
    assert [name for name in names if name.startswith(("first", "second"))] == ["first.bias", "first.weight"]
    assert "norm.running_mean" in names


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({"weight": torch.zeros(1, 2)}, "bias is missing"),
        ({"weight": torch.zeros(1, 2), "bias": torch.zeros(1), "more": torch.zeros(1)}, "which has no more"),
        ({"weight": torch.zeros(2, 2), "bias": torch.zeros(1)}, "weight has the shape \\(2, 2\\), not \\(1, 2\\)"),
        ({"weight": torch.full((1, 2), torch.inf), "bias": torch.zeros(1)}, "weight is not finite"),
    ],
)
def test_weights_that_do_not_fit_change_nothing(weights: dict[str, torch.Tensor], message: str) -> None:
    model = nn.Linear(2, 1)
    before = {name: tensor.clone() for name, tensor in weights_of(model).items()}
    with pytest.raises(ConfigurationError, match=message):
        put_weights(model, weights, "these")
    assert all(torch.equal(before[name], tensor) for name, tensor in weights_of(model).items())


def test_what_is_no_safetensors_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"\x80\x04pickled")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_weights(tmp_path / "x")


def test_the_file_is_as_readable_as_others(tmp_path: Path) -> None:
    save_weights(weights_of(nn.Linear(2, 1)), tmp_path / "weights")
    (tmp_path / "other").touch()
    assert (tmp_path / "weights").stat().st_mode == (tmp_path / "other").stat().st_mode
