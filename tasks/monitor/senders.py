"""Senders: how a message reaches people. A sender returns only when the other side accepted it.

DingTalk, WeCom and Feishu answer HTTP 200 with an error code in the body when the signature is
wrong or the rate is exceeded; whoever looks at the status alone loses those messages silently.
Limits and signatures follow the vendors' documents for group robots:
https://open.dingtalk.com/document/robots/custom-robot-access,
https://developer.work.weixin.qq.com/document/path/91770,
https://open.feishu.cn/document/client-docs/bot-v3/add-custom-bot.
"""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from tasks.errors import EnvironmentFaultError
from tasks.monitor.wording import shorten

if TYPE_CHECKING:
    import httpx

#: seconds for one attempt, from connecting to the last byte of the answer
TIMEOUT = 5.0
#: an answer longer than this is no answer of a robot
_ANSWER_BYTES = 64 * 1024


class DeliveryError(EnvironmentFaultError):
    """A message was not accepted; `retry_after` is how long to leave the channel alone, seconds."""

    retry_after: float = 0.0

    @classmethod
    def of(cls, channel: str, cause: str, retry_after: float = 0.0) -> DeliveryError:
        """The error in one sentence; never with the address, which holds the robot's token."""
        error = cls(
            f"channel {channel} did not accept the message: {cause}; it stays in the outbox"
        )
        error.retry_after = retry_after
        return error


@dataclasses.dataclass(frozen=True)
class Message:
    """What is sent: a text, its state word, and an id that is the same when it is sent again."""

    text: str
    state: str
    id: str
    facts: Mapping[str, Any] = dataclasses.field(default_factory=dict)


class Sender(Protocol):
    """One channel to people."""

    @property
    def name(self) -> str:
        """Name of the channel, as it appears in the outbox and in metrics."""

    @property
    def per_minute(self) -> int:
        """How many messages a minute the other side takes."""

    def send(self, message: Message) -> None:
        """Deliver, or raise `DeliveryError`."""


@dataclasses.dataclass(frozen=True)
class Webhook:
    """JSON to any address: `state`, `text`, `id` and the alert's facts; 2xx means accepted.

    A message whose answer was lost is sent again with the same `id`, for the receiver to drop.
    """

    url: str = dataclasses.field(repr=False)
    name: str = "webhook"
    per_minute: int = 60
    timeout: float = TIMEOUT

    def send(self, message: Message) -> None:
        """Deliver, or raise `DeliveryError`."""
        body = {"state": message.state, "text": message.text, "id": message.id}
        _post(self.name, self.url, {**message.facts, **body}, {}, self.timeout)


@dataclasses.dataclass(frozen=True)
class DingTalk:
    """DingTalk group robot; `secret` switches signing on. 20 messages a minute, then 10 blocked."""

    token: str = dataclasses.field(repr=False)
    secret: str = dataclasses.field(default="", repr=False)
    base_url: str = "https://oapi.dingtalk.com"
    name: str = "dingtalk"
    per_minute: int = 20
    timeout: float = TIMEOUT
    limit_bytes: ClassVar[int] = 18_000
    #: rate exceeded: the robot is blocked for ten minutes
    too_fast: ClassVar[Mapping[int, float]] = {130101: 600.0, 410100: 600.0}

    def send(self, message: Message) -> None:
        """Deliver, or raise `DeliveryError`."""
        params = {"access_token": self.token}
        if self.secret:
            stamp = str(int(time.time() * 1000))
            params |= {"timestamp": stamp, "sign": dingtalk_sign(stamp, self.secret)}
        body = {"msgtype": "text", "text": {"content": shorten(message.text, self.limit_bytes)}}
        answer = _post(self.name, f"{self.base_url}/robot/send", body, params, self.timeout)
        _check(self.name, answer, "errcode", "errmsg", self.too_fast)


@dataclasses.dataclass(frozen=True)
class WeCom:
    """WeCom group robot, 20 messages a minute, text up to 2,048 bytes."""

    key: str = dataclasses.field(repr=False)
    base_url: str = "https://qyapi.weixin.qq.com"
    name: str = "wecom"
    per_minute: int = 20
    timeout: float = TIMEOUT
    limit_bytes: ClassVar[int] = 2_048
    too_fast: ClassVar[Mapping[int, float]] = {45009: 60.0, 45033: 60.0}

    def send(self, message: Message) -> None:
        """Deliver, or raise `DeliveryError`."""
        body = {"msgtype": "text", "text": {"content": shorten(message.text, self.limit_bytes)}}
        url = f"{self.base_url}/cgi-bin/webhook/send"
        answer = _post(self.name, url, body, {"key": self.key}, self.timeout)
        _check(self.name, answer, "errcode", "errmsg", self.too_fast)


@dataclasses.dataclass(frozen=True)
class Feishu:
    """Feishu or Lark group robot; `secret` switches signing on. 100 messages a minute."""

    token: str = dataclasses.field(repr=False)
    secret: str = dataclasses.field(default="", repr=False)
    base_url: str = "https://open.feishu.cn"
    name: str = "feishu"
    per_minute: int = 60
    timeout: float = TIMEOUT
    limit_bytes: ClassVar[int] = 18_000
    too_fast: ClassVar[Mapping[int, float]] = {9499: 60.0, 11232: 60.0}

    def send(self, message: Message) -> None:
        """Deliver, or raise `DeliveryError`."""
        body: dict[str, Any] = {
            "msg_type": "text",
            "content": {"text": shorten(message.text, self.limit_bytes)},
        }
        if self.secret:
            stamp = str(int(time.time()))
            body |= {"timestamp": stamp, "sign": feishu_sign(stamp, self.secret)}
        url = f"{self.base_url}/open-apis/bot/v2/hook/{self.token}"
        answer = _post(self.name, url, body, {}, self.timeout)
        _check(self.name, answer, "code", "msg", self.too_fast)


def dingtalk_sign(stamp: str, secret: str) -> str:
    """HMAC-SHA256 of stamp, line feed, secret under the secret; base64, not yet URL-encoded."""
    digest = hmac.new(secret.encode(), f"{stamp}\n{secret}".encode(), hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


def feishu_sign(stamp: str, secret: str) -> str:
    """HMAC-SHA256 of nothing under stamp, line feed, secret; base64."""
    digest = hmac.new(f"{stamp}\n{secret}".encode(), b"", hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


def senders_from(environ: Mapping[str, str]) -> tuple[Sender, ...]:
    """The channels that the environment names.

    `QILIN_ALERT_WEBHOOK` (an address), `QILIN_ALERT_DINGTALK_TOKEN` and `_SECRET`,
    `QILIN_ALERT_WECOM_KEY`, `QILIN_ALERT_FEISHU_TOKEN` and `_SECRET`; each vendor also takes
    `QILIN_ALERT_<VENDOR>_URL`, its base address (Lark, a proxy).
    """
    found: list[Sender] = []
    if url := environ.get("QILIN_ALERT_WEBHOOK"):
        found.append(Webhook(url))
    if token := environ.get("QILIN_ALERT_DINGTALK_TOKEN"):
        secret = environ.get("QILIN_ALERT_DINGTALK_SECRET", "")
        found.append(DingTalk(token, secret, _base(DingTalk, "DINGTALK", environ)))
    if key := environ.get("QILIN_ALERT_WECOM_KEY"):
        found.append(WeCom(key, _base(WeCom, "WECOM", environ)))
    if token := environ.get("QILIN_ALERT_FEISHU_TOKEN"):
        secret = environ.get("QILIN_ALERT_FEISHU_SECRET", "")
        found.append(Feishu(token, secret, _base(Feishu, "FEISHU", environ)))
    return tuple(found)


def _base(sender: type[DingTalk | WeCom | Feishu], vendor: str, environ: Mapping[str, str]) -> str:
    return (environ.get(f"QILIN_ALERT_{vendor}_URL") or sender.base_url).rstrip("/")


def _post(
    channel: str, url: str, body: Mapping[str, Any], params: Mapping[str, str], timeout: float
) -> bytes:
    """The body of a 2xx answer; the whole exchange ends within the timeout, dripping or not."""
    # A thread of its own: hooks may be called where an event loop is running already.
    with ThreadPoolExecutor(1) as pool:
        exchange = _exchange(channel, url, dict(body), dict(params), timeout)
        return pool.submit(asyncio.run, exchange).result()


async def _exchange(
    channel: str, url: str, body: dict[str, Any], params: dict[str, str], timeout: float
) -> bytes:
    import httpx

    try:
        async with (
            asyncio.timeout(timeout),
            httpx.AsyncClient(timeout=None) as client,  # noqa: S113 - the line above bounds it all
            client.stream("POST", url, json=body, params=params or None) as answer,
        ):
            content = await _read(channel, answer)
    except TimeoutError:
        raise DeliveryError.of(channel, f"no answer within {timeout:g} s") from None
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        raise DeliveryError.of(channel, f"not reached ({type(error).__name__})") from None
    if not answer.is_success:
        cause = f"HTTP status {answer.status_code}"
        raise DeliveryError.of(channel, cause, _retry_after(answer.headers.get("retry-after")))
    return content


async def _read(channel: str, answer: httpx.Response) -> bytes:
    content = b""
    async for chunk in answer.aiter_bytes():
        content += chunk
        if len(content) > _ANSWER_BYTES:
            raise DeliveryError.of(channel, "its answer is too large for a robot's")
    return content


def _retry_after(header: str | None) -> float:
    """Seconds of a Retry-After header; a date or nonsense counts as a minute."""
    if header is None:
        return 0.0
    return float(header) if header.strip().isdigit() else 60.0


def _check(
    channel: str, answer: bytes, code_name: str, text_name: str, too_fast: Mapping[int, float]
) -> None:
    """Refuse an answer whose code is not 0, whatever the HTTP status said."""
    try:
        value = json.loads(answer)
        code, text = int(value[code_name]), str(value.get(text_name, ""))
    except (ValueError, KeyError, TypeError):
        raise DeliveryError.of(channel, "its answer is no robot's answer") from None
    if code != 0:
        cause = f"{code_name} {code} ({' '.join(text.split())[:200]})"
        raise DeliveryError.of(channel, cause, too_fast.get(code, 0.0))
