"""Hosts of their own on one machine: network namespaces with an address each, on one bridge."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import pytest

#: a network that is used for documentation alone, so that it stands in nobody's way
NETWORK = "198.51.100"
#: this machine's own address among the hosts
GATEWAY = f"{NETWORK}.1"


class Host:
    """A network namespace with one address, reached over one cable."""

    def __init__(self, number: int) -> None:
        self.name = f"qilin-{os.getpid()}-{number}"
        self.cable = f"ql{os.getpid() % 100_000}p{number}"
        self.address = f"{NETWORK}.{10 + number}"

    @property
    def within(self) -> list[str]:
        """Words before a command that shall run on the host."""
        return ["ip", "netns", "exec", self.name]

    def cut_off(self) -> None:
        """Pull the cable: nobody is told, packets just get lost."""
        _ip("link", "set", self.cable, "down")

    def stop(self) -> None:
        """Kill everything that runs on the host."""
        for _ in range(3):
            pids = _ip("netns", "pids", self.name).split()
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
            if not pids:
                return
            time.sleep(0.3)


@contextmanager
def network(count: int) -> Iterator[list[Host]]:
    """So many hosts, which reach each other and this machine.

    Skips the test where network namespaces cannot be made.
    """
    if shutil.which("ip") is None:
        pytest.skip("no ip here: install iproute2 to test several hosts")
    if os.getuid() != 0:
        pytest.skip("only root can make network namespaces")
    bridge = f"ql{os.getpid() % 100_000}"
    made = [Host(i) for i in range(count)]
    try:
        _ip("link", "add", bridge, "type", "bridge")
    except subprocess.CalledProcessError as error:
        pytest.skip(f"no bridge can be made here: {error.stderr.strip()}")
    try:
        _ip("address", "add", f"{GATEWAY}/24", "dev", bridge)
        _ip("link", "set", bridge, "up")
        for host in made:
            _plug_in(host, bridge)
        yield made
    finally:
        for host in made:
            with suppress(subprocess.CalledProcessError):
                host.stop()
                _ip("netns", "delete", host.name)
        _ip("link", "delete", bridge)


def _plug_in(host: Host, bridge: str) -> None:
    _ip("netns", "add", host.name)
    inside = ["netns", "exec", host.name, "ip"]
    other_end = ["peer", "name", "eth0", "netns", host.name]
    _ip("link", "add", host.cable, "type", "veth", *other_end)
    _ip("link", "set", host.cable, "master", bridge, "up")
    _ip(*inside, "address", "add", f"{host.address}/24", "dev", "eth0")
    for name in ("lo", "eth0"):
        _ip(*inside, "link", "set", name, "up")


def _ip(*words: str) -> str:
    command: Sequence[str] = ["ip", *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
