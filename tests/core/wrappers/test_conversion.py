"""How a configuration describes a conversion."""

from __future__ import annotations

from typing import Any

import pytest

from maze.core.wrappers.conversion import Conversion
from maze.core.wrappers.preprocessors.one_hot import OneHot
from maze.factory import ConfigurationError


@pytest.mark.parametrize(
    ("config", "target"),
    [
        ({"apply": "flatten"}, None),
        ({"apply": "flatten", "observation": "a"}, "a"),
        ({"apply": "flatten", "observation": "a", "name": "b"}, "b"),
        ({"apply": "flatten", "observation": "a", "keep": True}, "a_flatten"),
        ({"apply": OneHot(), "observation": "a", "keep": True}, "a_converted"),
        ({"apply": OneHot(), "observation": "a", "keep": True, "name": "b"}, "b"),
    ],
)
def test_names_of_results(config: Any, target: str | None) -> None:
    assert Conversion.from_config(config).target == target


def test_results_stand_where_the_original_was_or_behind_it() -> None:
    items = {"a": 1, "b": 2, "c": 3}
    replacing = Conversion.from_config({"apply": "scalar", "observation": "b"})
    assert list(replacing.place(items, 9).items()) == [("a", 1), ("b", 9), ("c", 3)]
    renaming = Conversion.from_config({"apply": "scalar", "observation": "b", "name": "x"})
    assert list(renaming.place(items, 9).items()) == [("a", 1), ("x", 9), ("c", 3)]
    keeping = Conversion.from_config({"apply": "scalar", "observation": "b", "keep": True})
    assert list(keeping.place(items, 9).items()) == [("a", 1), ("b", 2), ("b_scalar", 9), ("c", 3)]


@pytest.mark.parametrize(
    ("config", "line"),
    [
        ({"apply": "one-hot"}, "apply='one-hot' in a conversion is no preprocessor: did you mean 'one_hot'?"),
        ({}, "apply=None in a conversion is no preprocessor: choose among flatten, one_hot, scalar, scale, or give"),
        ({"apply": "scale", "observatoin": "a"}, "a conversion has no key 'observatoin': did you mean 'observation'?"),
        ({"apply": "scale", "zzz": "a"}, "a conversion has no key 'zzz': choose among apply, observation"),
        ({"apply": "scale", "observation": "a", "keep": "yes"}, "keep='yes' in a conversion: it must be true or false"),
        ({"apply": "scale", "step_keys": "buy"}, "step_keys='buy' in a conversion: give a list of step keys"),
        ({"apply": "scale", "keep": True}, "a conversion without `observation` converts the observation as a whole"),
        ({"apply": "scale", "name": "x"}, "a conversion without `observation` converts the observation as a whole"),
        ("flatten", "'flatten' is no conversion: give a mapping with apply, observation, keep, name, step_keys"),
    ],
)
def test_wrong_descriptions_are_refused_in_one_line(config: Any, line: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Conversion.from_config(config)
    assert str(caught.value).startswith(line)
