"""What the settings say of themselves: the form, the TOML file and the flags all show it."""

import re
import shlex

import pytest
from pydantic import BaseModel

from flows import _cli_config
from flows._settings import NightlyConfig, SweepRunConfig


def _fields(model=NightlyConfig, prefix=""):
    for name, field in model.model_fields.items():
        yield f"{prefix}{name}", field
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _fields(field.annotation, f"{prefix}{name}.")


FIELDS = dict(_fields()) | dict(_fields(SweepRunConfig))


@pytest.mark.parametrize("name", FIELDS)
def test_every_setting_has_a_title_and_says_what_it_means(name):
    field = FIELDS[name]
    assert field.title
    if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
        assert field.description or field.annotation.__doc__
        assert "Attributes:" not in (field.annotation.__doc__ or ""), "shown as it is in the form"
    else:
        assert field.description
        assert field.description.endswith(".")


@pytest.mark.parametrize("name", FIELDS)
def test_a_described_number_is_the_default(name):
    """`Default 20.` in a form whose box says 5 would be a riddle."""
    field = FIELDS[name]
    said = re.findall(r"Default ([0-9][0-9,.]*[0-9]|[0-9])", field.description or "")
    if type(field.default) in (int, float) and said:
        assert float(said[-1].replace(",", "")) == field.default


def test_a_few_settings_of_a_group_leave_the_others_at_their_defaults():
    whole = NightlyConfig().advanced.sweep.slow
    part = _cli_config.nightly_config(None, {}, ("advanced.sweep.slow.stop=60",))
    assert part.advanced.sweep.slow == whole.model_copy(update={"stop": 60})


@pytest.mark.parametrize("model", [NightlyConfig, SweepRunConfig])
def test_the_top_of_the_form_is_short(model):
    assert len(model.model_fields) <= 8
    assert list(model.model_fields)[-1] == "advanced"


def test_the_command_of_a_night_gives_its_settings_again():
    wanted = (
        "data.source=csv", "data.path=/somewhere/bars", 'data.symbols=["600519.SH"]',
        "data.start=2024-01-02", "advanced.sweep.slow.stop=60", "advanced.train.learning_rate=0.1",
        "advanced.universe.exclude_st=false", "note=by hand",
    )  # fmt: skip
    config = _cli_config.nightly_config(None, {"size": "small"}, wanted)
    line = _cli_config.command_for(config, "2026-11-20")
    assert "by hand" not in line
    assert "/somewhere" not in line
    command, _, words = line.partition(" --data-date 2026-11-20 --size small --data-path bars ")
    assert command == "qilin nightly"
    overrides = [w for w in shlex.split(words) if w != "--set"]
    again = _cli_config.nightly_config(
        None, {"size": "small", "data.path": "/somewhere/bars", "note": "by hand"}, overrides
    )
    assert again == config


def test_the_command_of_the_standard_night_is_short():
    line = _cli_config.command_for(NightlyConfig(), "2026-11-20")
    assert line == "qilin nightly --data-date 2026-11-20 --size full"
