"""The usual lines of a manifest: whatever is read at one look is what is read line by line."""

from datetime import date, timedelta
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imap_bulk import manifest, sources, usual
from imap_bulk.errors import BadManifest
from imap_bulk.filenames import DATA_LEVELS, INSTRUMENTS, is_date
from imap_bulk.manifest import Entry, Run
from imap_bulk.sources.files import key_of

NAME = "imap_mag_l2_norm_20260101_v001.0001.cdf"
SUM = "ab" * 32

almost = st.builds(
    "".join,
    st.tuples(
        st.sampled_from(["", f"{SUM}  ", f"{SUM} *", f"{SUM[:32]}  ", f"{SUM[:33]}  ", f"{SUM}\t", "  ", "# "]),
        st.sampled_from(["", "imap/", "imap/mag/l2/2026/01/", "imap/../", "imap//", "./", "mag/"]),
        st.sampled_from(["imap_", "IMAP_", "swe_"]),
        st.sampled_from([*INSTRUMENTS, "foo"]),
        st.just("_"),
        st.sampled_from([*DATA_LEVELS, "l9"]),
        st.sampled_from(["_norm_", "_a-b_", "__", "_Norm_", "_n_n_", f"_{'x' * 230}_"]),
        st.sampled_from(["20260101", "20260229", "20240229", "20260431", "20260430", "00000101", "2026010"]),
        st.sampled_from(["", "-repoint00001", "-cr00001", "-repoint1"]),
        st.sampled_from(["_v001.0001", "_v001", "_v01", "_v001.001"]),
        st.sampled_from([".cdf", ".pkts", ".CDF", ".cdf ", ".json", ""]),
        st.sampled_from(["\n", "\r\n", "\r\r\n", ""]),
    ),
)


def line_by_line(text: str) -> list[usual.Usual]:
    """Read as `sources` does what has no usual form. Raises BadManifest, BadName."""
    entries = manifest.read_text(text, "list.txt")
    return [(entry.path, key_of(entry.path), str(entry.digest) if entry.digest else None) for entry in entries]


@given(almost)
def test_a_line_that_is_taken_means_what_it_means_by_itself(line: str) -> None:
    names = usual.names_on(line, 1)
    if names is not None:
        assert usual.read(line) == line_by_line(line)
        assert names == [usual.read(line)[0][1].rpartition("/")[2]]


@given(st.lists(almost.map(lambda line: line.rstrip() + "\n"), min_size=1, max_size=6))
def test_lines_are_taken_together_where_each_would_be_taken(lines: list[str]) -> None:
    each = all(usual.names_on(line, 1) for line in lines)
    assert (usual.names_on("".join(lines), len(lines)) is not None) == each
    if each:
        assert usual.read("".join(lines)) == line_by_line("".join(lines))


@pytest.mark.parametrize(
    ("prefix", "version", "extension"),
    list(product(["", f"{SUM}  ", "imap/mag/l2/2026/01/"], ["v001.0001", "v001"], ["cdf", "pkts"])),
)
def test_what_nearly_all_lines_are_is_taken(prefix: str, version: str, extension: str) -> None:
    line = f"{prefix}imap_mag_l2_norm_20260101_{version}.{extension}\n"
    assert usual.names_on(line * 3, 3)


def test_the_days_are_those_of_the_calendar_but_for_the_29th_of_february() -> None:
    first = date(2023, 1, 1)
    real = {f"{first + timedelta(days):%Y%m%d}" for days in range(731)}
    written = [f"{year}{month:02}{day:02}" for year in (2023, 2024) for month in range(14) for day in range(33)]
    taken = {day for day in written if usual.names_on(NAME.replace("20260101", day), 1)}
    assert taken == real - {"20240229"}
    assert all(map(is_date, taken))


def manifest_of(tmp_path: Path, lines: list[str]) -> list[str]:
    path = tmp_path / "list.txt"
    path.write_text("".join(f"{line}\n" for line in lines))
    return [str(path)]


def names(count: int) -> list[str]:
    return [NAME.replace("norm", f"n{number}") for number in range(count)]


def test_files_come_in_the_order_of_the_lines_whatever_their_form(tmp_path: Path) -> None:
    lines = ["# all of them", *names(1200)]
    lines[700] = "naif0012.tls"
    lines[900] = f"{SUM}  {lines[900]}"
    found = list(sources.files_of(manifest_of(tmp_path, lines)))
    assert [file.name for file in found] == [*lines[1:900], lines[900].split()[1], *lines[901:]]
    assert [str(file.digest) for file in found if file.digest] == [f"sha256:{SUM}"]


def test_a_few_lines_of_another_form_cost_the_others_little() -> None:
    lines = [f"{name}\n".encode() for name in names(1000)]
    lines[100] = lines[600] = b"naif0012.tls\n"
    told = list(manifest.scan_runs(lines, "list.txt", usual.names_on))
    assert [(run.line, len(run.names)) for run in told if isinstance(run, Run)] == [
        (2, 99), (102, 400), (502, 99), (602, 399),
    ]  # fmt: skip
    assert [entry.line for entry in told if isinstance(entry, Entry)] == [1, 101, 601]


def test_a_name_that_comes_again_is_told_with_both_lines(tmp_path: Path) -> None:
    lines = [*names(1500), "", f"imap/mag/l2/2026/01/{NAME.replace('norm', 'n7')}", NAME.replace("norm", "n1400")]
    with pytest.raises(BadManifest) as told:
        sources.files_of(manifest_of(tmp_path, lines))
    assert [problem.split(" is ")[0] for problem in told.value.problems] == [
        f"line 1502: '{lines[1501]}'",
        f"line 1503: '{lines[1502]}'",
    ]
    assert "line 8 again" in told.value.problems[0]
    assert "listed on line 1401 already" in told.value.problems[1]


def test_bad_lines_among_usual_ones_are_all_told(tmp_path: Path) -> None:
    lines = names(1600)
    for line in (1, 2, 501, 502, 1600):
        lines[line - 1] = "holiday.jpg"
    with pytest.raises(BadManifest) as told:
        sources.files_of(manifest_of(tmp_path, lines))
    assert [int(problem.split()[1][:-1]) for problem in told.value.problems] == [1, 2, 501, 502, 1600]


def test_two_manifests_that_share_lines_are_merged_and_lose_none(tmp_path: Path) -> None:
    several = names(1300)
    (tmp_path / "names.txt").write_text("\n".join(several[:1000]))
    (tmp_path / "sums.txt").write_text("\n".join(f"{SUM}  {name}" for name in several[600:]))
    found = list(sources.files_of([str(tmp_path / "names.txt"), str(tmp_path / "sums.txt")]))
    assert [file.name for file in found] == several
    assert [file.digest is None for file in found] == [True] * 600 + [False] * 700


def test_a_byte_that_is_no_text_is_found_far_below(tmp_path: Path) -> None:
    (path,) = manifest_of(tmp_path, names(900))
    with Path(path).open("ab") as file:
        file.write(b"\xff\n")
    with pytest.raises(BadManifest, match="looks like a binary file"):
        sources.files_of([path])
