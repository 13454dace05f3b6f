"""Which night is the last one, and which one a night is compared with."""

import json
from pathlib import Path

from flows import _history, _publish, _summary
from flows._settings import NightlyConfig
from tasks.data.store import Store

CONFIG = NightlyConfig()
OTHER = NightlyConfig.model_validate({"advanced": {"train": {"rounds": 5}}})


def keep(store: Store, day: str, name: str, config: NightlyConfig, **more: object) -> None:
    """Leave a run's summary as a night of these settings would."""
    folder = f"runs/{day}/{name}"
    summary = {
        "run": {
            "day": day, "folder": folder, "size": config.size, "source": config.data.source,
            "finished": str(len(_history.summaries(store, day))),
        },
        "inputs": {"settings": _summary.settings_hash(config.model_dump(mode="json"))},
        "state": "PASS",
        **more,
    }  # fmt: skip
    store.note(f"{folder}/summary.json", json.dumps(summary))
    _publish._point_latest(store, summary)


def compared_with(store: Store, day: str, config: NightlyConfig) -> str:
    found = _publish.previous_summary(store, day, config)
    return str(found["run"]["folder"]).removeprefix("runs/") if found else ""


def test_a_night_made_up_for_is_not_the_last(qilin_home: Path) -> None:
    store = Store()
    keep(store, "2026-11-19", "full-a", CONFIG)
    keep(store, "2026-11-20", "full-b", CONFIG)
    keep(store, "2026-11-17", "full-c", CONFIG)
    assert _history.latest(store)["run"]["folder"].endswith("full-b")
    keep(store, "2026-11-20", "full-d", CONFIG)
    assert _history.latest(store)["run"]["folder"].endswith("full-d"), "of one day, the last"


def test_a_night_is_compared_with_one_of_its_kind(qilin_home: Path) -> None:
    store = Store()
    assert compared_with(store, "2026-11-20", CONFIG) == ""
    keep(store, "2026-11-19", "small-b", NightlyConfig(size="small"))
    assert compared_with(store, "2026-11-20", CONFIG) == "", "of another size"
    keep(store, "2026-11-18", "full-a", CONFIG)
    assert compared_with(store, "2026-11-20", CONFIG) == "2026-11-18/full-a"
    assert compared_with(store, "2026-11-20", OTHER) == "2026-11-18/full-a"
    keep(store, "2026-11-18", "full-c", OTHER)
    assert compared_with(store, "2026-11-20", CONFIG) == "2026-11-18/full-a", "the same settings"
    keep(store, "2026-11-19", "full-d", CONFIG, state="FAIL")
    assert compared_with(store, "2026-11-20", OTHER) == "2026-11-18/full-c"
    assert compared_with(store, "2026-11-18", CONFIG) == "", "it is of the very day"


def test_a_night_has_one_identity_whether_its_day_was_asked_for_or_not(qilin_home: Path) -> None:
    dated = CONFIG.model_copy(update={"data_date": "2026-11-20"})
    hashes = {_summary.settings_hash(c.model_dump(mode="json")) for c in (CONFIG, dated)}
    assert len(hashes) == 1
