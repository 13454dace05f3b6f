import json
import urllib.error
import urllib.request

import pytest

from tasks.errors import EnvironmentFaultError, UserError
from tasks.monitor.alerts import Alert, AlertLevel, AlertType
from tasks.monitor.delivery import deliver
from tasks.monitor.inbox import Inbox, receive
from tasks.monitor.outbox import Outbox
from tasks.monitor.senders import Webhook


def fired(status="firing", severity="critical", **notes):
    return {
        "status": status,
        "labels": {"alertname": "QilinTargetDown", "severity": severity, "job": "prefect"},
        "annotations": {"summary": "prefect does not answer", "do": "start it again", **notes},
        "startsAt": "2026-11-20T10:00:00.123456789Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus:9090/graph",
        "fingerprint": "abc",
    }


def webhook(*alerts, status="firing", key='{}:{alertname="QilinTargetDown"}', left_out=0):
    return json.dumps(
        {
            "version": "4", "groupKey": key, "truncatedAlerts": left_out, "status": status,
            "receiver": "qilin", "groupLabels": {}, "commonLabels": {}, "commonAnnotations": {},
            "externalURL": "http://alertmanager:9093", "alerts": alerts,
        }
    ).encode()  # fmt: skip


def texts(sink):
    return [r["body"]["text"] for r in sink.accepted]


@pytest.fixture
def outbox(sink):
    with Outbox(":memory:", [Webhook(sink.url)]) as box:
        yield box


def test_a_group_is_one_message_and_its_end_another(outbox, sink):
    many = [fired(how_bad=f"server-{i}") for i in range(8)]
    receive(webhook(*many, left_out=12), outbox)
    receive(webhook(*many, left_out=12), outbox)
    deliver(outbox)
    (text,) = texts(sink)
    assert text.startswith("[FAIL] prefect does not answer")
    assert "server-0, server-1, server-2, server-3, server-4 and 15 more" in text
    assert "start it again" in text
    assert [p.since.isoformat() for p in outbox.open_problems()] == [
        "2026-11-20T10:00:00.123456+00:00"
    ]
    receive(webhook(*[fired("resolved") for _ in many], status="resolved"), outbox)
    deliver(outbox)
    assert texts(sink)[1].startswith("[RESOLVED] prefect does not answer")
    assert outbox.open_problems() == []


def test_what_qilin_tells_itself_is_told_once(outbox, sink):
    own = Alert(AlertType.NIGHT, AlertLevel.CRITICAL, "nightly failed", key="nightly:ended badly")
    outbox.post(own)
    receive(webhook(fired(problem="nightly:ended badly")), outbox)
    deliver(outbox)
    assert len(texts(sink)) == 1


def test_a_part_of_a_group_that_is_over_ends_nothing(outbox, sink):
    receive(webhook(fired(), fired("resolved")), outbox)
    assert len(outbox.open_problems()) == 1


def test_a_warning_waits_for_the_end_of_the_night(outbox, sink):
    receive(webhook(fired(severity="warning")), outbox)
    deliver(outbox)
    assert texts(sink) == []
    deliver(outbox, end_of_night=True)
    assert texts(sink)[0].startswith("[WARN]")


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", webhook(fired("odd")), b'{"status": 1'])
def test_something_else_is_refused_in_one_sentence(outbox, body):
    with pytest.raises(UserError, match="takes Alertmanager's webhook"):
        receive(body, outbox)
    assert outbox.open_problems() == []


def post(url, body):
    request = urllib.request.Request(url, body)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.status


def test_the_server_acknowledges_what_is_written_down(outbox):
    with Inbox(0, outbox) as inbox:
        assert "//127.0.0.1:" in inbox.url
        assert post(inbox.url, webhook(fired())) == 200
        assert len(outbox.open_problems()) == 1
        for body, status in ((b"{}", 400), (None, 501)):
            with pytest.raises(urllib.error.HTTPError) as error:
                post(inbox.url, body)
            assert error.value.code == status
            error.value.close()
        with pytest.raises(urllib.error.HTTPError, match="404") as error:
            post(inbox.url + "/else", b"{}")
        error.value.close()
    assert len(outbox.open_problems()) == 1


def test_an_outbox_that_cannot_be_written_makes_alertmanager_try_again(tmp_path):
    box = Outbox(tmp_path / "outbox.sqlite")
    with Inbox(0, box) as inbox:
        box.close()
        with pytest.raises(urllib.error.HTTPError, match="503") as error:
            post(inbox.url, webhook(fired()))
        error.value.close()


def test_a_port_that_is_taken_is_named(outbox):
    with Inbox(0, outbox) as inbox:
        port = int(inbox.url.split(":")[2].split("/")[0])
        with pytest.raises(EnvironmentFaultError, match=str(port)):
            Inbox(port, outbox)
    with pytest.raises(UserError, match="no port"):
        Inbox(70000, outbox)
