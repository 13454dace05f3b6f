import datetime as dt

from tasks.monitor.alerts import Alert, AlertLevel, AlertType
from tasks.monitor.night import run_metrics_from, tell
from tasks.monitor.outbox import Outbox
from tasks.monitor.senders import Webhook

FAILED = Alert(AlertType.NIGHT, AlertLevel.ERROR, "1 of 20 blocks failed", key="night")
SLOW = Alert(AlertType.DATA, AlertLevel.WARNING, "Source A was slow")


def first_lines(sink):
    return [r["body"]["text"].split("\n")[0] for r in sink.accepted]


def test_a_night_through_the_environment(tmp_path, monkeypatch, sink):
    monkeypatch.setenv("QILIN_HOME", str(tmp_path))
    monkeypatch.setenv("QILIN_ALERT_WEBHOOK", sink.url)
    assert tell([FAILED, SLOW]) == ""
    assert first_lines(sink) == ["[FAIL] 1 of 20 blocks failed"]
    assert tell([FAILED], end_of_night=True) == ""
    assert first_lines(sink)[1:] == ["[WARN] Source A was slow"]
    assert tell(resolved=["night", "never was"]) == ""
    assert first_lines(sink)[2:] == ["[RESOLVED] 1 of 20 blocks failed — no longer seen"]
    assert (tmp_path / "monitor" / "outbox.sqlite").is_file()


def test_monitoring_that_is_down_is_a_sentence(tmp_path, monkeypatch, sink):
    monkeypatch.setenv("QILIN_HOME", str(tmp_path / "file"))
    (tmp_path / "file").write_text("")
    assert "cannot be opened" in tell([FAILED])
    sink.mode = "status:500"
    with Outbox(tmp_path / "o.sqlite", [Webhook(sink.url)]) as box:
        assert "HTTP status 500" in tell([FAILED], outbox=box)
        assert box.waiting() == 1


def test_an_alert_with_a_wrong_time_is_a_sentence(tmp_path):
    naive = Alert(AlertType.NIGHT, AlertLevel.ERROR, "x", since=dt.datetime(2026, 1, 1))  # noqa: DTZ001 - what must be refused
    with Outbox(tmp_path / "o.sqlite") as box:
        assert "no zone" in tell([FAILED, naive], outbox=box)
        assert box.open_problems() == [], "all or none"


def test_metrics_go_where_the_environment_says(tmp_path):
    path = tmp_path / "q.prom"
    assert run_metrics_from({"a": 1.0}, {"flow": "x"}, {}) == ""
    assert run_metrics_from({"a": 1.0}, {"flow": "x"}, {"QILIN_METRICS_TEXTFILE": str(path)}) == ""
    assert 'a{flow="x"} 1.0' in path.read_text()
