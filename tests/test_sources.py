"""Sources: what a person names becomes files to pull or to push, or is told to be wrong, all of it at once."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imap_bulk import sources
from imap_bulk.digest import Digest
from imap_bulk.errors import BadManifest
from imap_bulk.sources import checking

RAW = "imap_swe_l0_raw_20240105_v001.pkts"
SCI = "imap_swe_l1a_sci_20240105_v001.cdf"
CAL = "imap_mag_cal_20250101_v001.csv"
RAW_KEY = f"imap/swe/l0/2024/01/{RAW}"
DIGEST = Digest("sha256", "0" * 64)


Lines = dict[int, str]
"""Paths by the numbers of the lines that list them."""


def manifest(directory: Path, lines: Lines) -> str:
    """Write a manifest, and return what a person would name it."""
    text = [""] * max(lines)
    for line, path in lines.items():
        text[line - 1] = json.dumps({"path": path})
    (directory / "list.txt").write_text("\n".join(text))
    return str(directory / "list.txt")


def keys(directory: Path, *paths: str) -> list[str]:
    return [file.key for file in sources.files_of([manifest(directory, dict(enumerate(paths, 1)))])]


def refusal(of: Callable[[list[str]], object], *named: str) -> BadManifest:
    with pytest.raises(BadManifest) as caught:
        of(list(named))
    return caught.value


@given(st.one_of(st.binary(), st.text(), st.text('[]{}",:#\\ \n\r\tpathsize=()0a')))
def test_whatever_a_manifest_lists_every_problem_names_its_line(
    tmp_path_factory: pytest.TempPathFactory, content: bytes | str
) -> None:
    path = tmp_path_factory.getbasetemp() / "list.txt"
    path.write_bytes(content.encode(errors="surrogatepass") if isinstance(content, str) else content)
    problems = problems_of(sources.files_of, path) + problems_of(sources.uploads_of, path)
    assert all(problem.startswith("line ") for problem in problems)


def problems_of(of: Callable[[list[str]], object], path: Path) -> tuple[str, ...]:
    try:
        of([str(path)])
    except BadManifest as error:
        return error.problems
    return ()


# Keys for a pull


def test_a_bare_name_becomes_its_key_and_a_key_stays_itself(tmp_path: Path) -> None:
    assert keys(tmp_path, RAW, f"imap/odd/{SCI}", f"./{CAL}", f"././x/{CAL}") == [
        RAW_KEY,
        f"imap/odd/{SCI}",
        f"imap/ancillary/mag/{CAL}",
        f"x/{CAL}",
    ]


def test_a_spice_record_names_its_file_below_the_spice_directory(tmp_path: Path) -> None:
    assert keys(tmp_path, "lsk/naif0012.tls", "ck/de440.bsp", "imap/spice/spk/de440.bsp") == [
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
def test_an_unsafe_key_is_bad(tmp_path: Path, path: str) -> None:
    error = refusal(sources.files_of, manifest(tmp_path, {1: RAW, 7: path}))
    (problem,) = error.problems
    assert "list.txt has 1 problem;" in error.summary
    assert problem.startswith("line 7: ")
    assert "\n" not in problem


def test_a_directory_is_called_one(tmp_path: Path) -> None:
    with pytest.raises(BadManifest, match="is a directory; give names of files, or a manifest of them"):
        list(sources.files_of([str(tmp_path)]))


def test_two_lines_with_one_key_are_bad(tmp_path: Path) -> None:
    (problem,) = refusal(sources.files_of, manifest(tmp_path, {1: RAW, 2: SCI, 5: RAW_KEY})).problems
    assert problem == f"line 5: {RAW_KEY!r} is the object of line 1 again, {RAW_KEY}; remove one of the two"


@pytest.mark.parametrize(
    ("content", "first", "last"),
    [
        ("{0}\n{1}\n{0}\n", 1, 3),
        ("path\n{1}\n{0}\n{0}\n", 3, 4),
        ('["{0}",\n"{1}",\n"{0}"]', 1, 3),
        ('["{0}", "{0}"]', 1, 1),
    ],
)
def test_a_path_listed_twice_is_bad_and_the_first_line_is_told(
    tmp_path: Path, content: str, first: int, last: int
) -> None:
    (tmp_path / "list.txt").write_text(content.format(RAW, SCI))
    (problem,) = refusal(sources.files_of, str(tmp_path / "list.txt")).problems
    assert problem == f"line {last}: {RAW!r} is listed on line {first} already; remove one of the two"


def test_all_bad_keys_are_reported_at_once(tmp_path: Path) -> None:
    error = refusal(sources.files_of, manifest(tmp_path, {1: "foo", 2: "../x", 3: RAW, 4: RAW}))
    assert "has 3 problems" in error.summary
    assert [problem.partition(":")[0] for problem in error.problems] == ["line 1", "line 2", "line 4"]


def test_problems_beyond_reason_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "MOST_PROBLEMS_TOLD", 2)
    error = refusal(sources.files_of, manifest(tmp_path, dict.fromkeys(range(1, 7), "foo")))
    assert "has 6 problems" in error.summary
    assert [problem.partition(":")[0] for problem in error.problems] == ["line 1", "line 2", "… and 4 more"]


def test_two_manifests_may_list_one_file_and_the_digest_that_either_knows_is_held_to(tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text(f"{RAW}\n{SCI}\n")
    (tmp_path / "sums.txt").write_text(f"{DIGEST.value}  {RAW}\n")
    files = list(sources.files_of([str(tmp_path / "names.txt"), str(tmp_path / "sums.txt"), CAL]))
    assert [(file.name, file.digest) for file in files] == [(RAW, DIGEST), (SCI, None), (CAL, None)]


def test_a_line_that_is_repeated_in_one_manifest_is_told_also_where_another_lists_it_first(tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text(f"{RAW}\n")
    (tmp_path / "sums.txt").write_text(f"{SCI}\n{RAW}\n{RAW}\n")
    (problem,) = refusal(sources.files_of, str(tmp_path / "names.txt"), str(tmp_path / "sums.txt")).problems
    assert problem == f"line 3: {RAW!r} is listed on line 2 already; remove one of the two"


# Local files for a push


def test_relative_paths_count_from_the_base_and_absolute_ones_stay(tmp_path: Path) -> None:
    base, elsewhere = tmp_path / "base", tmp_path / "elsewhere"
    (base / "sub").mkdir(parents=True)
    elsewhere.mkdir()
    for path in (base / "sub" / RAW, base / SCI, elsewhere / CAL):
        path.touch()
    lines = {1: f"sub/{RAW}", 2: f"sub/../{SCI}", 3: str(elsewhere / CAL)}
    found = list(sources.uploads_of([manifest(base, lines)]))
    assert [file.path for file in found] == [base / "sub" / RAW, base / "sub" / ".." / SCI, elsewhere / CAL]
    assert [file.key for file in found][::2] == [RAW_KEY, f"imap/ancillary/mag/{CAL}"]


def test_a_base_that_is_a_link_is_no_way_out(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / RAW).touch()
    (tmp_path / "link").symlink_to("real")
    assert list(sources.uploads_of([manifest(tmp_path / "link", {1: RAW})]))


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
    error = refusal(sources.uploads_of, manifest(base, dict(enumerate(paths, 1))))
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
    found = error.problems
    assert len(found) == len(expected)
    assert all(problem.startswith(start) for problem, start in zip(found, expected, strict=True)), found


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_not_a_regular_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / RAW)
    with pytest.raises(BadManifest, match="is not a regular file; list files"):
        sources.uploads_of([manifest(tmp_path, {1: RAW})])


# Several sources


def test_two_files_that_would_become_one_object_are_refused(tmp_path: Path) -> None:
    for directory in ("a", "b"):
        (tmp_path / directory).mkdir()
        (tmp_path / directory / "naif0012.tls").touch()
    with pytest.raises(BadManifest, match="would both become"):
        sources.uploads_of([str(tmp_path / "a"), str(tmp_path / "b")])


def test_every_bad_name_of_a_directory_is_told_before_anything_moves(tmp_path: Path) -> None:
    for name in ("naif0012.tls", "notes.doc", "imap_foo_l0_raw_20240105_v001.pkts", ".hidden"):
        (tmp_path / name).touch()
    with pytest.raises(BadManifest) as caught:
        sources.uploads_of([str(tmp_path)])
    assert "notes.doc" in str(caught.value)
    assert "imap_foo" in str(caught.value)
    assert ".hidden" not in str(caught.value)


def test_a_directory_is_listed_in_the_order_of_its_paths(tmp_path: Path) -> None:
    names = [f"b/{RAW}", SCI, f"a.d/{CAL}", "a/naif0012.tls"]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "elsewhere").symlink_to(tmp_path)
    found = [upload.path for upload in sources.uploads_of([str(tmp_path)])]
    assert found == sorted(tmp_path / name for name in names)
