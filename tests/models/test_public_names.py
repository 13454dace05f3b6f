import importlib
import subprocess
import sys

import pytest


@pytest.mark.parametrize("area", ["tasks.models", "tasks.validation"])
def test_every_public_name_is_there_and_none_is_forgotten(area):
    module = importlib.import_module(area)
    assert list(module.__all__) == sorted(module.__all__)
    for name in module.__all__:
        assert getattr(module, name) is not None
    assert set(module._HOME) == set(module.__all__)
    with pytest.raises(AttributeError, match="no attribute 'absent'"):
        _ = module.absent


def test_importing_an_area_loads_nothing_heavy():
    code = (
        "import sys, tasks.models, tasks.validation, tasks.validation.trials\n"
        "import tasks.validation.leaks, tasks.validation.placebo, tasks.validation.alarms\n"
        "heavy = {'prefect', 'dask', 'torch', 'cupy', 'cudf', 'lightgbm', 'xgboost'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_settings_form_is_complete_and_unambiguous():
    from tasks.models.config import TrainConfig

    schema = TrainConfig.model_json_schema()["properties"]
    for name, field in schema.items():
        assert field["title"]
        assert len(field["description"]) > 30
        assert field["description"].endswith(".")
        assert "anyOf" not in field, f"{name} is an optional union"
        assert str(field["default"]).rstrip("0").rstrip(".") in field["description"]
    with pytest.raises(ValueError, match="Extra inputs"):
        TrainConfig(gpu_id=0)
