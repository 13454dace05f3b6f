"""SPA and StepM: size on data without skill, power on planted skill, and arch as a peer."""

import json
import os
import subprocess

import numpy as np
import pytest
from scipy.stats import binom

from tasks.errors import UserError
from tasks.validation.noise import day_counts
from tasks.validation.superior import long_run_variance, superior


def trials(seed, k=60, t=500, true=0, sharpe=4.0, shared=0.5):
    random = np.random.default_rng(seed)
    common = random.standard_normal(t)
    x = np.sqrt(shared) * common + np.sqrt(1 - shared) * random.standard_normal((k, t))
    x[:true] += sharpe / np.sqrt(244)
    return x * 0.01


def test_without_skill_few_are_found_and_bad_trials_do_not_hide_a_good_one():
    null = [superior(trials(seed), draws=300) for seed in range(40)]
    assert np.mean([s.p < 0.05 for s in null]) <= 0.12
    assert np.mean([s.better.any() for s in null]) <= 0.12
    assert all(s.p_lower <= s.p <= s.p_upper for s in null)
    good = trials(1, k=5, true=1, sharpe=3.6, shared=0.0)
    bad = trials(2, k=400, shared=0.0) - 0.01
    with_bad = superior(np.concatenate([good, bad]))
    assert with_bad.p < 0.05
    assert with_bad.p < with_bad.p_upper, "the reality check is blunted by poor trials"


@pytest.mark.parametrize(("count", "days", "runs"), [(30, 750, 40), (1000, 250, 60)])
def test_at_five_per_cent_one_in_twenty_is_rejected_however_many_are_tried(count, days, runs):
    """Independent trials are the hardest: the best of them is the one whose scale is most wrong."""
    null = [
        superior(trials(seed, k=count, t=days, shared=0.0), draws=200, seed=seed)
        for seed in range(runs)
    ]
    most = binom.ppf(0.999, runs, 0.05)
    assert sum(s.p <= 0.05 for s in null) <= most
    assert sum(s.better.any() for s in null) <= most


def test_one_with_skill_among_a_thousand_is_found():
    found = [superior(trials(s, k=1000, t=500, true=1, sharpe=5.0), draws=300) for s in range(10)]
    assert sum(s.p <= 0.05 for s in found) >= 8
    assert sum(s.better[0] for s in found) >= 8


def test_days_that_follow_each_other_are_no_skill():
    """The scale does not know of it, the draws do."""
    waves = [np.apply_along_axis(np.convolve, 1, trials(s, k=20, t=600), np.ones(4), "same")
             for s in range(30)]  # fmt: skip
    null = [superior(w, draws=200, seed=s) for s, w in enumerate(waves)]
    assert sum(s.p <= 0.05 for s in null) <= binom.ppf(0.999, 30, 0.08)


def test_planted_skill_is_found_and_nothing_beside_it():
    found = [superior(trials(seed, true=5, sharpe=6.0), draws=300) for seed in range(20)]
    assert all(s.p < 0.05 for s in found)
    assert np.mean([s.better[:5].sum() for s in found]) > 4
    assert np.mean([s.better[5:].any() for s in found]) <= 0.2


def test_the_variance_is_that_of_the_drawn_means():
    x = trials(3, k=4, t=400)
    x[1] = np.convolve(x[1], np.ones(8), "same")
    x -= x.mean(axis=1, keepdims=True)
    drawn = x @ day_counts(400, 40_000, 10, 1) / 400
    np.testing.assert_allclose(long_run_variance(x, 10) / 400, drawn.var(axis=1), rtol=0.03)


def test_neither_scale_nor_order_nor_a_constant_trial_matters():
    x = trials(4, k=30, true=2, sharpe=6.0)
    base = superior(x)
    assert superior(x * 7.0).p == base.p
    turned = superior(x[::-1].copy())
    assert (turned.p, turned.better[::-1].tolist()) == (base.p, base.better.tolist())
    still = superior(np.concatenate([x, np.full((1, x.shape[1]), 0.001)]))
    assert not still.better[-1]
    assert np.isnan(still.statistics[-1])
    assert still.p == base.p


def test_nothing_to_test_is_refused():
    with pytest.raises(UserError, match="returns that vary"):
        superior(np.zeros((3, 100)))
    with pytest.raises(UserError, match="not between 0 and 1"):
        superior(trials(0), level=5)


PEER = """
import json, sys
import numpy as np
from arch.bootstrap import SPA, StepM
x = np.load(sys.argv[1])
spa = SPA(np.zeros(x.shape[1]), -x.T, block_size=10, reps=2000, studentize=False, seed=3)
spa.compute()
step = StepM(np.zeros(x.shape[1]), -x.T, size=0.05, block_size=10, reps=2000,
             studentize=False, seed=3)
step.compute()
print(json.dumps([*map(float, spa.pvalues), sorted(map(int, step.superior_models))]))
"""


@pytest.mark.parametrize(("true", "sharpe"), [(0, 0.0), (1, 3.0), (3, 5.0)])
def test_arch_agrees(tmp_path, true, sharpe):
    python = os.environ.get("QILIN_PEERS", "")
    known = python and subprocess.run([python, "-c", "import arch"], capture_output=True)
    if not known or known.returncode:
        pytest.skip("needs arch in the peers' environment: make peers")
    x = trials(5, k=40, true=true, sharpe=sharpe)
    # arch compares plain means, so it is given trials that are on one scale already
    x /= x.std(axis=1, keepdims=True)
    np.save(tmp_path / "x.npy", x)
    (tmp_path / "peer.py").write_text(PEER)
    done = subprocess.run(
        [python, tmp_path / "peer.py", tmp_path / "x.npy"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    lower, consistent, upper, better = json.loads(done.stdout)
    ours = superior(x, draws=2000)
    np.testing.assert_allclose([ours.p_lower, ours.p, ours.p_upper], [lower, consistent, upper],
                               atol=0.035)  # fmt: skip
    assert np.flatnonzero(ours.better).tolist() == better
