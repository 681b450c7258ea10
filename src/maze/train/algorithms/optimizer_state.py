"""The state of torch's optimisers as named tensors, which can be kept without pickling."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from maze.factory import ConfigurationError


def optimizer_state(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """What an optimiser remembers of each parameter, by `optimizer.number.name`.

    Example:
        >>> weight = torch.nn.Parameter(torch.ones(2))
        >>> adam = torch.optim.Adam([weight])
        >>> weight.sum().backward(); adam.step()
        >>> sorted(optimizer_state(adam))
        ['optimizer.0.exp_avg', 'optimizer.0.exp_avg_sq', 'optimizer.0.step']
    """
    return {
        f"optimizer.{number}.{name}": value
        for number, of_parameter in optimizer.state_dict()["state"].items()
        for name, value in of_parameter.items()
        if isinstance(value, Tensor)
    }


def load_optimizer_state(optimizer: torch.optim.Optimizer, state: Mapping[str, Tensor]) -> None:
    """Let an optimiser remember what another one did.

    Args:
        optimizer: Of the same parameters.
        state: From `optimizer_state`; what is no optimiser's is left alone.

    Raises:
        ConfigurationError: If that was one of other parameters.
    """
    content = optimizer.state_dict()
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    remembered: dict[int, dict[str, Tensor]] = {}
    for key, value in state.items():
        owner, _, rest = key.partition(".")
        if owner != "optimizer":
            continue
        number, _, name = rest.partition(".")
        index = int(number)
        if index >= len(parameters) or (value.ndim and value.shape != parameters[index].shape):
            raise ConfigurationError(
                "the optimiser's state in input_dir is of another model: leave model=... out, or choose another "
                "algorithm"
            )
        remembered.setdefault(index, {})[name] = value
    optimizer.load_state_dict({**content, "state": remembered})
