import base64
import hashlib
import hmac
import time

import pytest

from tasks.monitor.senders import (
    DeliveryError,
    DingTalk,
    Feishu,
    Message,
    Webhook,
    WeCom,
    feishu_sign,
    senders_from,
)

MESSAGE = Message("[FAIL] Prices are missing", "FAIL", "id-1", {"symbol": "600519.SH"})
SECRET = "SEC+/=canary"


def every_sender(url, timeout=5.0):
    return [
        Webhook(f"{url}/hook", timeout=timeout),
        DingTalk("token-canary", SECRET, base_url=url, timeout=timeout),
        WeCom("key-canary", base_url=url, timeout=timeout),
        Feishu("token-canary", SECRET, base_url=url, timeout=timeout),
    ]


def test_each_vendor_gets_its_form(sink):
    for sender in every_sender(sink.url):
        sender.send(MESSAGE)
    hook, ding, wecom, feishu = sink.requests
    assert hook["body"] == {
        "symbol": "600519.SH", "state": "FAIL", "text": MESSAGE.text, "id": "id-1",
    }  # fmt: skip
    assert ding["path"] == "/robot/send"
    assert ding["query"]["access_token"] == "token-canary"
    assert ding["body"] == {"msgtype": "text", "text": {"content": MESSAGE.text}}
    assert wecom["path"] == "/cgi-bin/webhook/send"
    assert wecom["query"] == {"key": "key-canary"}
    assert wecom["body"] == {"msgtype": "text", "text": {"content": MESSAGE.text}}
    assert feishu["path"] == "/open-apis/bot/v2/hook/token-canary"
    assert feishu["body"]["content"] == {"text": MESSAGE.text}


def test_dingtalk_signature_is_right_and_encoded_once(sink):
    DingTalk("t", SECRET, base_url=sink.url).send(MESSAGE)
    query = sink.requests[0]["query"]
    digest = hmac.digest(
        SECRET.encode(), f"{query['timestamp']}\n{SECRET}".encode(), hashlib.sha256
    )
    assert query["sign"] == base64.b64encode(digest).decode()
    assert "%25" not in sink.requests[0]["raw"]
    assert abs(int(query["timestamp"]) / 1000 - time.time()) < 60


def test_feishu_signature_is_right(sink):
    Feishu("t", SECRET, base_url=sink.url).send(MESSAGE)
    body = sink.requests[0]["body"]
    digest = hmac.digest(f"{body['timestamp']}\n{SECRET}".encode(), b"", hashlib.sha256)
    assert (
        body["sign"] == base64.b64encode(digest).decode() == feishu_sign(body["timestamp"], SECRET)
    )


@pytest.mark.parametrize("mode", ["errcode:310000", "errcode:45009", "nonsense", "status:500"])
def test_robots_that_refuse_are_noticed(sink, mode):
    sink.mode = mode
    for sender in every_sender(sink.url)[1:3]:
        with pytest.raises(DeliveryError, match=sender.name):
            sender.send(MESSAGE)


@pytest.mark.parametrize("mode", ["code:9499", "code:19021", "nonsense", "status:502"])
def test_feishu_that_refuses_is_noticed(sink, mode):
    sink.mode = mode
    with pytest.raises(DeliveryError, match="feishu"):
        Feishu("t", base_url=sink.url).send(MESSAGE)


def test_rate_limits_say_when_to_come_back(sink):
    sink.mode = "errcode:130101"
    with pytest.raises(DeliveryError) as ding:
        DingTalk("t", base_url=sink.url).send(MESSAGE)
    assert ding.value.retry_after == 600
    sink.mode, sink.headers = "status:429", {"Retry-After": "17"}
    for sender in every_sender(sink.url):
        with pytest.raises(DeliveryError, match="429") as error:
            sender.send(MESSAGE)
        assert error.value.retry_after == 17


@pytest.mark.parametrize("mode", ["hang", "drip"])
def test_a_sink_that_hangs_or_drips_costs_the_timeout_at_most(sink, mode):
    sink.mode = mode
    for sender in every_sender(sink.url, timeout=0.4)[:2]:
        start = time.perf_counter()
        with pytest.raises(DeliveryError, match=r"no answer within 0\.4 s"):
            sender.send(MESSAGE)
        assert time.perf_counter() - start < 2


def test_nobody_listens():
    for sender in every_sender("http://127.0.0.1:9"):
        with pytest.raises(DeliveryError, match="not reached"):
            sender.send(MESSAGE)


@pytest.mark.parametrize("mode", ["status:500", "nonsense", "hang"])
def test_errors_and_reprs_hold_no_secret(sink, mode):
    sink.mode = mode
    for sender in every_sender(sink.url, timeout=0.3)[1:]:
        assert "canary" not in repr(sender)
        with pytest.raises(DeliveryError) as error:
            sender.send(MESSAGE)
        assert "canary" not in str(error.value)
        assert sink.url not in str(error.value)


def test_long_texts_are_cut_to_the_vendors_limit(sink):
    WeCom("k", base_url=sink.url).send(Message("茅" * 5000, "FAIL", "1"))
    sent = sink.requests[0]["body"]["text"]["content"]
    assert len(sent.encode()) <= 2048
    assert sent.endswith("… (cut)")


def test_channels_come_from_the_environment(sink):
    assert senders_from({}) == ()
    found = senders_from(
        {
            "QILIN_ALERT_WEBHOOK": f"{sink.url}/a",
            "QILIN_ALERT_DINGTALK_TOKEN": "t",
            "QILIN_ALERT_DINGTALK_SECRET": SECRET,
            "QILIN_ALERT_DINGTALK_URL": f"{sink.url}/",
            "QILIN_ALERT_WECOM_KEY": "k",
            "QILIN_ALERT_FEISHU_TOKEN": "f",
        }
    )
    assert [s.name for s in found] == ["webhook", "dingtalk", "wecom", "feishu"]
    found[1].send(MESSAGE)
    assert "sign" in sink.requests[0]["query"]
