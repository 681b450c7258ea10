import numpy as np
from gymnasium import spaces

from maze.viewer.component import components_of_space


def test_every_number_of_a_nested_space_has_a_name_and_its_values() -> None:
    space = spaces.Dict(
        {
            "legal": spaces.MultiBinary(2),
            "pair": spaces.Tuple([spaces.Discrete(3), spaces.Box(0, 1, (2, 2))]),
            "text": spaces.Text(3),
            "picture": spaces.Box(0, 255, (84, 84), np.uint8),
            "number": spaces.Box(0, 1, ()),
        }
    )
    column = {
        "legal": np.array([[0, 1], [1, 1]], np.int8),
        "pair": (np.array([2, 0]), np.arange(8.0).reshape(2, 2, 2)),
        "number": np.array([0.25, 0.5]),
    }
    values = {found.name: found.of(column).tolist() for found in components_of_space("observation", 0, space)}
    assert values == {
        "legal[0]": [0, 1],
        "legal[1]": [1, 1],
        "pair[0]": [2, 0],
        "pair[1][0, 0]": [0, 4],
        "pair[1][0, 1]": [1, 5],
        "pair[1][1, 0]": [2, 6],
        "pair[1][1, 1]": [3, 7],
        "number": [0.25, 0.5],
    }


def test_a_bare_choice_is_named_by_its_role() -> None:
    (action,) = components_of_space("action", 0, spaces.Discrete(2))
    assert (action.name, action.is_choice) == ("action", True)
    assert action.of(np.array([1, 0])).tolist() == [1, 0]


def test_arrays_that_a_policy_tells_are_one_strip_each() -> None:
    space = spaces.Dict(
        {
            "both": spaces.Box(0, 1, (2, 2)),
            "one": spaces.Box(0, 1, (1,)),
            "saliency": spaces.Box(0, 1, (84, 84)),
            "value": spaces.Box(0, 1, ()),
        }
    )
    column = {"both": np.arange(8.0).reshape(2, 2, 2), "one": np.array([[5.0], [6.0]]), "value": np.array([1.0, 2.0])}
    found = list(components_of_space("output", 0, space))
    assert [(each.name, each.n_values) for each in found] == [("both", 4), ("one[0]", 1), ("value", 1)]
    assert [each.of(column).tolist() for each in found] == [[[0, 1, 2, 3], [4, 5, 6, 7]], [5, 6], [1, 2]]
