"""The parts of an action that are chosen by themselves, and what a network's outputs say about each."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from maze.core.env.space_parts import PartPath

LEAST_LOG_STD, GREATEST_LOG_STD = -5.0, 2.0
"""Of Gaussian actions before they are squashed."""

LARGEST_TANH = 1.0 - 1e-6
"""So that what a squashed action was before stays finite in single precision."""


@dataclass(frozen=True)
class ActionPart(ABC):
    """A part of an action that is chosen by itself, given all parameters: their probabilities multiply.

    A batch of actions is an array of numbers, `columns`, in which each part has its own.
    """

    path: PartPath
    """The keys that lead to it within the action."""

    name: str
    """The keys joined by dots; empty for the whole of an action that is no Dict or Tuple."""

    first_parameter: int
    n_parameters: int
    first_column: int
    n_columns: int

    @property
    def parameters(self) -> slice:
        """Its outputs of the network."""
        return slice(self.first_parameter, self.first_parameter + self.n_parameters)

    @property
    def columns(self) -> slice:
        """Its columns in a batch of actions."""
        return slice(self.first_column, self.first_column + self.n_columns)

    @property
    @abstractmethod
    def n_uniforms(self) -> int:
        """Random numbers that it takes to choose it."""

    @abstractmethod
    def choose(self, parameters: np.ndarray, uniforms: np.ndarray | None) -> np.ndarray:
        """Choose for a batch.

        Args:
            parameters: (n, n_parameters), float32.
            uniforms: (n, n_uniforms) within (0, 1]; None: choose what is most likely.

        Returns:
            (n, n_columns).
        """


@dataclass(frozen=True)
class CategoricalPart(ActionPart):
    """One of several values; the parameters are their logits."""

    @property
    def n_uniforms(self) -> int:
        """One."""
        return 1

    def choose(self, parameters: np.ndarray, uniforms: np.ndarray | None) -> np.ndarray:
        """Invert the cumulative distribution; what is masked has no share of it."""
        if uniforms is None:
            most_likely: np.ndarray = parameters.argmax(1)[:, None]
            return most_likely
        shares = np.exp(parameters - parameters.max(1, keepdims=True)).cumsum(1)
        # The first value whose share, added up, reaches the number: it has one itself, for the number is not 0.
        chosen: np.ndarray = (shares < uniforms * shares[:, -1:]).sum(1, keepdims=True)
        return chosen


@dataclass(frozen=True)
class BinaryPart(ActionPart):
    """Bits, each by itself; the parameters are the logits of 1."""

    @property
    def n_uniforms(self) -> int:
        """One for each bit."""
        return self.n_columns

    def choose(self, parameters: np.ndarray, uniforms: np.ndarray | None) -> np.ndarray:
        """Set a bit with the probability sigmoid(logit)."""
        if uniforms is None:
            return parameters > 0
        with np.errstate(over="ignore"):  # exp(-logit) of a bit that must not be set is infinite, as it shall be
            return uniforms <= 1 / (1 + np.exp(-parameters.astype(np.float64)))


@dataclass(frozen=True)
class GaussianPart(ActionPart):
    """Real numbers; the parameters are means and logarithms of standard deviations, before squashing.

    Bounded ones are low + (high - low) (tanh(x) + 1) / 2 with a Gaussian x, as in soft actor-critic
    (https://arxiv.org/abs/1801.01290, appendix C); unbounded ones are x.
    """

    low: np.ndarray
    """(n_columns,), float32."""

    high: np.ndarray
    is_squashed: bool

    @property
    def n_uniforms(self) -> int:
        """Two for each number."""
        return 2 * self.n_columns

    def choose(self, parameters: np.ndarray, uniforms: np.ndarray | None) -> np.ndarray:
        """Draw normal numbers by the transform of Box and Muller, or take the means."""
        n = self.n_columns
        values = parameters[:, :n].astype(np.float64)
        if uniforms is not None:
            log_std = parameters[:, n:].clip(LEAST_LOG_STD, GREATEST_LOG_STD)
            normal = np.sqrt(-2 * np.log(uniforms[:, :n])) * np.cos(2 * np.pi * uniforms[:, n:])
            values += np.exp(log_std) * normal
        if not self.is_squashed:
            return values
        share = (np.tanh(values).clip(-LARGEST_TANH, LARGEST_TANH) + 1) / 2
        squashed: np.ndarray = (self.low + share * (self.high - self.low)).clip(self.low, self.high)
        return squashed
