import numpy as np
from gymnasium.spaces import GraphInstance

from maze.viewer.shown_value import is_picture, shown_value


def test_names_of_the_environment_are_never_keys() -> None:
    assert shown_value({"$array": [1], "kind": "x"}) == {
        "kind": "dict",
        "entries": [["$array", {"kind": "list", "items": [1], "n_items": 1}], ["kind", "x"]],
    }


def test_large_things_are_cut() -> None:
    assert len(shown_value(np.zeros(10_000))["data"]) == 1024
    shown = shown_value(list(range(1000)))
    assert (len(shown["items"]), shown["n_items"]) == (256, 1000)
    assert len(shown_value("x" * 10_000)) < 5000


def test_pictures_are_whole() -> None:
    picture = np.zeros((4, 84, 84), np.uint8)
    assert is_picture(picture)
    assert shown_value(picture)["data"].size == picture.size
    assert not is_picture(picture.astype(np.float32))


def test_a_graph_is_shown_by_its_parts() -> None:
    graph = GraphInstance(np.zeros((2, 1)), None, np.zeros((0, 2), int))
    assert [name for name, _ in shown_value(graph)["entries"]] == ["nodes", "edges", "edge_links"]
