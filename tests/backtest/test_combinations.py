"""Parameter sets: grids, random searches, blocks, settings."""

import numpy as np
import pytest
from pydantic import ValidationError

from tasks.backtest.combinations import combinations, parameter_sets, random_combinations
from tasks.backtest.config import CostConfig, PortfolioConfig, Steps, SweepConfig
from tasks.backtest.strategies.registry import FAMILIES, family
from tasks.errors import UserError


def test_a_grid_keeps_its_order_and_leaves_out_what_makes_no_sense():
    sets = combinations("ma_cross", {"slow": (30, 10), "fast": (5, 20)})
    np.testing.assert_array_equal(sets.values, [[5, 30], [5, 10], [20, 30]])
    np.testing.assert_array_equal(sets.numbers, [0, 1, 2])
    np.testing.assert_array_equal(sets[1:].numbers, [1, 2])
    np.testing.assert_array_equal(sets.column("slow"), [30, 10, 30])


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_a_random_search_is_seeded_distinct_and_inside_the_range(name):
    kind = family(name)
    sets = random_combinations(name, kind.usual_grid, 40, 3)
    again = random_combinations(name, kind.usual_grid, 40, 3)
    other = random_combinations(name, kind.usual_grid, 40, 4)
    np.testing.assert_array_equal(sets.values, again.values)
    assert sets.values.shape == (40, len(kind.names))
    assert not np.array_equal(sets.values, other.values)
    assert len(np.unique(sets.values, axis=0)) == 40
    assert kind.sensible(sets.values).all()
    for parameter, column in zip(kind.parameters, sets.values.T, strict=True):
        assert min(parameter.usual) <= column.min()
        assert column.max() <= max(parameter.usual)
    more = random_combinations(name, kind.usual_grid, 60, 3)
    np.testing.assert_array_equal(more.values[:40], sets.values)


def test_a_small_range_gives_what_it_has():
    sets = random_combinations("ma_cross", {"fast": (2, 3), "slow": (3, 4)}, 100, 0)
    assert len(sets) == 3
    with pytest.raises(UserError, match="no sensible set"):
        random_combinations("ma_cross", {"fast": (9,), "slow": (4,)}, 5, 0)
    with pytest.raises(UserError, match="give values for fast, slow"):
        random_combinations("ma_cross", {"fast": (9,), "slow": ()}, 5, 0)


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_settings_name_the_sets_of_every_strategy(name):
    config = SweepConfig(strategy=name)
    assert len(parameter_sets(config)) >= 20
    drawn = parameter_sets(SweepConfig(strategy=name, search="random", samples=7))
    assert len(drawn) == 7
    assert SweepConfig.model_validate(config.model_dump()) == config


def test_steps_are_lists_or_ranges():
    assert Steps(start=5, stop=11, step=3).numbers() == (5, 8, 11)
    assert Steps(values=(9, 3, 3)).numbers() == (3, 9)
    for wrong in ({"start": 9, "stop": 3}, {"values": (0, 3)}, {"length": 3}):
        with pytest.raises(ValidationError):
            Steps(**wrong)
    with pytest.raises(ValidationError, match="keep_k 5 is below top_k 9"):
        PortfolioConfig(top_k=9, keep_k=5)
    with pytest.raises(ValidationError):
        CostConfig(commission_rate=0.1)
