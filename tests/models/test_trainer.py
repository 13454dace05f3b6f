import numpy as np
import pandas as pd
import polars as pl
import pytest

from tasks.errors import UserError
from tasks.models import GPUModelTrainer
from tasks.models.trainers import base

KINDS = ["lightgbm", "xgboost", "pytorch"]


@pytest.fixture(scope="module")
def rows():
    random = np.random.default_rng(0)
    X = random.standard_normal((3000, 4))
    y = X[:, 0] - X[:, 1] + 0.2 * random.standard_normal(3000)
    return X, y


@pytest.mark.parametrize("kind", KINDS)
def test_the_known_usage_runs(kind, rows):
    X, y = rows
    trainer = GPUModelTrainer(model_type=kind)
    result = trainer.train_gpu(X[:2000], y[:2000])
    predictions = trainer.predict_gpu(X[2000:])
    assert result.model_type == kind
    assert result.device in ("cpu", "gpu")
    assert result.rows == 2000
    assert result.model.to_bytes()
    assert result.seconds > 0
    assert sum(result.importance.values()) == pytest.approx(1.0)
    assert np.corrcoef(predictions, y[2000:])[0, 1] > 0.9


def test_the_default_model_is_lightgbm():
    assert GPUModelTrainer().config.model == "lightgbm"


@pytest.mark.parametrize("kind", KINDS)
def test_no_gpu_is_said_and_is_no_fault(kind, rows, monkeypatch):
    monkeypatch.setattr(base, "why_unavailable", lambda _: "no CUDA driver is installed")
    result = GPUModelTrainer(kind, rounds=2).train_gpu(*rows)
    assert result.device == "cpu"
    assert result.note == f"{kind} trained on the CPU: no CUDA driver is installed."


def test_every_kind_of_data_gives_the_same_numbers_in_kind(rows):
    import torch

    X, y = (v.astype(np.float32) for v in rows)
    names = [f"f{i}" for i in range(4)]
    index = pd.Index(range(100, 100 + len(X)), name="row")
    forms = {
        "numpy": (X, y),
        "pandas": (pd.DataFrame(X, columns=names, index=index), pd.Series(y, index=index)),
        "torch": (torch.from_numpy(X), torch.from_numpy(y)),
        "polars": (pl.DataFrame(X, schema=names), pl.Series("y", y)),
    }
    found = {}
    for form, (features, labels) in forms.items():
        trainer = GPUModelTrainer("lightgbm", device="cpu", rounds=10)
        trainer.train_gpu(features, labels)
        found[form] = trainer.predict_gpu(features)
    assert isinstance(found["pandas"], pd.Series)
    assert found["pandas"].index.equals(index)
    assert isinstance(found["torch"], torch.Tensor)
    assert isinstance(found["polars"], pl.Series)
    for values in found.values():
        np.testing.assert_array_equal(np.asarray(values), found["numpy"])


def test_rows_without_a_label_are_left_out(rows):
    X, y = rows
    holes = y.copy()
    holes[::3] = np.nan
    a = GPUModelTrainer(device="cpu", rounds=5).train_gpu(X, holes)
    kept = ~np.isnan(holes)
    b = GPUModelTrainer(device="cpu", rounds=5).train_gpu(X[kept], holes[kept])
    assert a.rows == kept.sum()
    assert a.model.to_bytes() == b.model.to_bytes()


def test_faults_in_training_are_raised_and_leave_no_result(rows):
    X, y = rows
    trainer = GPUModelTrainer()
    with pytest.raises(UserError, match="3000 rows of features and 2999 labels"):
        trainer.train_gpu(X, y[:-1])
    with pytest.raises(UserError, match="no rows to train on"):
        trainer.train_gpu(X, np.full(3000, np.nan))
    with pytest.raises(UserError, match="rows x features"):
        trainer.train_gpu(X[:, 0], y)
    assert trainer.result is None
    with pytest.raises(UserError, match="call train_gpu"):
        trainer.predict_gpu(X)


def test_a_fault_of_the_library_is_passed_on(rows):
    trainer = GPUModelTrainer("xgboost", device="cpu")
    X = rows[0].copy()
    X[0, 0] = np.inf
    with pytest.raises(Exception, match="inf"):
        trainer.train_gpu(X, rows[1])
    assert trainer.result is None


def test_other_columns_are_refused(rows):
    X, y = rows
    trainer = GPUModelTrainer(device="cpu", rounds=2)
    trainer.train_gpu(pd.DataFrame(X, columns=list("abcd")), y)
    with pytest.raises(UserError, match="trained on 4 features"):
        trainer.predict_gpu(pd.DataFrame(X, columns=list("abdc")))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"model_type": "tensorflow"}, "no TensorFlow models; choose 'pytorch'"),
        ({"model_type": "svm"}, "'svm' is unknown"),
        ({"tree_method": "gpu_hist"}, "'tree_method' was removed: use device='gpu'"),
        ({"gpu_id": 0}, "'gpu_id' was removed"),
        ({"depth": 3}, "'depth'"),
        ({"rounds": 0}, "'rounds'"),
        ({"device": "tpu"}, "'device'"),
    ],
)
def test_wrong_options_are_refused_in_a_sentence(options, said):
    with pytest.raises(UserError, match=said):
        GPUModelTrainer(**options)
