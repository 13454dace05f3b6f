import re
import subprocess
import sys

import numpy as np
import pytest

from tasks.errors import UserError
from tasks.models.config import TrainConfig
from tasks.models.trainers import base

KINDS = ["lightgbm", "xgboost", "pytorch"]
DAYS, N = 60, 100


@pytest.fixture(scope="module")
def rows():
    random = np.random.default_rng(0)
    X = random.standard_normal((DAYS * N, 7)).astype(np.float32)
    y = (0.5 * X[:, 0] - 0.3 * X[:, 1] + 0.5 * random.standard_normal(DAYS * N)).astype(np.float32)
    X[random.random(X.shape) < 0.05] = np.nan
    return X, y, np.repeat(np.arange(DAYS, dtype=np.int32), N)


def config(kind, **more):
    return TrainConfig(model=kind, rounds=60, learning_rate=0.1, min_leaf=20, **more)


@pytest.mark.parametrize("kind", KINDS)
def test_learns_what_is_there_and_survives_its_bytes(kind, rows):
    X, y, days = rows
    model = base.fit(config(kind), X, y, days=days)
    predicted = model.predict(X)
    assert predicted.shape == y.shape
    assert predicted.dtype == np.float64
    assert np.corrcoef(predicted, y)[0, 1] > 0.6
    again = base.load(kind, model.to_bytes())
    np.testing.assert_array_equal(again.predict(X), predicted)
    assert again.to_bytes() == model.to_bytes()
    np.testing.assert_array_equal(again.importance(), model.importance())
    # the two features that matter come first
    assert set(np.argsort(-model.importance())[:2]) == {0, 1}
    assert (model.importance() >= 0).all()
    assert model.predict(X[:0]).shape == (0,)


@pytest.mark.parametrize("kind", KINDS)
def test_equal_seeds_give_equal_bits_and_other_seeds_do_not(kind, rows):
    X, y, days = rows
    first = base.fit(config(kind), X, y, days=days).to_bytes()
    assert base.fit(config(kind), X.copy(), y.copy(), days=days).to_bytes() == first
    assert base.fit(config(kind, seed=8), X, y, days=days).to_bytes() != first


@pytest.mark.parametrize("kind", KINDS)
def test_thread_counts_never_change_a_bit(kind, rows):
    X, y, days = rows
    models = [base.fit(config(kind, threads=t), X, y, days=days) for t in (1, 2, 4)]
    assert len({m.to_bytes() for m in models}) == 1
    assert len({m.predict(X).tobytes() for m in models}) == 1


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_other_processes_give_the_same_bits(kind):
    """Repeated fits in one process could share a cache; two processes cannot."""
    code = (
        "import hashlib, numpy as np\n"
        "from tasks.models.trainers.base import fit\n"
        "from tasks.models.config import TrainConfig\n"
        "r = np.random.default_rng(1)\n"
        "X = r.standard_normal((2000, 5)).astype('f4')\n"
        f"m = fit(TrainConfig(model={kind!r}, rounds=20), X, X[:, 0].copy())\n"
        "print(hashlib.sha256(m.to_bytes()).hexdigest())\n"
    )
    seen = {
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout
        for _ in range(2)
    }
    assert len(seen) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_no_model_is_a_pickle(kind, rows):
    X, y, _ = rows
    content = base.fit(config(kind), X[:500], y[:500]).to_bytes()
    # pickles of protocol 2 and later begin with this mark
    assert not content.startswith(b"\x80")
    starts = {"lightgbm": b"tree\n", "xgboost": b"{", "pytorch": None}[kind]
    assert starts is None or content.startswith(starts)
    if kind == "pytorch":
        head = int.from_bytes(content[:8], "little")
        assert content[8 : 8 + head].strip().startswith(b"{")


def test_lightgbm_text_names_no_worker_setting(rows):
    X, y, _ = rows
    text = base.fit(config("lightgbm", threads=2), X, y).to_bytes().decode()
    assert re.findall(r"^\[num_threads: (\d+)\]$", text, re.MULTILINE) == ["1"]
    assert "[deterministic: 1]" in text
    assert "[force_row_wise: 1]" in text


@pytest.mark.parametrize("kind", KINDS)
def test_a_wish_for_a_gpu_that_is_not_there_ends_on_the_cpu_with_a_reason(kind, rows, monkeypatch):
    monkeypatch.setattr(base, "why_unavailable", lambda _: "the CUDA driver sees no device")
    X, y, days = rows
    for wish in ("auto", "gpu"):
        model = base.fit(config(kind, device=wish), X, y, days=days)
        assert model.device == "cpu"
        assert model.note == f"{kind} trained on the CPU: the CUDA driver sees no device."
        assert model.to_bytes() == base.fit(config(kind), X, y, days=days).to_bytes()
    assert base.fit(config(kind), X, y, days=days).note == ""


def test_a_gpu_that_fails_inside_the_library_ends_on_the_cpu(rows, monkeypatch):
    """LightGBM's GPU learner refuses to start where there is no OpenCL platform."""
    monkeypatch.setattr(base, "why_unavailable", lambda _: None)
    X, y, _ = rows
    model = base.fit(config("lightgbm", device="gpu"), X, y)
    if model.device == "gpu":
        pytest.skip("this machine's GPU learner works")
    assert "its GPU learner cannot start" in model.note
    assert model.to_bytes() == base.fit(config("lightgbm"), X, y).to_bytes()


def test_training_faults_are_raised(rows):
    X, y, _ = rows
    with pytest.raises(UserError, match="1 of 6000 labels are not finite"):
        base.fit(config("lightgbm"), X, np.where(np.arange(len(y)) == 3, np.nan, y))
    with pytest.raises(UserError, match="no rows"):
        base.fit(config("xgboost"), X[:0], y[:0])
    with pytest.raises(UserError, match="6000 rows of features"):
        base.fit(config("xgboost"), X, y[:-1])
    with pytest.raises(UserError, match="shape"):
        base.fit(config("xgboost"), X[:, 0], y)


@pytest.mark.parametrize("kind", KINDS)
def test_bytes_of_something_else_are_refused(kind):
    with pytest.raises(UserError, match=f"no {kind} model"):
        base.load(kind, b"something else that is long enough to look like a file")


def test_tensorflow_is_refused_with_a_sentence():
    with pytest.raises(UserError, match="no TensorFlow models; choose 'pytorch'"):
        base.load("tensorflow", b"")
    with pytest.raises(UserError, match="'catboost' is unknown"):
        base.load("catboost", b"")


def test_the_network_learns_daily_correlation_and_not_levels(rows):
    """A level that moves with the day carries no information about symbols."""
    X, y, days = rows
    moved = y + 50.0 * np.sin(days).astype(np.float32)
    model = base.fit(config("pytorch"), X, moved, days=days)
    assert np.corrcoef(model.predict(X), y)[0, 1] > 0.6


def test_a_feature_without_values_is_no_fault(rows):
    X, y, days = rows
    empty = np.hstack([X, np.full((len(X), 1), np.nan, dtype=np.float32)])
    for kind in KINDS:
        model = base.fit(config(kind), empty, y, days=days)
        assert np.isfinite(model.predict(empty)).all()
        assert model.importance()[-1] == 0 or kind == "pytorch"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "absent"),
    [
        ("lightgbm", ["torch", "xgboost"]),
        ("xgboost", ["torch", "lightgbm"]),
        ("pytorch", ["xgboost", "lightgbm"]),
    ],
)
def test_a_model_loads_only_its_own_library(kind, absent):
    code = (
        "import sys, numpy as np\n"
        "import tasks.models.walkforward, tasks.models.trainer, tasks.models.evaluate\n"
        "heavy = {'torch', 'xgboost', 'lightgbm', 'prefect', 'dask', 'cupy', 'cudf'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
        "from tasks.models.trainers.base import fit\n"
        "from tasks.models.config import TrainConfig\n"
        "X = np.random.default_rng(0).random((200, 3), dtype='f4')\n"
        f"fit(TrainConfig(model={kind!r}, rounds=2), X, X[:, 0].copy())\n"
        f"assert not set({absent!r}) & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_rows_left_out_give_the_bits_of_a_matrix_without_them(rows):
    """Unknown rows are skipped where they lie; LightGBM then sees several matrices for one."""
    X, y, _ = rows
    known = np.arange(len(y)) % 7 != 0
    holes = np.where(known, y, np.nan).astype(np.float32)
    for kind in ("lightgbm", "xgboost"):
        whole = base.fit(config(kind), X, holes, known=known).to_bytes()
        assert whole == base.fit(config(kind), X[known], y[known]).to_bytes()
