"""Weights of a model as safetensors files: written whole or not at all, and checked when they are read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from maze.core.recording.part import publish
from maze.factory import ConfigurationError


def weights_of(model: nn.Module) -> dict[str, Tensor]:
    """All that a model has learned, by name; what two of its parts share is there once.

    Example:
        >>> list(weights_of(nn.Linear(2, 1)))
        ['bias', 'weight']
    """
    shared = {name for name, _ in model.named_parameters(remove_duplicate=False)}
    shared -= {name for name, _ in model.named_parameters()}
    state = model.state_dict()
    return {name: state[name] for name in sorted(state) if name not in shared}


def save_weights(weights: Mapping[str, Tensor], path: Path) -> None:
    """Write weights, so that the file is the old one or the new one whatever happens.

    Args:
        weights: From `weights_of`, or anything like it.
        path: The file.
    """
    temporary = path.with_name(f"{path.name}.tmp")
    # Written by ourselves, for safetensors would let nobody else read the file.
    temporary.write_bytes(save({name: tensor.detach().cpu().clone().contiguous() for name, tensor in weights.items()}))
    publish(temporary, path)


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read weights.

    Raises:
        ConfigurationError: If there is no such file, or it is damaged.
    """
    try:
        return load_file(path)
    except FileNotFoundError:
        raise ConfigurationError(f"there are no weights in {path}: name the directory of a training run") from None
    except (OSError, SafetensorError) as error:
        raise ConfigurationError(f"{path} cannot be read ({error}): restore it from a copy") from None


def load_weights(model: nn.Module, path: Path) -> None:
    """Give a model the weights of a file.

    Raises:
        ConfigurationError: If they cannot be read, are of another model, or are not finite.
    """
    put_weights(model, read_weights(path), str(path))


def put_weights(model: nn.Module, weights: Mapping[str, Tensor], source: str) -> None:
    """Give a model weights.

    Args:
        model: Gets them.
        weights: From `weights_of` a model like it.
        source: Where they are from, for the message.

    Raises:
        ConfigurationError: If they are of another model, or are not finite.

    Example:
        >>> put_weights(nn.Linear(2, 1), weights_of(nn.Linear(3, 1)), "the weights")
        Traceback (most recent call last):
        maze.factory.ConfigurationError: the weights do not fit the model: weight has the shape (1, 3), not (1, 2); ...
    """
    own = weights_of(model)
    advice = "leave model=... and wrappers=... out to take those of the training run"
    for name in sorted(own.keys() | weights.keys()):
        if name not in weights:
            raise ConfigurationError(f"{source} do not fit the model: {name} is missing; {advice}")
        if name not in own:
            raise ConfigurationError(f"{source} do not fit the model, which has no {name}; {advice}")
        if weights[name].shape != own[name].shape:
            shapes = f"{tuple(weights[name].shape)}, not {tuple(own[name].shape)}"
            raise ConfigurationError(f"{source} do not fit the model: {name} has the shape {shapes}; {advice}")
        if not torch.isfinite(weights[name]).all():
            raise ConfigurationError(f"{source} are damaged: {name} is not finite; choose policy.weights=last, or best")
    with torch.no_grad():
        for name, tensor in own.items():
            tensor.copy_(weights[name])
