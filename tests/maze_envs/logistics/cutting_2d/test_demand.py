from __future__ import annotations

from itertools import islice

import numpy as np
import pytest

from maze.factory import ConfigurationError
from maze_envs.logistics.cutting_2d.demand import BLOCK, RandomDemand, StaticDemand
from maze_envs.logistics.cutting_2d.guillotine_cut import Size


def test_static_orders_come_in_turn_over_and_over() -> None:
    orders = StaticDemand([[1, 2], [1, 1], [2, 2]]).orders(np.random.default_rng(0))
    assert list(islice(orders, 5)) == [(1, 2), (1, 1), (2, 2), (1, 2), (1, 1)]


def test_random_orders_are_those_of_the_seed() -> None:
    demand = RandomDemand([2, 3], [5, 4])
    one, again, other = (list(islice(demand.orders(np.random.default_rng(seed)), 3 * BLOCK)) for seed in (7, 7, 8))
    assert one == again != other


def test_random_orders_reach_both_bounds() -> None:
    orders = list(islice(RandomDemand([2, 3], [5, 4]).orders(np.random.default_rng(0)), 500))
    assert {order.width for order in orders} == {2, 3, 4, 5}
    assert {order.height for order in orders} == {3, 4}


def test_the_largest_orders_bound_all() -> None:
    assert StaticDemand([[4, 1], [1, 3]]).largest == [Size(4, 1), Size(1, 3)]
    assert RandomDemand([1, 1], [6, 4]).largest == [Size(6, 4)]


@pytest.mark.parametrize("sizes", [[[1, 0]], [[1]], [[1, 2, 3]], [[1.5, 2]], [["1", 2]]])
def test_sizes_are_two_positive_whole_numbers(sizes: list[list[int]]) -> None:
    with pytest.raises(ConfigurationError, match="give width and height as whole numbers above 0"):
        StaticDemand(sizes)


def test_an_empty_list_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="needs an order at least"):
        StaticDemand([])


def test_bounds_in_the_wrong_order_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="exchange them"):
        RandomDemand([6, 1], [5, 5])
