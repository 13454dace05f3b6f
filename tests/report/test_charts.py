"""Charts: thinning keeps extremes, labels in both languages, gaps stay gaps, bytes repeat."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.models.drift import drift as measure
from tasks.report.assemble.model import _drift
from tasks.report.charts import (
    canvas,
    costs,
    drift,
    factors,
    health,
    models,
    parameter_map,
    portfolios,
    run,
    trials,
)
from tasks.report.night import Coverage, DataHealth, Night, Stage
from tasks.report.research import (
    Drift,
    Estimate,
    Factors,
    Model,
    MonthlyIc,
    Portfolio,
    QuantileReturns,
)
from tasks.report.trials import Trials
from tasks.report.words import Text, pick


@given(st.integers(min_value=1, max_value=5000), st.integers(min_value=0, max_value=10))
def test_thinning_keeps_ends_and_extremes(n: int, seed: int) -> None:
    values = np.random.default_rng(seed).normal(size=n)
    kept = canvas.thin(values)
    assert len(kept) <= canvas.MAX_POINTS
    assert kept[0] == 0
    assert kept[-1] == n - 1
    assert np.all(np.diff(kept) > 0)
    assert values[kept].max() == values.max()
    assert values[kept].min() == values.min()


def test_a_label_is_written_in_both_languages_and_escaped() -> None:
    picture = canvas.Canvas("x")
    picture.label(picture.ax, x=Text("a & <b>", "甲"))
    svg = picture.svg("finding", Text("question", "问题"))
    assert '<text class="en"' in svg or 'class="en"' in svg
    assert "a &amp; &lt;b&gt;" in svg
    assert ">甲<" in svg
    assert "question / 问题" in svg


def test_two_labels_of_equal_width_are_not_mixed_up() -> None:
    picture = canvas.Canvas("x")
    assert picture.words("宁德") != picture.words("万科")
    assert picture.words("宁德") == picture.words("宁德")


def test_colours_are_variables_and_ids_are_the_charts_own(full: Night) -> None:
    assert isinstance(full.trials, Trials)
    svg = trials.histogram(full.trials).svg
    assert not re.search(r"(?<![,(])#[0-9a-f]{6}", svg)
    assert set(re.findall(r'\bid="(\w+)-', svg)) == {"histogram"}
    for used in re.findall(r"url\(#(.*?)\)", svg):
        assert f'id="{used}"' in svg


def test_equal_input_gives_equal_bytes(full: Night) -> None:
    assert isinstance(full.health, DataHealth)
    assert health.coverage(full.health).svg == health.coverage(full.health).svg


def test_days_that_were_not_read_are_hatched_and_not_zero() -> None:
    days = tuple(f"2026-01-{d:02d}" for d in range(1, 11))
    source = Coverage(source="a", days=days, present=(None,) * 5 + (10,) * 5, expected=(10,) * 10)
    chart = health.coverage(DataHealth(expected_day="x", last_day="x", coverage=(source,)))
    assert "<pattern" in chart.svg
    assert "5 not read" in pick(chart.finding)
    assert "worst 100 %" in pick(chart.finding)


def test_short_out_of_sample_parts_are_not_drawn(full: Night) -> None:
    assert isinstance(full.portfolios, tuple)
    portfolio = full.portfolios[0]
    late = dataclasses.replace(portfolio, out_of_sample_from=portfolio.dates[-30], cone=None)
    chart = portfolios.growth(late, "g")
    assert chart.svg == ""
    assert pick(chart.empty) == "Fewer than 60 days out of sample (30): not drawn"


def test_growth_numbers_agree_with_the_series(full: Night) -> None:
    assert isinstance(full.portfolios, tuple)
    portfolio: Portfolio = full.portfolios[0]
    total = 100 * (portfolio.net[-1] / portfolio.net[0] - 1)
    finding = pick(portfolios.growth(portfolio, "g").finding)
    printed = re.search(r"earns ([\d,]+) %", finding)
    assert printed is not None
    assert float(printed.group(1).replace(",", "")) == pytest.approx(total, rel=0.005)


def test_the_cost_at_which_it_dies_is_interpolated() -> None:
    x, y = np.array([0.0, 10.0, 20.0]), np.array([1.0, 0.5, -0.5])
    assert costs._crossing(x, y) == pytest.approx(15.0)
    assert costs._crossing(x, np.ones(3)) is None


def test_months_without_ic_are_gaps(full: Night) -> None:
    assert isinstance(full.factors, Factors)
    series = MonthlyIc(name="a", months=("2026-01", "2026-02", "2026-03"),
                       ic=(0.02, None, 0.01), error=(0.01, None, 0.01))  # fmt: skip
    chart = factors.monthly_ic(dataclasses.replace(full.factors, monthly=(series,)))
    assert chart.data is not None
    assert [pick(row[1].text) for row in chart.data.rows] == ["0.010", "—", "0.020"]


def test_charts_without_data_say_so(full: Night) -> None:
    assert isinstance(full.factors, Factors)
    assert isinstance(full.model, Model)
    empty = dataclasses.replace(full.factors, monthly=(), decay=(), quantiles=())
    bare = dataclasses.replace(
        full.model,
        drift=(),
        importance=(),
        folds=(),
        drift_missing="Drift needs 20 nights, 7 present",
    )
    charts = [
        factors.quantiles(empty),
        factors.monthly_ic(empty),
        factors.decay(empty),
        drift.drift(bare),
        models.importance(bare),
        models.folds(bare),
        run.timeline([Stage(name="load", state="SKIP")]),
    ]
    for chart in charts:
        assert chart.svg == ""
        assert pick(chart.empty)
        assert pick(chart.empty, "zh")
    assert pick(drift.drift(bare).empty) == "Drift needs 20 nights, 7 present"


def test_too_few_stocks_for_quantiles_give_no_chart_and_no_fault(full: Night) -> None:
    assert isinstance(full.factors, Factors)
    unknown = QuantileReturns(name="model", returns=(Estimate(None),) * 5, days=0)
    chart = factors.quantiles(dataclasses.replace(full.factors, quantiles=(unknown,)))
    assert chart.svg == ""
    assert pick(chart.empty)


def test_a_spike_is_called_a_spike(full: Night) -> None:
    assert isinstance(full.trials, Trials)
    grid = full.trials.maps[0]
    spike = dataclasses.replace(
        grid,
        sharpe=tuple(tuple(3.0 if (x, y) == (1, 1) else 0.2 for x in range(5)) for y in range(6)),
        contains_zero=(),
    )
    plateau = dataclasses.replace(grid, sharpe=((2.0,) * 5,) * 6, contains_zero=())
    assert "is a spike" in pick(parameter_map.parameter_map(full.trials, spike, 0).finding)
    assert "plateau" in pick(parameter_map.parameter_map(full.trials, plateau, 0).finding)


def test_an_index_within_its_usual_range_is_no_alarm(full: Night) -> None:
    assert isinstance(full.model, Model)
    calm = (
        Drift("quiet", 0.05, 0.01, 0.3, 0.4, "stable"),
        Drift("broad", 0.6, 0.1, 0.7, 0.8, "stable"),
    )
    chart = drift.drift(dataclasses.replace(full.model, drift=calm))
    assert pick(chart.finding) == "None of 2 features moved beyond its usual range"
    assert canvas.COLOURS["vermillion"] not in chart.svg


def test_features_that_drifted_come_first_and_alone_are_counted(full: Night) -> None:
    assert isinstance(full.model, Model)
    rows = (
        Drift("broad", 0.6, 0.1, 0.7, 0.8, "stable"),
        Drift("gone", None),
        Drift("near", 0.15, 0.1, 0.2, 0.12, "watch"),
        Drift("far", 0.3, 0.1, 0.3, 0.2, "drifted"),
    )
    chart = drift.drift(dataclasses.replace(full.model, drift=rows))
    assert pick(chart.finding).startswith("2 of 3 features moved beyond their usual range, 1 of")
    assert chart.data is not None
    assert [pick(row[0].text) for row in chart.data.rows] == ["far", "near", "broad", "gone"]
    assert ">gone<" not in chart.svg
    assert canvas.COLOURS["vermillion"] in chart.svg


def test_features_without_values_are_not_called_calm(full: Night) -> None:
    assert isinstance(full.model, Model)
    chart = drift.drift(dataclasses.replace(full.model, drift=(Drift("gone", None),)))
    assert chart.svg == ""
    assert pick(chart.empty) == "None of 1 features could be judged"


def test_the_state_and_usual_level_of_a_feature_reach_the_report() -> None:
    rng = np.random.default_rng(5)
    values = {"x": rng.normal(size=(80, 60))}
    values["x"][-1] += 5.0
    frame = measure(values, train_start=0, train_stop=60)
    found = {row.feature: row for row in (_drift(row) for _, row in frame.iterrows())}
    assert found["x"].state == "drifted"
    assert found["x"].usual is not None
    assert found["x"].psi is not None
    assert found["x"].psi > found["x"].usual
