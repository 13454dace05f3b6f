import math

import numpy as np
import pytest

from tasks.errors import UserError
from tasks.models.drift import drift, stability_index


def test_index_equals_its_definition_by_hand():
    reference = np.arange(100.0)
    current = np.concatenate([np.zeros(50), np.full(50, 99.0)])
    # deciles of the reference hold ten values each; the current sample fills the outer two
    a = (np.array([10.0] * 10 + [0.0]) + 0.5) / 105.5
    b = (np.array([50.0] + [0.0] * 8 + [50.0, 0.0]) + 0.5) / 105.5
    assert stability_index(reference, current) == pytest.approx(((a - b) * np.log(a / b)).sum())


def test_equal_samples_have_none_and_missing_values_count():
    x = np.random.default_rng(0).standard_normal(2000)
    assert stability_index(x, x) == 0.0
    holes = np.where(np.arange(2000) % 2 == 0, np.nan, x)
    assert stability_index(x, holes) > 0.5
    assert math.isnan(stability_index(x, x[:0]))


def market(seed, days=400, n=300):
    """A common move every day, as every feature of a real market has."""
    random = np.random.default_rng(seed)
    return random.standard_normal((days, n)) + 0.7 * random.standard_normal((days, 1))


def test_identical_populations_hardly_ever_drift():
    """One index per night beyond 0.25 would be usual here without the calibration."""
    states, raw = [], []
    for seed in range(60):
        frame = drift({"x": market(seed)}, train_start=0, train_stop=380)
        states.append(frame["state"].iloc[0])
        raw.append(frame["psi"].iloc[0])
    assert np.mean(np.array(raw) > 0.25) > 0.3
    assert np.mean(np.array(states) != "stable") < 0.06


@pytest.mark.parametrize("seed", range(5))
def test_a_shift_a_scale_and_holes_are_seen(seed):
    x = market(seed)
    shifted, scaled, holes = x.copy(), x.copy(), x.copy()
    shifted[-1] += 6.0
    scaled[-1] = 0.0
    holes[-1, :200] = np.nan
    frame = drift(
        {"shifted": shifted, "scaled": scaled, "holes": holes, "same": x},
        train_start=0,
        train_stop=380,
    )
    assert frame["feature"].iloc[-1] == "same"
    assert frame["psi"].is_monotonic_decreasing
    assert frame["state"].tolist() == ["drifted"] * 3 + ["stable"]
    assert (frame["low"] <= frame["psi"]).all()
    assert (frame["high"] >= frame["psi"]).all()


def test_cells_outside_the_universe_do_not_count():
    x = market(1)
    eligible = np.ones(x.shape, dtype=bool)
    eligible[:, :50] = False
    y = x.copy()
    y[:, :50] = 1e6
    a = drift({"x": x}, train_start=0, train_stop=380, eligible=eligible)
    b = drift({"x": y}, train_start=0, train_stop=380, eligible=eligible)
    assert a.equals(b)
    assert a["n"].iloc[0] == 250


def test_a_feature_without_values_tonight_is_unknown_or_drifted_but_never_stable():
    x = market(2)
    x[-1] = np.nan
    none = np.zeros(x.shape, dtype=bool)
    none[:-1] = True
    assert drift({"x": x}, train_start=0, train_stop=380)["state"].iloc[0] == "drifted"
    got = drift({"x": x}, train_start=0, train_stop=380, eligible=none)
    assert got["state"].iloc[0] == "unknown"


def test_an_empty_training_window_is_refused():
    with pytest.raises(UserError, match="5:5 is empty"):
        drift({"x": market(0)}, train_start=5, train_stop=5)
