"""The same store and bundles on S3-compatible storage, against a server that stands in for it."""

import contextlib
import socket
import subprocess
import sys
import time

import pyarrow as pa
import pytest

from closedwon.base.rule import Rule
from closedwon.base.tables import columns
from closedwon.facts.bundles import Bundles
from closedwon.facts.engine import DuckEngine
from closedwon.facts.store import Store

COUNT = Rule(
    "count",
    "closedwon.facts",
    "tests/count.sql",
    {"accounts": columns("id name")},
    columns("name rows:int"),
    ("name",),
)


@pytest.fixture(scope="module")
def options():
    pytest.importorskip("moto.server")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # a process of its own: deltalake holds the interpreter's lock while it waits for an answer
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(200):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            break
        time.sleep(0.1)
    yield {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_ALLOW_HTTP": "true",
        "aws_conditional_put": "etag",
    }
    server.kill()
    server.wait()


@pytest.fixture
def url(options):
    import boto3

    client = boto3.client(
        "s3",
        endpoint_url=options["AWS_ENDPOINT_URL"],
        aws_access_key_id="test",
        aws_secret_access_key="test",
        region_name="us-east-1",
    )
    client.create_bucket(Bucket="closedwon")
    return "s3://closedwon/facts"


def test_a_store_and_bundles_on_s3(options, url, tmp_path):
    store = Store(url, options, tmp_path / "locks")
    assert store.version("accounts") is None
    assert store.read("accounts").num_rows == 0
    first = store.merge("accounts", pa.table({"id": ["a", "b"], "name": ["A", "B"], "x_tier": ["gold", None]}), txn="one")
    assert (first.inserted, first.version) == (2, 0)
    assert not store.merge("accounts", pa.table({"id": ["a"], "name": ["A"]})).changed
    assert not store.merge("accounts", pa.table({"id": ["z"], "name": ["Z"]}), txn="one").changed
    assert store.merge("accounts", pa.table({"id": ["a", "c"], "name": ["B", "B"]})).updated == 1
    store.append("accounts", pa.table({"id": ["d"]}))
    assert [row["name"] for row in store.read("accounts").to_pylist()] == ["B", "B", "B", None]
    assert store.read("accounts", version=0).num_rows == 2
    result = DuckEngine().run(COUNT, {"accounts": store.source("accounts")})
    assert result.to_pylist() == [{"name": None, "rows": 1}, {"name": "B", "rows": 3}]
    assert len(store.versions("accounts")) == 3

    bundles = Bundles(f"{url}/bundles", options)
    name = bundles.write({"policy.toml": "a = 1", "deals.parquet": pa.table({"id": ["a"]})}, {"run": 1})
    assert bundles.write({"deals.parquet": pa.table({"id": ["a"]}), "policy.toml": "a = 1"}, {"run": 1}) == name
    assert bundles.names() == [name]
    assert bundles.read(name).table("deals.parquet").to_pylist() == [{"id": "a"}]
    assert bundles.verify(name) == []
