"""A relay before a service on loopback, which can lose answers on their way back."""

import socket
import socketserver
import threading
from collections.abc import Callable

from flows._server import any_free_port

#: whether an answer is lost, from the request's first line and the answer's
Loses = Callable[[str, str], bool]


class Relay(socketserver.ThreadingTCPServer):
    """Passes on what comes to `host`, at a port of its own, to a port of loopback."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, host: str, behind: int, loses: Loses = lambda _asked, _said: False) -> None:
        super().__init__((host, any_free_port()), Connection)
        self.behind, self.loses = behind, loses


class Connection(socketserver.BaseRequestHandler):
    """One connection, passed on in both directions."""

    server: Relay

    def handle(self) -> None:
        self.asked = ""
        with socket.create_connection(("127.0.0.1", self.server.behind)) as service:
            back = threading.Thread(target=self._answers, args=(service,), daemon=True)
            back.start()
            while content := _received(self.request):
                line = _first_line(content)
                self.asked = line if " HTTP/1." in line else self.asked
                service.sendall(content)
            service.shutdown(socket.SHUT_RDWR)
            back.join(timeout=1)

    def _answers(self, service: socket.socket) -> None:
        while content := _received(service):
            if self.server.loses(self.asked, _first_line(content)):
                break
            self.request.sendall(content)
        self.request.shutdown(socket.SHUT_RDWR)


def _received(connection: socket.socket) -> bytes:
    try:
        return connection.recv(65536)
    except OSError:  # the other end is gone
        return b""


def _first_line(content: bytes) -> str:
    return content.split(b"\r\n", 1)[0].decode("latin-1")
