"""Files that were there before the server: imported from a data directory, or found again below the root."""

from __future__ import annotations

import hashlib
import sys
import tempfile
from pathlib import Path
from subprocess import PIPE, Popen
from typing import TYPE_CHECKING, Any

import pytest

from imap_bulk import filenames
from imap_bulk.server import importing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.server.conftest import Start, Visitor

    from imap_bulk.server.importing import Survey

NAME = "imap_mag_l2_norm-gse_20260115_v001.0002.cdf"
OTHER = "imap_swe_l1a_sci_20260115_v001.0001.cdf"
KERNEL = "naif0012.tls"
EVERYTHING = "start_date=20260101"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Make a data directory of two files at their keys, and one elsewhere."""
    directory = tmp_path / "data"
    for place in (filenames.parse(NAME).key, filenames.parse(OTHER).key, f"attic/{KERNEL}"):
        path = directory / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(path.name.encode() * 1000)
    return directory


@pytest.fixture
def surveys() -> list[Survey]:
    return []


@pytest.fixture
def start(start: Start, surveys: list[Survey]) -> Start:
    async def begin(**options: Any) -> Visitor:
        return await start(**{"report": surveys.append, **options})

    return begin


@pytest.fixture
def serve() -> Iterator[Callable[..., Popen[str]]]:
    """Run `imap-bulk serve` until it is ready."""
    started: list[Popen[str]] = []

    def run(*arguments: object) -> Popen[str]:
        command = [sys.executable, "-m", "imap_bulk", "serve", "--port", "0", *map(str, arguments)]
        process = Popen(command, stdout=PIPE, stderr=PIPE, text=True)
        started.append(process)
        assert process.stdout
        assert process.stdout.readline().startswith("Serving ")
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


async def stop(visitor: Visitor) -> None:
    await visitor.server.__aexit__(None, None, None)


# --- from a data directory


async def test_the_files_of_a_directory_are_archived_under_the_keys_of_their_names(
    start: Start, data: Path
) -> None:
    visitor = await start(bring=data)
    assert await visitor.names(EVERYTHING) == [NAME, OTHER]
    assert await visitor.kernels("latest=true") == [f"lsk/{KERNEL}"]
    assert (await visitor.download(KERNEL)).body == KERNEL.encode() * 1000


async def test_an_imported_object_is_served_with_its_digests(start: Start, data: Path) -> None:
    answer = await (await start(bring=data)).download(NAME)
    assert answer.headers["ETag"] == f'"{hashlib.md5(NAME.encode() * 1000).hexdigest()}"'
    assert answer.headers["Repr-Digest"].startswith("sha-256=:")


async def test_an_imported_file_stays_and_costs_no_second_one(start: Start, data: Path, root: Path) -> None:
    await start(bring=data)
    assert (root / filenames.parse(KERNEL).key).samefile(data / "attic" / KERNEL)


async def test_a_file_of_another_disk_is_copied(start: Start, root: Path) -> None:
    shm = Path("/dev/shm")
    if not shm.is_dir() or shm.stat().st_dev == root.parent.stat().st_dev:
        pytest.skip("this machine has one disk")
    with tempfile.TemporaryDirectory(dir=shm) as there:
        Path(there, NAME).write_bytes(b"field")
        visitor = await start(bring=Path(there))
    assert (await visitor.download(NAME)).body == b"field"


async def test_what_is_not_a_data_file_is_told(start: Start, data: Path, surveys: list[Survey]) -> None:
    (data / "holiday.jpg").write_bytes(b"beach")
    await start(bring=data)
    assert (surveys[-1].added, surveys[-1].left_out, surveys[-1].is_over) == (3, 1, True)
    assert surveys[-1].reasons[0].startswith("'holiday.jpg' ")


async def test_of_many_files_that_are_no_data_the_first_are_told(
    start: Start, data: Path, surveys: list[Survey]
) -> None:
    for number in range(30):
        (data / f"holiday{number}.jpg").touch()
    await start(bring=data)
    assert (surveys[-1].left_out, len(surveys[-1].reasons)) == (30, 20)


async def test_part_files_and_bookkeeping_are_passed_over(start: Start, data: Path, surveys: list[Survey]) -> None:
    (data / f".{NAME}.part").touch()
    (data / ".imap-bulk").mkdir()
    (data / ".imap-bulk" / OTHER).touch()
    await start(bring=data)
    assert (surveys[-1].added, surveys[-1].left_out) == (3, 0)


@pytest.mark.parametrize("target", ["attic", f"attic/{KERNEL}"])
async def test_a_link_is_told_and_not_followed(
    start: Start, data: Path, surveys: list[Survey], target: str
) -> None:
    (data / "elsewhere").symlink_to(data / target)
    await start(bring=data)
    assert surveys[-1].reasons == ["elsewhere is a link; import what it leads to"]


async def test_what_is_archived_already_is_not_imported_again(
    start: Start, data: Path, surveys: list[Survey]
) -> None:
    await stop(await start(bring=data))
    (data / "again").mkdir()
    (data / "again" / NAME).write_bytes(b"another")
    visitor = await start(bring=data)
    assert (surveys[-1].added, surveys[-1].known) == (0, 4)
    assert (await visitor.download(NAME)).body == NAME.encode() * 1000


async def test_progress_is_reported_by_the_batch(
    start: Start, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, bool]] = []
    monkeypatch.setattr(importing, "_BATCH_FILES", 2)
    await start(bring=data, report=lambda survey: seen.append((survey.added, survey.is_over)))
    assert seen == [(2, False), (3, False), (3, True)]


async def test_a_data_directory_can_be_the_root_itself(start: Start, data: Path, surveys: list[Survey]) -> None:
    visitor = await start(root=data, bring=data)
    assert await visitor.names(EVERYTHING) == [NAME, OTHER]
    assert surveys[-1].reasons == [
        f"attic/{KERNEL} lies elsewhere than at its key, imap/spice/lsk/{KERNEL}; import it from outside the root"
    ]


def test_the_command_line_tells_what_was_imported(
    serve: Callable[..., Popen[str]], data: Path, root: Path
) -> None:
    (data / "holiday.jpg").write_bytes(b"beach")
    process = serve("--root", root, "--import", data)
    process.terminate()
    _, told = process.communicate(timeout=10)
    first, second, last = told.splitlines()
    assert first == "3 files archived (0.1 MB); 1 left out"
    assert second.startswith("  'holiday.jpg' ")
    assert last == "Stopped."


# --- below the root


async def test_a_start_does_not_look_through_the_root(start: Start, data: Path) -> None:
    assert await (await start(root=data)).names(EVERYTHING) == []


async def test_a_rescan_finds_what_the_catalog_misses(start: Start, data: Path, surveys: list[Survey]) -> None:
    visitor = await start(root=data, rescan=True)
    assert await visitor.names(EVERYTHING) == [NAME, OTHER]
    assert (surveys[-1].added, surveys[-1].missing) == (2, 0)


async def test_a_rescan_drops_rows_whose_object_is_gone(start: Start, root: Path, surveys: list[Survey]) -> None:
    visitor = await start()
    await visitor.upload(NAME, b"field")
    await visitor.upload(OTHER, b"electrons")
    await stop(visitor)
    (root / filenames.parse(NAME).key).unlink()
    visitor = await start(rescan=True)
    assert await visitor.names(EVERYTHING) == [OTHER]
    assert (surveys[-1].missing, surveys[-1].known) == (1, 1)


async def test_a_rescan_takes_an_object_of_another_size_for_another_object(start: Start, root: Path) -> None:
    visitor = await start()
    await visitor.upload(NAME, b"field")
    await stop(visitor)
    (root / filenames.parse(NAME).key).write_bytes(b"another field")
    answer = await (await start(rescan=True)).download(NAME)
    assert answer.headers["ETag"] == f'"{hashlib.md5(b"another field").hexdigest()}"'


async def test_a_root_whose_catalog_was_lost_is_found_again(start: Start, root: Path) -> None:
    visitor = await start()
    await visitor.upload(NAME, b"field")
    await stop(visitor)
    for path in root.glob(".catalog*"):
        path.unlink()
    assert (await (await start(rescan=True)).download(NAME)).body == b"field"
