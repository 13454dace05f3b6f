import dataclasses
import datetime as dt
import multiprocessing
import os
import signal
import sqlite3
import threading
import time

import pytest
import time_machine

from tasks.errors import EnvironmentFaultError
from tasks.monitor.alerts import Alert, AlertLevel, AlertType
from tasks.monitor.delivery import deliver, group
from tasks.monitor.outbox import Outbox
from tasks.monitor.senders import DingTalk, Webhook

START = dt.datetime(2026, 11, 20, 13, 0, tzinfo=dt.UTC)


def alert(what="Prices are missing", level=AlertLevel.ERROR, **more):
    return Alert(AlertType.DATA, level, what, since=START, **more)


@pytest.fixture
def box(tmp_path, sink):
    with Outbox(tmp_path / "box" / "outbox.sqlite", [Webhook(sink.url)]) as found:
        yield found


def texts(sink):
    return [r["body"]["text"].split("\n")[0] for r in sink.accepted]


def test_one_problem_is_told_once(box, sink):
    assert box.post(alert())
    assert not any(box.post(alert()) for _ in range(1000))
    assert deliver(box).sent == {"webhook": 1}
    assert deliver(box).sent == {"webhook": 0}
    assert texts(sink) == ["[FAIL] Prices are missing"]


def test_told_again_only_when_worse_or_after_twelve_hours(box):
    with time_machine.travel(START, tick=False) as clock:
        assert box.post(alert(severity=10))
        clock.shift(dt.timedelta(hours=11))
        assert not box.post(alert(severity=10.5))
        assert box.post(alert(severity=12))
        assert not box.post(alert(severity=12))
        assert box.post(alert(level=AlertLevel.CRITICAL, severity=12))
        clock.shift(dt.timedelta(hours=12, seconds=1))
        assert box.post(alert())


def test_slow_growth_is_measured_from_what_was_told(box):
    told = [box.post(alert(severity=100 * 1.02**i)) for i in range(30)]
    assert 4 <= sum(told) <= 8


def test_the_beginning_is_kept_through_repeats(box, sink):
    box.post(alert(severity=1))
    box.post(dataclasses.replace(alert(severity=2), since=START + dt.timedelta(hours=1)))
    deliver(box)
    assert all("since: 2026-11-20 21:00 +08:00" in r["body"]["text"] for r in sink.accepted)


def test_the_end_is_told_once_with_the_duration(box, sink):
    box.post(alert())
    assert box.resolve(alert().problem, when=START + dt.timedelta(minutes=5))
    assert not box.resolve(alert().problem)
    deliver(box)
    assert texts(sink) == [
        "[FAIL] Prices are missing",
        "[RESOLVED] Prices are missing — no longer seen",
    ]
    assert "(5 min 00 s)" in sink.accepted[1]["body"]["text"]
    assert box.post(alert()), "a problem that comes back is news"


def test_warnings_wait_for_the_end_of_the_night_in_one_message(box, sink):
    for i in range(7):
        box.post(alert(f"Source {i} was slow", AlertLevel.WARNING))
    assert deliver(box).sent == {"webhook": 0}
    assert deliver(box, end_of_night=True).sent == {"webhook": 1}
    assert texts(sink) == ["[WARN] 7 alerts — 7 WARN"]
    assert sink.accepted[0]["body"]["text"].count("was slow") == 7


def test_five_thousand_alerts_are_one_message(box, sink):
    assert box.post_all(alert(f"{i:06d}.SH is stale") for i in range(5000)) == 5000
    assert deliver(box).sent == {"webhook": 1}
    body = sink.accepted[0]["body"]["text"]
    assert body.startswith("[FAIL] 5,000 alerts — 5,000 FAIL")
    assert body.endswith("and 4,950 more, in the outbox and the metrics")
    assert box.waiting() == 0


def test_an_alert_that_ended_while_the_sink_was_down_arrives(box, sink):
    sink.mode = "status:503"
    box.post(alert())
    assert "HTTP status 503" in deliver(box).faults[0]
    box.resolve(alert().problem)
    for _ in range(5):
        deliver(box, patience=False)
    assert box.waiting() == 2
    sink.mode = "ok"
    deliver(box, patience=False)
    deliver(box, patience=False)
    assert texts(sink) == [
        "[FAIL] Prices are missing",
        "[RESOLVED] Prices are missing — no longer seen",
    ]


def test_attempts_back_off(box, sink):
    sink.mode = "status:503"
    box.post(alert())
    with time_machine.travel(dt.datetime.now(dt.UTC), tick=False) as clock:
        for _ in range(600):
            deliver(box)
            clock.shift(1)
    assert 5 <= len(sink.requests) <= 9


def test_retry_after_is_respected_even_without_patience(box, sink):
    sink.mode, sink.headers = "status:429", {"Retry-After": "30"}
    box.post(alert())
    with time_machine.travel(dt.datetime.now(dt.UTC), tick=False) as clock:
        deliver(box, patience=False)
        clock.shift(29)
        deliver(box, patience=False)
        assert len(sink.requests) == 1
        sink.mode = "ok"
        clock.shift(2)
        assert deliver(box).sent == {"webhook": 1}


def test_a_channel_never_gets_more_than_its_rate(tmp_path, sink):
    with (
        time_machine.travel(dt.datetime.now(dt.UTC), tick=False) as clock,
        Outbox(tmp_path / "o.sqlite", [DingTalk("t", base_url=sink.url)]) as box,
    ):
        for i in range(60):
            box.post(alert(f"Problem {i}"))
            deliver(box)
            clock.shift(0.5)
        assert len(sink.requests) == 20
        clock.shift(60)
        deliver(box)
        assert len(sink.requests) == 21, "what was held back goes out as one"
        assert box.waiting() == 0


def test_one_channel_down_does_not_stop_the_other(tmp_path, sink):
    down = Webhook("http://127.0.0.1:9", name="down")
    with Outbox(tmp_path / "o.sqlite", [down, Webhook(sink.url)]) as box:
        box.post(alert())
        done = deliver(box)
        assert done.sent == {"webhook": 1}
        assert len(done.faults) == 1
        assert box.waiting("down") == 1
        assert box.waiting("webhook") == 0


def test_silenced_problems_are_recorded_and_told_afterwards(box):
    with time_machine.travel(START, tick=False) as clock:
        box.silence("data:", START + dt.timedelta(hours=1), "maintenance")
        assert not box.post(alert())
        assert [p.what for p in box.open_problems()] == ["Prices are missing"]
        clock.shift(dt.timedelta(hours=1, seconds=1))
        assert box.post(alert())


def test_who_was_never_told_of_it_needs_no_end_of_it(box):
    box.silence("data:", START + dt.timedelta(days=36500), "known")
    box.post(alert())
    assert box.resolve(alert().problem)
    assert box.waiting() == 0


def test_open_problems_worst_first(box):
    box.post(alert("a", AlertLevel.WARNING))
    box.post(alert("b", AlertLevel.CRITICAL))
    assert [p.what for p in box.open_problems()] == ["b", "a"]


def test_old_messages_are_forgotten(box):
    with time_machine.travel(START, tick=False) as clock:
        box.post(alert())
        deliver(box)
        assert box.prune() == 0
        clock.shift(dt.timedelta(days=31))
        box.post(alert("another"))
        assert box.prune() == 1
        assert box.waiting() == 1


def test_a_second_process_finds_what_the_first_wrote(tmp_path, sink):
    path = tmp_path / "o.sqlite"
    with Outbox(path, [Webhook(sink.url)]) as first:
        first.post(alert())
    with Outbox(path, [Webhook(sink.url)]) as second:
        assert not second.post(alert())
        assert deliver(second).sent == {"webhook": 1}


def test_two_that_deliver_at_once_send_each_message_once(tmp_path, sink):
    path = tmp_path / "o.sqlite"
    boxes = [Outbox(path, [Webhook(sink.url, per_minute=1000)]) for _ in range(4)]
    for i in range(3):
        boxes[0].post(alert(f"Problem {i}"))
    threads = [threading.Thread(target=deliver, args=(box,)) for box in boxes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for box in boxes:
        box.close()
    assert sorted(texts(sink)) == [f"[FAIL] Problem {i}" for i in range(3)]


def _post_and_hang(path, url):
    box = Outbox(path, [Webhook(url, timeout=30)])
    box.post(alert())
    deliver(box)


def test_a_process_killed_while_sending_loses_nothing(tmp_path, sink):
    path = tmp_path / "o.sqlite"
    sink.mode = "hang"
    child = multiprocessing.get_context("spawn").Process(
        target=_post_and_hang, args=(path, sink.url)
    )
    child.start()
    while not sink.requests:
        time.sleep(0.05)
    os.kill(child.pid, signal.SIGKILL)
    child.join(10)
    sink.mode = "ok"
    with Outbox(path, [Webhook(sink.url)]) as box:
        assert deliver(box).sent == {"webhook": 0}, "the dead process' lease still holds"
        with time_machine.travel(dt.datetime.now(dt.UTC) + dt.timedelta(seconds=61)):
            assert deliver(box).sent == {"webhook": 1}
    assert sink.requests[0]["body"]["id"] == sink.requests[1]["body"]["id"]


def test_secrets_of_the_environment_are_not_sent(tmp_path, sink):
    environ = {"QILIN_ALERT_WECOM_KEY": "canary-12345"}
    with Outbox(tmp_path / "o.sqlite", [Webhook(sink.url)], environ=environ) as box:
        box.post(alert("Refused canary-12345"))
        deliver(box)
    assert texts(sink) == ["[FAIL] Refused ***"]


def test_a_file_that_is_no_outbox_is_named(tmp_path):
    path = tmp_path / "o.sqlite"
    path.write_bytes(b"x" * 5000)
    with pytest.raises(EnvironmentFaultError, match=r"o\.sqlite cannot be opened"):
        Outbox(path)


def test_a_locked_outbox_is_the_machines_fault(tmp_path, monkeypatch):
    path = tmp_path / "o.sqlite"
    with Outbox(path) as box:
        box._connection.execute("pragma busy_timeout = 50")
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("begin exclusive")
        with pytest.raises(EnvironmentFaultError, match="locked"):
            box.post(alert())
        other.rollback()
        other.close()
        assert box.post(alert())


def test_groups_show_the_worst_first():
    state, text = group(
        [("WARN", "[WARN] a\nx"), ("RESOLVED", "[RESOLVED] c"), ("FAIL", "[FAIL] b")]
    )
    assert state == "FAIL"
    assert text.split("\n") == [
        "[FAIL] 3 alerts — 1 FAIL, 1 WARN, 1 RESOLVED", "[FAIL] b", "[WARN] a", "[RESOLVED] c",
    ]  # fmt: skip
