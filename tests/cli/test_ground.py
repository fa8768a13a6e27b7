"""What served archives stand on: ports that are looked at first, and a root that goes where none came to stand."""

import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from imap_bulk.cli.ground import NotServed, fresh_root
from imap_bulk.server.lock import RootInUse, held

Run = Callable[..., Result]
KEY = Path("imap", "spice", "lsk", "naif0012.tls")


def start_in_vain(root: Path, error: BaseException, *files: Path) -> None:
    """Make what archives make, and fail."""
    for file in (Path(".catalog.sqlite3"), Path(".aurorax", "aurorax.sqlite3"), *files):
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_text("x")
    raise error


def fail_to_start(root: Path, error: BaseException, *files: Path, told: type[BaseException] | None = None) -> None:
    with pytest.raises(told or type(error)), fresh_root(root):
        start_in_vain(root, error, *files)


def test_a_fresh_root_of_archives_that_fail_to_start_is_removed_with_all_that_was_made(tmp_path: Path) -> None:
    fail_to_start(tmp_path / "a" / "b" / "archive", OSError("no"))
    assert not list(tmp_path.iterdir())


def test_what_was_there_before_stays(tmp_path: Path) -> None:
    fail_to_start(tmp_path, OSError("no"))
    assert (tmp_path / ".catalog.sqlite3").exists()


def test_data_files_that_were_brought_stay(tmp_path: Path) -> None:
    fail_to_start(tmp_path / "archive", OSError("no"), KEY)
    assert (tmp_path / "archive" / KEY).exists()


def test_the_root_of_another_server_that_was_quicker_stays(tmp_path: Path) -> None:
    fail_to_start(tmp_path / "archive", RootInUse("served already"), told=NotServed)
    assert (tmp_path / "archive").exists()


def test_archives_that_were_stopped_leave_their_root(tmp_path: Path) -> None:
    fail_to_start(tmp_path / "archive", KeyboardInterrupt())
    assert (tmp_path / "archive").exists()


@pytest.mark.parametrize(
    ("given", "option"),
    [
        (("--port", "{}"), "--port"),
        (("--archives", "lsst,aurorax,imap", "--port", "{}"), "--port"),
        (("--port", "0", "--storage-port", "{}"), "--storage-port"),
    ],
)
def test_a_port_in_use_is_named_with_its_option_and_nothing_is_left(
    invoke: Run, tmp_path: Path, given: tuple[str, ...], option: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ran = invoke("serve", "--root", tmp_path / "new" / "archive", *(part.format(port) for part in given))
    assert ran.exit_code == 74
    assert ran.stderr == (
        f"Error: port {port} is in use already; choose another by {option}, or 0 for a free one\n"
    )
    assert ran.stdout == ""
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            ("--port", "65534", "--archives", "imap,aurorax,lsst"),
            "3 archives from --port 65534 on need ports beyond",
        ),
        (("--port", "8124", "--storage-port", "8124"), "--storage-port 8124 is that of an archive as well"),
    ],
)
def test_ports_that_cannot_be_are_wrong_usage(
    invoke: Run, tmp_path: Path, given: tuple[str, ...], said: str
) -> None:
    ran = invoke("serve", "--root", tmp_path / "archive", *given)
    assert ran.exit_code == 2
    assert said in ran.stderr
    assert not (tmp_path / "archive").exists()


def test_a_bucket_that_does_not_answer_leaves_nothing(
    invoke: Run, tmp_path: Path, closed_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("obstore")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "IMAPBULKTESTS")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-a-secret")
    place = ("--storage", "s3://bucket", "--s3-endpoint", closed_url)
    ran = invoke("serve", "--root", tmp_path / "archive", "--port", "0", *place)
    assert ran.exit_code == 2
    assert "cannot be listed" in ran.stderr
    assert not (tmp_path / "archive").exists()


def test_a_root_that_is_served_already_is_74(invoke: Run, tmp_path: Path) -> None:
    with held(tmp_path):
        ran = invoke("serve", "--root", tmp_path, "--port", "0")
    assert ran.exit_code == 74
    assert ran.stderr.startswith(f"Error: {tmp_path} is served already, by process ")


def test_a_file_that_is_no_catalog_is_74_and_stays(invoke: Run, tmp_path: Path) -> None:
    catalog = tmp_path / ".catalog.sqlite3"
    catalog.write_bytes(b"somebody's notes" * 100)
    ran = invoke("serve", "--root", tmp_path, "--port", "0")
    assert ran.exit_code == 74
    cure = "move it away and start once with --rescan"
    assert ran.stderr == f"Error: {catalog} is no catalog (file is not a database); {cure}\n"
    assert catalog.read_bytes() == b"somebody's notes" * 100


def test_a_catalog_that_cannot_be_opened_is_74(invoke: Run, tmp_path: Path) -> None:
    (tmp_path / ".catalog.sqlite3").mkdir()
    ran = invoke("serve", "--root", tmp_path, "--port", "0")
    assert ran.exit_code == 74
    assert "the catalog cannot be opened" in ran.stderr


@pytest.mark.parametrize("given", [("--root", ""), ("--root", "archive", "--host", "")])
def test_an_empty_root_or_host_is_wrong_usage(
    invoke: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert invoke("serve", *given, "--port", "0").exit_code == 2
    assert not list(tmp_path.iterdir())
