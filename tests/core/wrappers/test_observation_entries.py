"""How wrappers are told which parts of observations they change."""

from __future__ import annotations

from typing import Any

import gymnasium
import pytest
from gymnasium import spaces
from tests.core.wrappers.market import Market

from maze.core.env.gym_env import GymEnv
from maze.core.wrappers.observation_entries import chosen_entries, entries, with_entries
from maze.factory import ConfigurationError


def choose(keys: Any = None, exclude: Any = None, env: Any = None, kind: type = spaces.Box) -> Any:
    return chosen_entries(env or Market(), keys, exclude, lambda space: isinstance(space, kind), "normalize")


@pytest.mark.parametrize(
    ("keys", "exclude", "expected"),
    [
        (None, None, {"buy": ["price"], "sell": ["stock"]}),
        (["stock"], None, {"buy": [], "sell": ["stock"]}),
        ({"buy": ["price"]}, None, {"buy": ["price"], "sell": []}),
        (None, ["price", "day"], {"buy": [], "sell": ["stock"]}),
        (None, {"sell": ["stock"]}, {"buy": ["price"], "sell": []}),
    ],
)
def test_entries_are_chosen_by_key_and_by_step_key(keys: Any, exclude: Any, expected: Any) -> None:
    assert choose(keys, exclude) == expected


def test_masks_are_left_out_and_nothing_else() -> None:
    assert choose(kind=spaces.Space) == {"buy": ["price", "day"], "sell": ["stock", "day"]}


def test_an_observation_that_is_no_dict_is_chosen_whole() -> None:
    env = GymEnv(gymnasium.make("CartPole-v1"))
    assert choose(env=env) == choose([None], env=env) == {0: [None]}


@pytest.mark.parametrize(
    ("choice", "line"),
    [
        ({"keys": ["prise"]}, "keys names the observation 'prise', which the environment does not have: did you mean"),
        (
            {"exclude": ["zzz"]},
            "exclude names the observation 'zzz', which the environment does not have: choose among",
        ),
        (
            {"keys": {"by": ["price"]}},
            "keys names the step key 'by', which the environment does not have: did you mean",
        ),
        ({"keys": {"sell": ["price"]}}, "keys names the observation 'price' of step key 'sell', which there is not"),
        (
            {"keys": ["affordable"]},
            "the observation 'affordable' of step key 'buy' is an action mask, which nothing may",
        ),
        ({"keys": ["day"]}, r"the observation 'day' of step key 'buy' is Discrete\(7\), which cannot be normalized"),
        ({"exclude": ["price", "stock"]}, "there is nothing to normalize in"),
    ],
)
def test_what_cannot_be_chosen_is_refused_in_one_line(choice: Any, line: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^{line}") as caught:
        choose(**choice)
    assert "\n" not in str(caught.value)


def test_keys_of_an_observation_that_is_no_dict_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="its observations are no Dict, so leave the key out"):
        choose(["price"], env=GymEnv(gymnasium.make("CartPole-v1")))


def test_the_order_of_entries_stays() -> None:
    space = spaces.Dict([("b", spaces.Discrete(2)), ("a", spaces.Discrete(3))])
    assert list(entries(with_entries(space, {"b": spaces.Discrete(5)})).items()) == [
        ("b", spaces.Discrete(5)),
        ("a", spaces.Discrete(3)),
    ]
    assert with_entries(spaces.Discrete(2), {None: spaces.Discrete(4)}) == spaces.Discrete(4)
