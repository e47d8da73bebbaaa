"""A fake flyteadmin that is served on the loopback, and a connection to it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from flyteidl.service import admin_pb2_grpc

from flytekitplugins_podtriage.flyte.admin.login import Connection, connect
from tests.flyte.admin.fake_admin import FakeAdmin


@pytest.fixture
def admin() -> FakeAdmin:
    """Return the flyteadmin that ``connection`` talks to."""
    return FakeAdmin()


@pytest.fixture
def endpoint(admin: FakeAdmin) -> Iterator[str]:
    """Serve ``admin`` on a free port of the loopback."""
    server = grpc.server(ThreadPoolExecutor(2), options=[("grpc.max_send_message_length", -1)])
    admin_pb2_grpc.add_AdminServiceServicer_to_server(admin, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"127.0.0.1:{port}"
    server.stop(None).wait()


@pytest.fixture
def config(endpoint: str, tmp_path: Path) -> str:
    """Write a configuration as flytectl does."""
    path = tmp_path / "config.yaml"
    path.write_text(f"admin:\n  endpoint: dns:///{endpoint}\n  insecure: true\n  authType: Pkce\n")
    return str(path)


@pytest.fixture
def connection(config: str) -> Iterator[Connection]:
    """Connect FlyteRemote's own client to ``admin``."""
    connection = connect(config)
    yield connection
    connection.client._channel.close()
