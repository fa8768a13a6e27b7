"""Part files and the places they may go."""

import asyncio
import os
import re
import threading
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imap_bulk.engine.commit import PartFile
from imap_bulk.engine.group import GroupCommit
from imap_bulk.engine.partial import resumable
from imap_bulk.engine.places import Places, part_path, safe_path
from imap_bulk.errors import UnsafePath

HOSTILE = [
    "",
    "/etc/passwd",
    "..",
    "../x",
    "imap/../../x",
    "imap//x",
    "imap/./x",
    "imap/",
    "C:/x",
    "C:\\x",
    "\\\\host\\share",
    "imap\\..\\x",
    "imap/x\x00.cdf",
    "imap/x\n.cdf",
    "imap/NUL",
    "imap/con.cdf",
    "imap/x.cdf:stream",
    "imap/x.cdf.",
    "imap/x.cdf ",
    ".imap-bulk/journal.sqlite3",
    "imap/.x.part",
    "imap/" + "x" * 256,
]


def new_part(root: Path, path: Path) -> PartFile:
    Places(root).prepare(path)
    return PartFile(path)


@pytest.mark.parametrize("key", HOSTILE)
def test_a_hostile_key_has_no_place(key: str) -> None:
    with pytest.raises(UnsafePath):
        safe_path(Path("data"), key)


@given(st.from_regex(r"(?i:con|aux|lpt1|com|x)?[ a-zA-Z0-9_.\u017f\u212a-]{0,3}", fullmatch=True))
def test_a_name_of_ordinary_characters_is_safe_if_no_system_minds_it(name: str) -> None:
    stem = name.partition(".")[0].lower()
    is_minded = not name or name[0] == "." or name[-1] in ". " or re.fullmatch("con|aux|(com|lpt)[0-9]", stem)
    if is_minded:
        with pytest.raises(UnsafePath):
            safe_path(Path("data"), f"imap/{name}")
    else:
        assert safe_path(Path("data"), f"imap/{name}") == Path("data/imap") / name


@given(st.text())
def test_no_key_leads_out_of_the_data_directory(key: str) -> None:
    try:
        path = safe_path(Path("/data"), key)
    except UnsafePath:
        return
    assert path.resolve().is_relative_to("/data")
    assert path.resolve() != Path("/data")


def test_committed_bytes_have_their_name_and_nothing_else_remains(tmp_path: Path) -> None:
    part = new_part(tmp_path, tmp_path / "imap" / "x.cdf")
    part.write(0, b"abc")
    part.sync()
    part.rename()
    part.discard()
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [tmp_path / "imap" / "x.cdf"]
    assert (tmp_path / "imap" / "x.cdf").read_bytes() == b"abc"


def test_no_two_files_are_of_the_same_time_however_quickly_they_follow_each_other(tmp_path: Path) -> None:
    """So that size and time, by which a journal knows its files, tell what another run has put there instead."""
    parts = [new_part(tmp_path, tmp_path / f"{number}.cdf") for number in range(100)]
    for part in parts:
        part.write(0, b"abc")
        part.rename()
    assert len({path.stat().st_mtime_ns for path in tmp_path.iterdir()}) == 100


def test_discarded_bytes_leave_nothing(tmp_path: Path) -> None:
    part = new_part(tmp_path, tmp_path / "x.cdf")
    part.write(0, b"abc")
    part.discard()
    assert list(tmp_path.iterdir()) == []


def test_an_older_file_is_replaced_only_by_the_commit(tmp_path: Path) -> None:
    (tmp_path / "x.cdf").write_bytes(b"old")
    part = new_part(tmp_path, tmp_path / "x.cdf")
    part.write(0, b"new")
    assert (tmp_path / "x.cdf").read_bytes() == b"old"
    part.rename()
    assert (tmp_path / "x.cdf").read_bytes() == b"new"


def test_a_part_file_is_hidden_and_its_writers_own(tmp_path: Path) -> None:
    first, second = new_part(tmp_path, tmp_path / "x.cdf"), new_part(tmp_path, tmp_path / "x.cdf")
    assert first.path != second.path
    assert first.path.name.startswith(".")
    first.discard()
    second.discard()


def test_nothing_is_written_through_a_symlink_that_leads_out(tmp_path: Path) -> None:
    outside, root = tmp_path / "outside", tmp_path / "root"
    outside.mkdir()
    root.mkdir()
    (root / "imap").symlink_to(outside)
    with pytest.raises(UnsafePath):
        new_part(root, root / "imap" / "mag" / "x.cdf")
    assert list(outside.iterdir()) == []


def test_a_symlink_that_stays_inside_is_the_users_choice(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "imap").symlink_to(tmp_path / "disk")
    part = new_part(tmp_path, tmp_path / "imap" / "x.cdf")
    part.rename()
    assert (tmp_path / "disk" / "x.cdf").exists()


def test_a_final_name_that_is_a_symlink_is_replaced_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").write_bytes(b"precious")
    (tmp_path / "x.cdf").symlink_to(tmp_path / "precious")
    part = new_part(tmp_path, tmp_path / "x.cdf")
    part.write(0, b"new")
    part.rename()
    assert (tmp_path / "precious").read_bytes() == b"precious"
    assert not (tmp_path / "x.cdf").is_symlink()


def test_only_the_parts_of_dead_processes_are_abandoned(tmp_path: Path) -> None:
    alive = new_part(tmp_path, tmp_path / "x.cdf")
    dead = alive.path.with_name(alive.path.name.replace(f"-{os.getpid()}-", f"-{2**22 + 1}-"))
    dead.touch()
    assert Places(tmp_path).abandoned(tmp_path / "x.cdf") == [dead]
    alive.discard()


@pytest.mark.parametrize("left", [".part", ".part.json", ".part.new"])
def test_whatever_a_kill_has_left_of_a_part_file_is_removed(tmp_path: Path, left: str) -> None:
    dead = part_path(str(tmp_path / "x.cdf"), 2**22 + 1)
    Path(dead.removesuffix(".part") + left).write_text("{}")
    places = Places(tmp_path)
    assert resumable(places.abandoned(tmp_path / "x.cdf"), "x.cdf") is None
    places.remove_abandoned(tmp_path / "x.cdf")
    assert list(tmp_path.iterdir()) == []


async def test_files_that_are_ready_together_are_committed_together(tmp_path: Path) -> None:
    paths = [tmp_path / "imap" / f"{number}.cdf" for number in range(20)]
    parts = [new_part(tmp_path, path) for path in paths]
    for number, part in enumerate(parts):
        part.write(0, b"%d" % number)
    group = GroupCommit()
    await asyncio.gather(*(group.commit(part, 1) for part in parts))
    assert [path.read_bytes() for path in paths] == [b"%d" % number for number in range(20)]
    assert sorted(tmp_path.rglob("*")) == sorted([tmp_path / "imap", *paths])


@pytest.mark.parametrize(
    ("took", "in_a_thread"), [(0.00005, 0), (0.02, 17)], ids=["as memory does", "as a disk does"]
)
async def test_small_files_wait_in_a_thread_for_a_disk_that_takes_its_time(
    tmp_path: Path, took: float, in_a_thread: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = []
    monkeypatch.setattr(PartFile, "sync", lambda _: threads.append(threading.get_ident()))
    ticks = count()
    group = GroupCommit(clock=lambda: took * next(ticks))
    for number in range(20):
        await group.commit(new_part(tmp_path, tmp_path / f"{number}.cdf"), 16 << 10)
    assert sum(thread != threading.get_ident() for thread in threads) == in_a_thread


async def test_whoever_waits_for_a_commit_that_fails_is_told(tmp_path: Path) -> None:
    (tmp_path / "x.cdf").mkdir()
    part = new_part(tmp_path, tmp_path / "x.cdf")
    with pytest.raises(OSError, match=r"x\.cdf"):
        await GroupCommit().commit(part, 0)


async def test_a_commit_that_has_begun_is_not_abandoned_when_its_transfer_is(tmp_path: Path) -> None:
    part = new_part(tmp_path, tmp_path / "x.cdf")
    commit = asyncio.create_task(GroupCommit().commit(part, 8 << 20))
    await asyncio.sleep(0)
    commit.cancel()
    with pytest.raises(asyncio.CancelledError):
        await commit
    assert (tmp_path / "x.cdf").exists()
