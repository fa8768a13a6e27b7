"""A cache of verified files: what enters, what is taken, what goes first."""

import errno
import hashlib
import os
import stat
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imap_bulk import cache as room
from imap_bulk.cache import Cache
from imap_bulk.digest import Digest

CONTENT = b"a file of the mission" * 1000
SHA256 = Digest("sha256", hashlib.sha256(CONTENT).hexdigest())
MD5 = Digest("md5", hashlib.md5(CONTENT).hexdigest())


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(CONTENT)
    return path


@pytest.fixture
def target(tmp_path: Path) -> Path:
    path = tmp_path / "target"
    path.touch()
    return path


def entries(cache: Cache) -> list[Path]:
    return [path for path in (cache.root / "sha256").rglob("*") if path.is_file()]


@pytest.mark.parametrize("digest", [SHA256, MD5], ids=lambda digest: digest.algorithm)
def test_what_was_kept_is_taken_by_its_sha256(cache: Cache, file: Path, target: Path, digest: Digest) -> None:
    cache.keep(file, digest)
    assert cache.has(SHA256)
    assert cache.copy_to(target, SHA256)
    assert target.read_bytes() == CONTENT


@settings(max_examples=30)
@given(content=st.binary(max_size=3000))
def test_any_content_comes_back(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    place = tmp_path_factory.mktemp("any")
    cache, digest = Cache(place / "cache"), Digest("sha256", hashlib.sha256(content).hexdigest())
    (place / "in").write_bytes(content)
    (place / "out").touch()
    cache.keep(place / "in", digest)
    assert cache.copy_to(place / "out", digest)
    assert (place / "out").read_bytes() == content


@pytest.mark.parametrize("digest", [SHA256, MD5], ids=lambda digest: digest.algorithm)
def test_what_is_not_what_it_was_held_to_does_not_enter(cache: Cache, file: Path, digest: Digest) -> None:
    file.write_bytes(CONTENT + b"!")
    cache.keep(file, digest)
    assert entries(cache) == []
    assert cache.fault is None


@pytest.mark.parametrize("damage", [b"", CONTENT[:-1], b"x" * len(CONTENT)], ids=["empty", "short", "changed"])
def test_a_corrupt_entry_is_no_hit_and_is_dropped(cache: Cache, file: Path, target: Path, damage: bytes) -> None:
    cache.keep(file, SHA256)
    (entry,) = entries(cache)
    entry.chmod(0o644)
    entry.write_bytes(damage)
    assert not cache.copy_to(target, SHA256)
    assert not cache.has(SHA256)
    cache.keep(file, SHA256)
    target.write_bytes(b"")
    assert cache.copy_to(target, SHA256)


def test_an_entry_that_is_a_directory_is_no_hit(cache: Cache, target: Path) -> None:
    (cache.root / "sha256" / SHA256.value[:2] / SHA256.value[2:]).mkdir(parents=True)
    assert not cache.has(SHA256)
    assert not cache.copy_to(target, SHA256)


def test_an_empty_cache_has_nothing_and_is_not_made_by_asking(cache: Cache, target: Path) -> None:
    assert not cache.has(SHA256)
    assert not cache.copy_to(target, SHA256)
    assert cache.usage() == (0, 0, None)
    assert cache.prune(0).files == 0
    assert not cache.root.exists()


def test_a_copy_that_is_edited_in_place_leaves_the_entry_as_it_is(
    cache: Cache, file: Path, target: Path, tmp_path: Path
) -> None:
    cache.keep(file, SHA256)
    cache.copy_to(target, SHA256)
    for edited in (file, target):
        with edited.open("r+b") as content:
            content.write(b"edited")
    (tmp_path / "other").touch()
    assert cache.copy_to(tmp_path / "other", SHA256)


def test_entries_are_read_only_and_backups_are_told_to_leave_them_out(cache: Cache, file: Path) -> None:
    cache.keep(file, SHA256)
    (entry,) = entries(cache)
    assert stat.S_IMODE(entry.stat().st_mode) & 0o222 == 0
    assert (cache.root / "CACHEDIR.TAG").read_text().startswith("Signature: 8a477f597d28d172789f06886806bc55")


def test_a_cache_that_cannot_take_more_says_why_and_fails_nobody(tmp_path: Path, file: Path) -> None:
    (tmp_path / "in-the-way").write_text("a file where the cache should be")
    cache = Cache(tmp_path / "in-the-way")
    cache.keep(file, SHA256)
    assert cache.fault
    assert cache.fault.errno in (errno.ENOTDIR, errno.EEXIST)


def test_a_target_that_cannot_be_written_is_not_the_entrys_fault(
    cache: Cache, file: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    cache.keep(file, SHA256)
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        patched.setattr(room, "_clone", lambda *_: False)
        with pytest.raises(OSError, match="No space left"):
            cache.copy_to(target, SHA256)
    assert cache.has(SHA256)


@pytest.mark.skipif(sys.platform != "linux", reason="reflinks are asked for on Linux alone")
def test_a_clone_is_hashed_like_a_copy(
    cache: Cache, file: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Few machines that run tests have a file system with reflinks; this plays one, and one that is broken."""
    import fcntl

    told: list[int] = []

    def clone(into: int, request: int, source: int) -> int:
        told.append(request)
        content = os.pread(source, 1 << 20, 0)
        os.pwrite(into, content if len(told) < 3 else content[:-1], 0)
        return 0

    monkeypatch.setattr(fcntl, "ioctl", clone)
    cache.keep(file, SHA256)
    assert cache.copy_to(target, SHA256)
    assert target.read_bytes() == CONTENT
    target.write_bytes(b"")
    assert not cache.copy_to(target, SHA256)
    assert told == [0x40049409] * 3


def fill(cache: Cache, tmp_path: Path, count: int) -> list[Digest]:
    """Keep `count` files of 1000 bytes, the first of which were used the longest ago."""
    digests = []
    for number in range(count):
        path = tmp_path / f"content{number}"
        path.write_bytes(bytes([number]) * 1000)
        digest = Digest.of(path)
        cache.keep(path, digest)
        used = time.time() - 1000 + number
        os.utime(cache.root / "sha256" / digest.value[:2] / digest.value[2:], (used, used))
        digests.append(digest)
    return digests


def test_the_least_recently_used_go_first(cache: Cache, target: Path, tmp_path: Path) -> None:
    digests = fill(cache, tmp_path, 5)
    cache.copy_to(target, digests[0])
    pruned = cache.prune(2500)
    assert (pruned.files, pruned.bytes, pruned.left.files, pruned.left.bytes) == (3, 3000, 2, 2000)
    assert [cache.has(digest) for digest in digests] == [True, False, False, False, True]


def test_a_cache_that_fits_loses_nothing(cache: Cache, tmp_path: Path) -> None:
    fill(cache, tmp_path, 3)
    assert cache.prune(3000).files == 0
    assert cache.usage()[:2] == (3, 3000)


def test_an_entry_that_is_being_copied_can_be_pruned(
    cache: Cache, file: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.keep(file, SHA256)
    clone = room._clone

    def prune_first(source: int, into: int) -> bool:
        cache.prune(0)
        return clone(source, into)

    monkeypatch.setattr(room, "_clone", prune_first)
    assert cache.copy_to(target, SHA256)
    assert not cache.has(SHA256)


def test_what_dead_writers_left_is_swept_and_what_is_being_written_is_not(cache: Cache, file: Path) -> None:
    cache.keep(file, SHA256)
    dead, alive = (cache.root / "sha256" / f".{letter * 16}.part" for letter in "ab")
    for part in (dead, alive):
        part.write_bytes(b"half a file")
    os.utime(dead, (0, 0))
    cache.prune(1 << 30)
    assert (dead.exists(), alive.exists()) == (False, True)
    assert cache.usage().files == 1
