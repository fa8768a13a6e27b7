"""The net that the whole suite is held to catches what it is for."""

import base64
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests import canaries
from tests.canaries import Net

ROOT = Path(__file__).resolve().parents[1]

SIGNED = f"https://storage.example/x?X-Amz-Expires=60&X-Amz-Signature={'0' * 64}"
SECRETS = [
    canaries.API_KEY,
    canaries.PROXY_PASSWORD,
    f"x-api-key%3A%20{canaries.READ_KEY}",
    SIGNED,
    SIGNED.replace("=", "%3D"),
    "x-amz-credential=AKIA",
]
HARMLESS = ["", "https://storage.example/x?…", "X-Amz-Signature=…", "a canary sang", "X-Amz-SignedHeaders=host"]


@pytest.fixture
def net() -> Net:
    return Net()


@pytest.fixture
def outside() -> Iterator[Path]:
    """Make a directory that the net of the suite itself does not reach."""
    with tempfile.TemporaryDirectory() as directory:
        yield Path(directory)


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("name", ["journal.sqlite3", "deep/below/report.json", ".hidden"])
def test_a_secret_in_a_file_is_caught(net: Net, outside: Path, name: str, secret: str) -> None:
    path = outside / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\x00\xff" * 1000 + secret.encode() + b"\x00")
    net.look_at_files(outside)
    assert len(net.caught) == 1
    assert str(path) in net.caught[0]


def test_a_secret_in_the_name_of_a_file_is_caught(net: Net, outside: Path) -> None:
    (outside / canaries.API_KEY).touch()
    net.look_at_files(outside)
    assert len(net.caught) == 1


def test_a_secret_far_inside_a_large_journal_is_caught(net: Net, outside: Path) -> None:
    (outside / "journal.sqlite3").write_bytes(bytes(3 << 20) + canaries.ACCESS_TOKEN.encode())
    net.look_at_files(outside)
    assert len(net.caught) == 1


@pytest.mark.parametrize("user", ["", "u", "us", "user", "a longer user"])
def test_a_password_in_basic_authentication_is_caught(net: Net, user: str) -> None:
    net.look("said", base64.b64encode(f"{user}:{canaries.PASSWORD}".encode()))
    assert len(net.caught) == 1


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_no_secret_is_let_through(net: Net, text: str) -> None:
    net.look("said", text)
    assert net.caught == []


LEAKING = """
import logging, subprocess, sys
import aiohttp, click, pytest
from click.testing import CliRunner
from tests import canaries
from tests.faults.clients import run

SECRET = canaries.API_KEY
URL = "https://storage.example/x?X-Amz-Signature=00"
PRINT = f"import sys; sys.stderr.write({SECRET!r})"

def test_file(tmp_path):
    (tmp_path / "journal.sqlite3").write_text(SECRET)

def test_log():
    logging.getLogger("some.library").debug("asking %s", URL)

def test_traceback():
    try:
        raise ValueError(URL)
    except ValueError:
        logging.getLogger("some.library").debug("it failed", exc_info=True)

def test_print():
    print(SECRET)

def test_process():
    subprocess.run([sys.executable, "-c", PRINT], capture_output=True, check=True)

async def test_asynchronous_process():
    await run(SECRET)  # there is no such command

def test_command():
    @click.command
    def leaking():
        click.echo(URL, err=True)
    CliRunner().invoke(leaking)

BASIC = aiohttp.encode_basic_auth("user", SECRET)

@pytest.mark.parametrize("headers", [{"x-api-key": SECRET}, {"Authorization": BASIC}])
async def test_storage(server, headers):
    async with aiohttp.ClientSession() as session, session.get(server.storage_url, headers=headers):
        pass
"""


@pytest.fixture(scope="module")
def complaint() -> Iterator[str]:
    """Run a suite that leaks in every way under the same fixture as this one; yield what it has said."""
    with tempfile.TemporaryDirectory() as directory:
        suite, said = Path(directory, "test_leaking.py"), Path(directory, "said")
        suite.write_text(LEAKING, encoding="utf-8")
        suite.with_name("conftest.py").write_text("from tests.conftest import *", encoding="utf-8")
        options = ["-c", str(ROOT / "pyproject.toml"), "-p", "no:cacheprovider", "--basetemp", f"{directory}/left"]
        with said.open("wb") as file:  # not a pipe: what it says is for this test alone
            command = [sys.executable, "-m", "pytest", *options, str(suite)]
            subprocess.run(command, cwd=ROOT, stdout=file, stderr=file, check=False)
        yield said.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("test", "place"),
    [
        ("file", "journal.sqlite3"),
        ("log", "the log of some.library"),
        ("traceback", "the log of some.library"),
        ("print", "printed"),
        ("process", "said by a process"),
        ("asynchronous_process", "said by a process"),
        ("command", "said by a command"),
        ("storage[headers0]", "at storage: GET /"),
        ("storage[headers1]", "at storage: GET /"),
    ],
)
def test_a_suite_that_leaks_is_failed(complaint: str, test: str, place: str) -> None:
    caught = r".*" if test == "file" else rf"::test_{re.escape(test)} \(call\): "
    assert re.search(f"{caught}{re.escape(place)}", complaint), complaint.replace("canary", "bird")
    assert re.search(r"[0-9]+ passed, 1 error", complaint)
