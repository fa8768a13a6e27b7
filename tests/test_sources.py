"""Sources: what a person names becomes files to pull or to push, or is told to be wrong, all of it at once."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imap_bulk import sources
from imap_bulk.errors import BadManifest
from imap_bulk.manifest import Entry, read_text

RAW = "imap_swe_l0_raw_20240105_v001.pkts"
SCI = "imap_swe_l1a_sci_20240105_v001.cdf"
CAL = "imap_mag_cal_20250101_v001.csv"
RAW_KEY = f"imap/swe/l0/2024/01/{RAW}"


def lines(entries: list[Entry]) -> sources._Lines:
    """Write entries as a manifest and read it, as a pull or a push would."""
    return sources._Lines(_written(entries), "list.txt")


def _written(entries: list[Entry]) -> str:
    text = [""] * max(entry.line for entry in entries)
    for entry in entries:
        text[entry.line - 1] = json.dumps({"path": entry.path})
    return "\n".join(text)


@given(st.one_of(st.binary(), st.text(), st.text('[]{}",:#\\ \n\r\tpathsize=()0a')))
def test_whatever_a_manifest_lists_every_problem_names_its_line(content: bytes | str) -> None:
    try:
        entries = read_text(content, "list.txt")
    except BadManifest:
        return
    assert all(problem.startswith("line ") for problem in pull_problems(entries) + push_problems(entries))


def pull_problems(entries: list[Entry]) -> tuple[str, ...]:
    try:
        sources.keys(lines(entries))
    except BadManifest as error:
        return error.problems
    return ()


def push_problems(entries: list[Entry]) -> tuple[str, ...]:
    try:
        sources.local_files(lines(entries), Path("nowhere"))
    except BadManifest as error:
        return error.problems
    return ()


# Keys for a pull


def test_a_bare_name_becomes_its_key_and_a_key_stays_itself() -> None:
    entries = [Entry(1, RAW), Entry(2, f"imap/odd/{SCI}"), Entry(3, f"./{CAL}"), Entry(4, f"././x/{CAL}")]
    assert [key for _, key in sources.keys(lines(entries))] == [
        RAW_KEY,
        f"imap/odd/{SCI}",
        f"imap/ancillary/mag/{CAL}",
        f"x/{CAL}",
    ]


def test_a_spice_record_names_its_file_below_the_spice_directory() -> None:
    entries = [Entry(1, "lsk/naif0012.tls"), Entry(2, "ck/de440.bsp"), Entry(3, "imap/spice/spk/de440.bsp")]
    assert [key for _, key in sources.keys(lines(entries))] == [
        "imap/spice/lsk/naif0012.tls",
        "ck/de440.bsp",
        "imap/spice/spk/de440.bsp",
    ]


@pytest.mark.parametrize(
    "path",
    [
        f"/imap/{RAW}",
        f"../{RAW}",
        f"imap/../{RAW}",
        f"imap/./{RAW}",
        f"imap//{RAW}",
        "imap/swe/",
        f"imap\\swe/{RAW}",
        f"imap\\{RAW}",
        f"imap/a\nb/{RAW}",
        f"imap/\x85/{RAW}",
        f"C:/imap/{RAW}",
        "C:imap",
        f".//etc/{RAW}",
        "./",
        "..",
        "readme.md",
    ],
)
def test_an_unsafe_key_is_bad(path: str) -> None:
    with pytest.raises(BadManifest, match=r"list\.txt has 1 problem;") as caught:
        sources.keys(lines([Entry(1, RAW), Entry(7, path)]))
    (problem,) = caught.value.problems
    assert problem.startswith("line 7: ")
    assert "\n" not in problem


def test_two_lines_with_one_key_are_bad() -> None:
    with pytest.raises(BadManifest) as caught:
        sources.keys(lines([Entry(1, RAW), Entry(2, SCI), Entry(5, RAW_KEY)]))
    (problem,) = caught.value.problems
    assert problem == f"line 5: {RAW_KEY!r} is the object of line 1 again, {RAW_KEY}; remove one of the two"


def test_all_bad_keys_are_reported_at_once() -> None:
    with pytest.raises(BadManifest, match="has 3 problems") as caught:
        sources.keys(lines([Entry(1, "foo"), Entry(2, "../x"), Entry(3, RAW), Entry(4, RAW)]))
    assert [problem.partition(":")[0] for problem in caught.value.problems] == ["line 1", "line 2", "line 4"]


# Local files for a push


def test_relative_paths_count_from_the_base_and_absolute_ones_stay(tmp_path: Path) -> None:
    base, elsewhere = tmp_path / "base", tmp_path / "elsewhere"
    (base / "sub").mkdir(parents=True)
    elsewhere.mkdir()
    for path in (base / "sub" / RAW, base / SCI, elsewhere / CAL):
        path.touch()
    entries = [Entry(1, f"sub/{RAW}"), Entry(2, f"sub/../{SCI}"), Entry(3, str(elsewhere / CAL))]
    found = sources.local_files(lines(entries), base)
    assert [path for _, path, _ in found] == [base / "sub" / RAW, base / "sub" / ".." / SCI, elsewhere / CAL]
    assert [key for _, _, key in found][::2] == [RAW_KEY, f"imap/ancillary/mag/{CAL}"]


def test_a_base_that_is_a_link_is_no_way_out(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / RAW).touch()
    (tmp_path / "link").symlink_to("real")
    assert sources.local_files(lines([Entry(1, RAW)]), tmp_path / "link")


def test_every_kind_of_bad_local_file_is_reported_at_once(tmp_path: Path) -> None:
    base = tmp_path / "base"
    (base / "copy").mkdir(parents=True)
    (tmp_path / RAW).touch()
    (base / CAL).mkdir()
    (base / "copy" / RAW).touch()
    (base / RAW).touch()
    (base / "notes.md").touch()
    (base / "out").symlink_to(tmp_path)
    (base / "naif0012.tls").symlink_to("naif0012.tls")
    paths = [RAW, f"../{RAW}", f"out/{RAW}", SCI, CAL, "notes.md", f"copy/{RAW}", "naif0012.tls", "gone.md"]
    with pytest.raises(BadManifest) as caught:
        sources.local_files(lines([Entry(line, path) for line, path in enumerate(paths, 1)]), base)
    again = f"is the object of line 1 again, {RAW_KEY}; remove one of the two"
    expected = [
        f"line 2: '../{RAW}' leads outside",
        f"line 2: '../{RAW}' {again}",
        f"line 3: 'out/{RAW}' leads outside",
        f"line 3: 'out/{RAW}' {again}",
        f"line 4: there is no file {str(base / SCI)!r}; check the path",
        f"line 5: {str(base / CAL)!r} is not a regular file",
        "line 6: 'notes.md' ",
        f"line 7: 'copy/{RAW}' {again}",
        f"line 8: {str(base / 'naif0012.tls')!r} cannot be read: ",
        f"line 9: there is no file {str(base / 'gone.md')!r}",
        "line 9: 'gone.md' ",
    ]
    found = caught.value.problems
    assert len(found) == len(expected)
    assert all(problem.startswith(start) for problem, start in zip(found, expected, strict=True)), found


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_not_a_regular_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / RAW)
    with pytest.raises(BadManifest, match="is not a regular file; list files"):
        sources.local_files(lines([Entry(1, RAW)]), tmp_path)


# Several sources


def test_two_files_that_would_become_one_object_are_refused(tmp_path: Path) -> None:
    for directory in ("a", "b"):
        (tmp_path / directory).mkdir()
        (tmp_path / directory / "naif0012.tls").touch()
    with pytest.raises(BadManifest, match="would both become"):
        sources.to_push([str(tmp_path / "a"), str(tmp_path / "b")])


def test_every_bad_name_of_a_directory_is_told_before_anything_moves(tmp_path: Path) -> None:
    for name in ("naif0012.tls", "notes.doc", "imap_foo_l0_raw_20240105_v001.pkts", ".hidden"):
        (tmp_path / name).touch()
    with pytest.raises(BadManifest) as caught:
        sources.to_push([str(tmp_path)])
    assert "notes.doc" in str(caught.value)
    assert "imap_foo" in str(caught.value)
    assert ".hidden" not in str(caught.value)
