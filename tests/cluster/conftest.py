"""In-process clusters: they start in milliseconds and bring no other process."""

import contextlib

import pytest

from tasks.cluster import local


@contextlib.contextmanager
def threads_client(count):
    from distributed import Client

    with (
        local.start(local.cluster_kwargs(f"threads:{count}")) as cluster,
        Client(cluster) as client,
    ):
        yield client


@pytest.fixture(params=[1, 2])
def threads(request):
    """A client of a cluster of one worker with one or two threads."""
    with threads_client(request.param) as client:
        client.thread_count = request.param
        yield client
