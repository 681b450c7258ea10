"""One conversion of observations, as a configuration describes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from maze.core.env.actor_id import StepKey
from maze.core.wrappers.observation_entries import EntryKey
from maze.core.wrappers.preprocessors.flatten import Flatten
from maze.core.wrappers.preprocessors.one_hot import OneHot
from maze.core.wrappers.preprocessors.preprocessor import Preprocessor
from maze.core.wrappers.preprocessors.scalar import Scalar
from maze.core.wrappers.preprocessors.scale import Scale
from maze.factory import ConfigurationError, suggest

PREPROCESSORS: Mapping[str, type[Preprocessor]] = {
    "flatten": Flatten,
    "one_hot": OneHot,
    "scalar": Scalar,
    "scale": Scale,
}
"""Those that have a short name."""


@dataclass(frozen=True)
class Conversion:
    """What is converted, how, and what becomes of the original."""

    preprocessor: Preprocessor

    source: EntryKey
    """The entry that is converted; None: the observation as a whole."""

    target: EntryKey
    """The entry that holds the result."""

    keep: bool
    """Whether the original stays, the result behind it; otherwise the result takes its place."""

    step_keys: Sequence[StepKey] | None
    """Whose observations; None: those of all that have such an entry."""

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Read a conversion from its mapping.

        Raises:
            ConfigurationError: If it has an unknown key, or a value that cannot be.

        Example:
            >>> Conversion.from_config({"observation": "piece", "apply": "one_hot", "keep": True}).target
            'piece_one_hot'
        """
        known = ("apply", "observation", "keep", "name", "step_keys")
        if not isinstance(config, Mapping):
            raise ConfigurationError(f"{config!r} is no conversion: give a mapping with {', '.join(known)}")
        for key in config:
            if key not in known:
                hint = suggest(str(key), known) or f": choose among {', '.join(known)}"
                raise ConfigurationError(f"a conversion has no key {key!r}{hint}")
        apply, source, keep = config.get("apply"), config.get("observation"), config.get("keep", False)
        name, step_keys = config.get("name"), config.get("step_keys")
        if not isinstance(keep, bool):
            raise ConfigurationError(f"keep={keep!r} in a conversion: it must be true or false")
        if step_keys is not None and (isinstance(step_keys, str) or not isinstance(step_keys, Sequence)):
            raise ConfigurationError(f"step_keys={step_keys!r} in a conversion: give a list of step keys")
        if source is None and (keep or name is not None):
            raise ConfigurationError(
                "a conversion without `observation` converts the observation as a whole: leave `keep` and `name` out"
            )
        if name is None:
            name = f"{source}_{apply if isinstance(apply, str) else 'converted'}" if keep else source
        return cls(_preprocessor(apply), source, name, keep, step_keys)

    def place(self, items: Mapping[Any, Any], converted: Any) -> dict[Any, Any]:
        """The entries of a Dict, or of its space, with the converted one where it belongs."""
        placed: dict[Any, Any] = {}
        for key, value in items.items():
            if self.keep or key != self.source:
                placed[key] = value
            if key == self.source:
                placed[self.target] = converted
        return placed


def _preprocessor(apply: object) -> Preprocessor:
    if isinstance(apply, Preprocessor):
        return apply
    if isinstance(apply, str) and apply in PREPROCESSORS:
        return PREPROCESSORS[apply]()
    hint = suggest(str(apply), PREPROCESSORS) or f": choose among {', '.join(PREPROCESSORS)}, or give a `_target_`"
    raise ConfigurationError(f"apply={apply!r} in a conversion is no preprocessor{hint}")
