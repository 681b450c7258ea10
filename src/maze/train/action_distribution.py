"""Probabilities of whole actions, to learn from: those of their parts multiplied, one ratio per decision."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution, Normal
from torch.nn.functional import logsigmoid

from maze.train.models.action_layout import ActionLayout
from maze.train.models.action_part import (
    GREATEST_LOG_STD,
    LARGEST_TANH,
    LEAST_LOG_STD,
    ActionPart,
    CategoricalPart,
    GaussianPart,
)


class ActionDistribution(Distribution):
    """The distribution of a batch of actions, given a network's parameters.

    It is torch's interface over `ActionLayout`, for losses that ask for no more than that. It does not draw: policies
    do, by each slot's own random numbers.

    Args:
        parameters: (n, n_parameters) as the layout has them; of what is not legal, logits are very small.
        layout: What they are about.

    Example:
        >>> from gymnasium.spaces import Discrete
        >>> distribution = ActionDistribution(torch.tensor([[0.0, 0.0]]), ActionLayout(Discrete(2)))
        >>> distribution.log_prob(torch.tensor([[1.0]])).exp(), distribution.entropy()
        (tensor([0.5000]), tensor([0.6931]))
    """

    arg_constraints: dict[str, Any] = {}  # noqa: RUF012 - torch's name; nothing is checked

    def __init__(self, parameters: Tensor, layout: ActionLayout) -> None:
        """Keep the parameters."""
        super().__init__(parameters.shape[:1], torch.Size([layout.n_columns]), validate_args=False)
        self._parameters, self._layout = parameters, layout
        self._log_shares = {
            part.first_column: torch.log_softmax(parameters[:, part.parameters], 1)
            for part in layout.parts
            if isinstance(part, CategoricalPart)
        }

    def log_prob(self, value: Tensor) -> Tensor:
        """Logarithm of the probabilities, of real numbers of their densities, (n,).

        Args:
            value: (n, n_columns) as the layout has them.
        """
        return self._sum(self._log_prob(part, value[:, part.columns]) for part in self._layout.parts)

    def entropy(self) -> Tensor:
        """Entropy, (n,); of squashed numbers that of the Gaussian before, for theirs has no closed form.

        Raises:
            FloatingPointError: If the network gives no numbers.
        """
        entropy = self._sum(map(self._entropy, self._layout.parts))
        if not torch.isfinite(entropy).all():
            raise FloatingPointError("the network gives values that are not finite")
        return entropy

    @property
    def mode(self) -> Tensor:
        """The most likely actions, (n, n_columns)."""
        chosen = self._layout.choose(self._parameters.detach().cpu().numpy(), None)
        return torch.as_tensor(chosen, dtype=torch.float32, device=self._parameters.device)

    @property
    def deterministic_sample(self) -> Tensor:
        """The most likely actions, under the name that tensordict asks for."""
        return self.mode

    def _sum(self, of_parts: Iterable[Tensor]) -> Tensor:
        """Of one number per part and action."""
        return sum(of_parts, start=self._parameters.new_zeros(len(self._parameters)))

    def _log_prob(self, part: ActionPart, chosen: Tensor) -> Tensor:
        if isinstance(part, CategoricalPart):
            return self._log_shares[part.first_column].gather(1, chosen.long()).squeeze(1)
        if isinstance(part, GaussianPart):
            return self._gaussian_log_prob(part, chosen)
        logits = self._parameters[:, part.parameters]
        return logsigmoid(torch.where(chosen > 0, logits, -logits)).sum(1)

    def _entropy(self, part: ActionPart) -> Tensor:
        if isinstance(part, CategoricalPart):
            log_shares = self._log_shares[part.first_column]
            return -(log_shares.exp() * log_shares).sum(1)
        if isinstance(part, GaussianPart):
            entropy: Tensor = self._normal(part).entropy()  # type: ignore[no-untyped-call]
            return entropy.sum(1)
        logits = self._parameters[:, part.parameters]
        share = torch.sigmoid(logits)
        return -(share * logsigmoid(logits) + (1 - share) * logsigmoid(-logits)).sum(1)

    def _normal(self, part: GaussianPart) -> Normal:
        parameters, n = self._parameters[:, part.parameters], part.n_columns
        log_std = parameters[:, n:].clamp(LEAST_LOG_STD, GREATEST_LOG_STD)
        return Normal(parameters[:, :n], log_std.exp(), validate_args=False)

    def _gaussian_log_prob(self, part: GaussianPart, chosen: Tensor) -> Tensor:
        """The change of variables is that of soft actor-critic (https://arxiv.org/abs/1801.01290, appendix C)."""
        normal = self._normal(part)
        if not part.is_squashed:
            return _log_density(normal, chosen).sum(1)
        low, high = (torch.from_numpy(bound).to(chosen) for bound in (part.low, part.high))
        half = (high - low) / 2
        squashed = ((chosen - low) / half - 1).clamp(-LARGEST_TANH, LARGEST_TANH)
        log_slope = torch.log1p(-squashed.square()) + half.log()
        return (_log_density(normal, torch.atanh(squashed)) - log_slope).sum(1)


def _log_density(normal: Normal, value: Tensor) -> Tensor:
    density: Tensor = normal.log_prob(value)  # type: ignore[no-untyped-call]
    return density
