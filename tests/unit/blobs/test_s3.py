"""What is special about bodies in a bucket: it can be misnamed, forbidden or away."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gateway.blobs.s3 import PART, S3Blobs, open_s3
from gateway.domain.errors import ConfigError, TemporaryFailure
from gateway.domain.mail import BodyRef
from tests.support.ports import free_port
from tests.support.s3 import S3Server, s3_server


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    with s3_server() as running:
        yield running


@pytest.fixture(autouse=True)
def credentials(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)


async def test_a_bucket_that_is_not_there_is_a_config_error_that_names_it(server: S3Server) -> None:
    with pytest.raises(ConfigError, match=r"s3://nowhere: .*check bucket, Endpoint"):
        await open_s3("nowhere", endpoint=server.endpoint)


async def test_a_wrong_key_is_a_config_error_that_does_not_tell_it(
    server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong-secret")

    with pytest.raises(ConfigError, match="AWS_SECRET_ACCESS_KEY") as failure:
        await open_s3(server.bucket, endpoint=server.endpoint)

    assert "wrong-secret" not in str(failure.value)


async def test_an_endpoint_that_does_not_answer_is_a_config_error_of_one_line() -> None:
    with pytest.raises(ConfigError, match="s3://mail/bodies") as failure:
        await open_s3("mail", prefix="bodies", endpoint=f"http://127.0.0.1:{free_port()}")

    assert "\n" not in str(failure.value)


async def test_mail_does_not_go_unencrypted_to_other_machines() -> None:
    with pytest.raises(ConfigError, match="use https://"):
        await open_s3("mail", endpoint="http://s3.example")


@pytest.mark.parametrize("size", [5, 3 * PART])
async def test_a_server_that_goes_away_is_a_temporary_failure(size: int) -> None:
    with s3_server() as short_lived:
        blobs = await open_s3(short_lived.bucket, endpoint=short_lived.endpoint)
        body = await stored(blobs, b"hello")

    with pytest.raises(TemporaryFailure, match="s3://mail"):
        await blobs.read(body)
    with pytest.raises(TemporaryFailure, match="s3://mail"):
        await stored(blobs, bytes(size))


async def stored(blobs: S3Blobs, content: bytes) -> BodyRef:
    writer = blobs.create("owner")
    try:
        await writer.write(content)
        return await writer.commit()
    finally:
        await writer.abort()
