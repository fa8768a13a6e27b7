"""Lock files: what is written is read, git merges them, and what is wrong with one is told in a sentence."""

import contextlib
import json
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imap_bulk import lockfile, manifest
from imap_bulk.digest import Digest
from imap_bulk.errors import BadManifest, BadName
from imap_bulk.lockfile import Change, LockFile, Pin
from imap_bulk.model import Proof

PRINTABLE = st.characters(codec="utf-8", exclude_categories=("C", "Z"), include_characters=" ")
NAMES = st.text(PRINTABLE, min_size=1, max_size=30)
DIGESTS = st.binary(min_size=32, max_size=32).map(lambda value: Digest("sha256", value.hex()))
SIZES = st.integers(0, 10**18 - 1)
TIMES = st.one_of(st.none(), st.from_regex("[0-9]{14}", fullmatch=True))
PINS = st.builds(Pin, NAMES, SIZES, DIGESTS, st.one_of(st.none(), st.sampled_from(list(Proof))), TIMES)
QUERIES = st.dictionaries(
    st.text(max_size=9), st.one_of(st.text(max_size=9), st.integers(), st.lists(st.text(max_size=9)))
)
LOCKS = st.builds(
    lambda archive, query, pins: LockFile(archive, query, tuple(sorted(pins, key=lambda pin: pin.key))),
    st.text(max_size=20),
    QUERIES,
    st.lists(PINS, unique_by=lambda pin: pin.key, max_size=8),
)
DIRECTORY = "imap/mag/l2/2026/01"


def key(day: int, version: int = 1) -> str:
    return f"{DIRECTORY}/imap_mag_l2_norm-gse_202601{day:02}_v001.{version:04}.cdf"


def pin(day: int, version: int = 1) -> Pin:
    return Pin(key(day, version), version, Digest("sha256", f"{day:032x}{version:032x}"), Proof.REPR_DIGEST)


def lock(*pins: Pin) -> LockFile:
    return LockFile("https://archive", {"instrument": ["mag"]}, pins)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data.lock"


@pytest.fixture
def lines(path: Path) -> list[str]:
    """Return the lines of a good lock file of two pins."""
    lockfile.write(path, lock(pin(1), pin(2)))
    return path.read_text().splitlines()


@given(told=LOCKS)
@settings(max_examples=25)
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, told: LockFile) -> None:
    path = tmp_path_factory.getbasetemp() / "any.lock"
    lockfile.write(path, told)
    assert lockfile.read(path) == told


@given(pins=st.lists(PINS, unique_by=lambda pin: pin.key, max_size=8), data=st.data())
@settings(max_examples=10)
def test_the_order_of_pins_makes_no_difference_to_the_file(
    tmp_path_factory: pytest.TempPathFactory, pins: list[Pin], data: st.DataObject
) -> None:
    place = tmp_path_factory.getbasetemp()
    lockfile.write(place / "one.lock", lock(*pins))
    lockfile.write(place / "two.lock", lock(*data.draw(st.permutations(pins))))
    assert (place / "one.lock").read_bytes() == (place / "two.lock").read_bytes()


@given(text=st.one_of(st.binary(max_size=300), st.text(max_size=300).map(lambda t: t.encode("utf-8", "replace"))))
def test_whatever_is_read_is_a_lock_file_or_a_bad_manifest(
    tmp_path_factory: pytest.TempPathFactory, text: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "noise.lock"
    path.write_bytes(b'#imap-bulk-lock {"schema": 1, "archive": "a", "query": {}}\n' * (len(text) % 2) + text)
    with contextlib.suppress(BadManifest):
        lockfile.read(path)


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
@given(sides=st.lists(st.sampled_from("oxy"), min_size=1, max_size=12))
@settings(max_examples=30)
def test_git_merges_two_branches_that_changed_different_files(
    tmp_path_factory: pytest.TempPathFactory, sides: list[str]
) -> None:
    """Side `x` updates some files, `y` others, `o` stays: neighbours too, and runs of them."""
    place = tmp_path_factory.mktemp("merge")

    def version(name: str) -> LockFile:
        return lock(*(pin(day, 2 if side in name else 1) for day, side in enumerate(sides, 1)))

    for name in ("base", "x", "y", "xy"):
        lockfile.write(place / name, version(name))
    subprocess.run(["git", "merge-file", "x", "base", "y"], cwd=place, check=True, capture_output=True)
    assert (place / "x").read_bytes() == (place / "xy").read_bytes()
    assert lockfile.read(place / "x") == version("xy")


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_a_merge_conflict_is_told_with_its_line_and_remedy(tmp_path: Path) -> None:
    for name, version in (("base", 1), ("a", 2), ("b", 3)):
        lockfile.write(tmp_path / name, lock(pin(1, version)))
    ran = subprocess.run(["git", "merge-file", "a", "base", "b"], cwd=tmp_path, check=False, capture_output=True)
    assert ran.returncode == 1
    with pytest.raises(BadManifest, match=r"line 3 is the mark of a merge conflict; delete .*lock --update"):
        lockfile.read(tmp_path / "a")


def test_lines_that_git_has_brought_twice_count_once(path: Path, lines: list[str]) -> None:
    path.write_text("\n".join([*lines, lines[2]]))
    assert len(lockfile.read(path).pins) == 2


def test_a_file_that_is_pinned_twice_and_differently_is_told(path: Path, lines: list[str]) -> None:
    path.write_text("\n".join([*lines, lines[2].replace('"size": 1', '"size": 2')]))
    with pytest.raises(BadManifest, match=r"line 6: .* is pinned twice, and differently"):
        lockfile.read(path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"size": -1}, "the size of .* is no whole number of bytes"),
        ({"size": True}, "the size of .* is no whole number"),
        ({"size": None}, "the size of .* is no whole number"),
        ({"sha256": "12"}, "a sha256 value has 64 hexadecimal digits"),
        ({"sha256": None}, "a sha256 value has 64 hexadecimal digits"),
        ({"file_path": ""}, "names no file_path"),
        ({"archived": "yesterday"}, "'yesterday' is no time of archiving; write YYYYMMDDhhmmss or leave it out"),
        ({"archived": 5}, "5 is no time of archiving"),
        ({"file_path": "a\u0000b"}, "names no file_path"),
        ({"file_path": 3}, "names no file_path"),
        ({"verified_by": "hope"}, "there is no proof 'hope'; use manifest, "),
    ],
)
def test_a_bad_line_is_told_by_its_number(
    path: Path, lines: list[str], change: dict[str, object], said: str
) -> None:
    lines[4] = json.dumps({**json.loads(lines[4]), **change})
    path.write_text("\n".join(lines))
    with pytest.raises(BadManifest, match=rf"data.lock has 1 problem; (?s:.*)line 5: .*{said}"):
        lockfile.read(path)


def test_every_bad_line_is_told_at_once(path: Path, lines: list[str]) -> None:
    path.write_text("\n".join([lines[0], "[]", "{", lines[2]]))
    with pytest.raises(BadManifest) as caught:
        lockfile.read(path)
    assert caught.value.problems == ("line 2: is no JSON object", "line 3: is no JSON object")


@pytest.mark.parametrize(
    ("first", "said"),
    [
        ("", "is no lock file"),
        ('{"file_path": "x"}', "is no lock file"),
        ("#imap-bulk-lock", "is no lock file"),
        ("#imap-bulk-lock {", "is no lock file"),
        ('#imap-bulk-lock {"schema": 2}', "has schema 2, and this imap-bulk knows 1; update imap-bulk"),
        ('#imap-bulk-lock {"schema": 1}', "line 1 names no archive and query"),
    ],
)
def test_a_first_line_that_is_none_is_told(path: Path, lines: list[str], first: str, said: str) -> None:
    path.write_text("\n".join([first, *lines[1:]]))
    with pytest.raises(BadManifest, match=said):
        lockfile.read(path)


def test_a_lock_file_that_is_not_there_is_told_with_the_remedy(path: Path) -> None:
    with pytest.raises(BadManifest, match=r"there is no lock file .*; make one: imap-bulk lock FILTERS -o"):
        lockfile.read(path)


def test_a_lock_file_is_a_manifest_too(path: Path, lines: list[str]) -> None:
    told = [(entry.path, entry.size, entry.digest) for entry in manifest.read(path)]
    assert told == [tuple(pin[:3]) for pin in lockfile.read(path).pins]


def test_windows_line_ends_and_a_byte_order_mark_are_fine(path: Path, lines: list[str]) -> None:
    path.write_bytes(b"\xef\xbb\xbf" + "\r\n".join(lines).encode())
    assert lockfile.read(path).pins == (pin(1), pin(2))


@pytest.mark.parametrize("key", ["a\nb", "a\ud800b"])
def test_a_key_that_could_not_be_read_again_is_refused_and_leaves_the_old_file(
    path: Path, lines: list[str], key: str
) -> None:
    with pytest.raises(BadName, match="cannot be pinned"):
        lockfile.write(path, lock(pin(1)._replace(key=key)))
    assert path.read_text().splitlines() == lines
    assert list(path.parent.iterdir()) == [path]


def test_a_new_version_takes_the_place_of_an_old_one() -> None:
    old, new = [key(1), key(2), key(3)], [key(1), key(2, 2), key(4)]
    assert lockfile.diff(old, new) == [
        Change(key(2), key(2, 2)),
        Change(key(3), None),
        Change(None, key(4)),
    ]


def test_several_versions_are_paired_by_age() -> None:
    assert lockfile.diff([key(1, 2), key(1, 1)], [key(1, 4), key(1, 10), key(1, 3)]) == [
        Change(key(1, 1), key(1, 3)),
        Change(key(1, 2), key(1, 4)),
        Change(None, key(1, 10)),
    ]


def test_a_version_beside_one_that_stays_is_new() -> None:
    assert lockfile.diff([key(1, 1)], [key(1, 1), key(1, 2)]) == [Change(None, key(1, 2))]


KERNEL = "imap/spice/lsk/naif{:04}.tls"


def test_a_kernel_takes_the_place_of_its_predecessor() -> None:
    assert lockfile.diff([KERNEL.format(12)], [KERNEL.format(13)]) == [
        Change(KERNEL.format(12), KERNEL.format(13))
    ]


@given(old=st.sets(NAMES, max_size=6), new=st.sets(NAMES, max_size=6))
def test_every_difference_is_told_once(old: set[str], new: set[str]) -> None:
    changes = lockfile.diff(old, new)
    assert sorted(change.old for change in changes if change.old) == sorted(old - new)
    assert sorted(change.new for change in changes if change.new) == sorted(new - old)
