"""A sink on loopback that behaves like a chat vendor on a good or a bad day."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest


class Sink:
    """Records what it accepts; `mode` says how it answers.

    Modes: ok, errcode:N, code:N, status:N, hang, drip, nonsense.
    """

    def __init__(self):
        self.mode = "ok"
        self.headers = {}
        self.requests = []
        self.release = threading.Event()
        sink = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                sink.answer(self, body)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_port}"

    @property
    def accepted(self):
        return [r for r in self.requests if r["mode"] == "ok"]

    def answer(self, handler, body):
        parts = urlsplit(handler.path)
        query = {k: v[0] for k, v in parse_qs(parts.query).items()}
        self.requests.append(
            {
                "path": parts.path,
                "query": query,
                "raw": parts.query,
                "body": json.loads(body),
                "mode": self.mode,
            }
        )
        kind, _, number = self.mode.partition(":")
        if kind == "hang":
            self.release.wait(20)
            return
        status = int(number) if kind == "status" else 200
        content = {
            "ok": b'{"errcode": 0, "code": 0, "errmsg": "ok", "msg": "ok"}',
            "errcode": f'{{"errcode": {number or 0}, "errmsg": "refused"}}'.encode(),
            "code": f'{{"code": {number or 0}, "msg": "refused"}}'.encode(),
        }.get(kind, b"<html>")
        handler.send_response(status)
        for name, value in self.headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        if kind == "drip":
            for byte in content:
                if self.release.wait(0.3):
                    return
                try:
                    handler.wfile.write(bytes([byte]))
                    handler.wfile.flush()
                except OSError:
                    return
            return
        handler.wfile.write(content)

    def close(self):
        self.release.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(5)


@pytest.fixture
def sink():
    found = Sink()
    yield found
    found.close()
