"""A real S3 server: `rclone serve s3` verifies signature, expiry, signed `x-amz-` headers and Content-MD5."""

import os
import re
import subprocess
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests import canaries

from imap_bulk.bucket import BucketOptions

RCLONE = Path(sysconfig.get_path("scripts"), "rclone")
ACCESS_KEY_ID = "IMAPBULKTESTS"
BUCKET = "archive"


@dataclass(frozen=True)
class S3Server:
    """A server with one bucket."""

    endpoint: str
    directory: Path

    @property
    def bucket(self) -> Path:
        """Where the bucket's objects lie."""
        return self.directory / BUCKET

    def options(self, prefix: str = "", **changes: str) -> BucketOptions:
        place = f"s3://{BUCKET}/{prefix}" if prefix else f"s3://{BUCKET}"
        given = {"access_key_id": ACCESS_KEY_ID, "secret_access_key": canaries.AWS_SECRET, **changes}
        return BucketOptions(place, self.endpoint, **given)

    @property
    def own_environment(self) -> dict[str, str]:
        """What a shell would have set to use it."""
        own = {"AWS_ACCESS_KEY_ID": ACCESS_KEY_ID, "AWS_SECRET_ACCESS_KEY": canaries.AWS_SECRET}
        return {**own, "AWS_REGION": "us-east-1"}

    @property
    def environment(self) -> dict[str, str]:
        """The whole environment of such a shell."""
        return {**os.environ, **self.own_environment}


@contextmanager
def serving(directory: Path, *options: str) -> Iterator[S3Server]:
    """Serve the directories below `directory` as buckets, on a free port."""
    (directory / BUCKET).mkdir(parents=True, exist_ok=True)
    command: list[str | Path]
    command = [RCLONE, "serve", "s3", directory, "--addr", "127.0.0.1:0", "--no-cleanup", "--config", os.devnull]
    command += options
    secret = {**os.environ, "RCLONE_AUTH_KEY": f'"{ACCESS_KEY_ID},{canaries.AWS_SECRET}"'}
    process = subprocess.Popen(command, env=secret, stderr=subprocess.PIPE, text=True)
    assert process.stderr
    try:
        found = None
        while not found and (line := process.stderr.readline()):
            found = re.search(r"Starting s3 server on \[(http://\S+?)/\]", line)
        assert found, "rclone did not start"
        yield S3Server(found[1], directory)
    finally:
        process.terminate()
        process.communicate()
