"""Manifests: every form that people and programs write, and every way to get one wrong."""

import hashlib
import json
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imap_bulk import manifest
from imap_bulk.digest import ALGORITHM_OF_LENGTH, HEX_LENGTHS, Digest
from imap_bulk.errors import BadManifest, BadName
from imap_bulk.manifest import Entry, read, read_text

RAW = "imap_swe_l0_raw_20240105_v001.pkts"
SCI = "imap_swe_l1a_sci_20240105_v001.cdf"
CAL = "imap_mag_cal_20250101_v001.csv"
RAW_KEY = f"imap/swe/l0/2024/01/{RAW}"
SHA256 = hashlib.sha256(b"raw").hexdigest()
MD5 = hashlib.md5(b"raw").hexdigest()
DIGEST = Digest("sha256", SHA256)


def problems(content: str | bytes) -> tuple[str, ...]:
    with pytest.raises(BadManifest, match=r"^list\.txt has [0-9]+ problems?; correct the manifest") as caught:
        read_text(content, "list.txt")
    assert caught.value.problems
    return caught.value.problems


def only_problem(content: str | bytes) -> str:
    (problem,) = problems(content)
    return problem


# Plain lists


def test_a_plain_list_has_one_file_a_line() -> None:
    assert read_text(f"{RAW}\ndata/{SCI}\n", "list.txt") == [Entry(1, RAW), Entry(2, f"data/{SCI}")]


def test_comments_blank_lines_crlf_and_a_bom_say_nothing() -> None:
    content = f"\ufeff# pulled today\r\n\r\n  {RAW}  \r\n   # more\r\n{SCI}".encode()
    assert read_text(content, "list.txt") == [Entry(3, RAW), Entry(5, SCI)]


def test_a_plain_name_may_hold_blanks() -> None:
    assert read_text(f"my data/{RAW}\n", "list.txt") == [Entry(1, f"my data/{RAW}")]


def test_only_a_line_feed_ends_a_line() -> None:
    assert read_text("a\x0bb\x85c\u2028d\n", "list.txt") == [Entry(1, "a\x0bb\x85c\u2028d")]


@pytest.mark.parametrize(
    "content", ["", "\n\n", "# nothing\n", b"\xef\xbb\xbf", "[]", " [ \n ] ", "file_path,size\n"]
)
def test_a_manifest_that_lists_nothing_is_refused(content: str | bytes) -> None:
    with pytest.raises(BadManifest, match=r"^list\.txt lists no files; write one file name a line$"):
        read_text(content, "list.txt")


@pytest.mark.parametrize("content", [b"\x00\x01", "a\0b", b"\xff\xfe", "name\n".encode("utf-16"), "\ud800"])
def test_a_binary_file_is_told_in_one_sentence(content: str | bytes) -> None:
    with pytest.raises(BadManifest, match=r"^list\.txt looks like a binary file and not a manifest") as caught:
        read_text(content, "list.txt")
    assert caught.value.problems == ()


# Sums


@pytest.mark.parametrize("separator", ["  ", " *", " ", "\t"])
@pytest.mark.parametrize("algorithm", ALGORITHM_OF_LENGTH.values())
def test_a_sum_line_tells_its_algorithm_by_its_length(algorithm: str, separator: str) -> None:
    value = hashlib.new(algorithm, b"raw").hexdigest()
    content = f"{value.upper()}{separator}data dir/{RAW}\n"
    assert read_text(content, "SUMS") == [Entry(1, f"data dir/{RAW}", Digest(algorithm, value))]


@pytest.mark.parametrize("tag", ["SHA256 ({}) = ", "SHA2-256({})= ", "sha256 ({}) = "])
def test_a_tagged_sum_line_is_read(tag: str) -> None:
    assert read_text(tag.format(RAW) + SHA256, "SUMS") == [Entry(1, RAW, DIGEST)]


def test_a_tagged_line_of_an_unknown_algorithm_is_bad() -> None:
    assert "line 1: unknown digest algorithm 'blake2b'; use one of md5" in only_problem(f"BLAKE2b ({RAW}) = ab12")


def test_an_escaped_sum_line_is_read() -> None:
    content = f"\\{SHA256}  a\\\\b\\nc\\rd\n\\SHA256 (e\\nf) = {SHA256}\n"
    assert read_text(content, "SUMS") == [Entry(1, "a\\b\nc\rd", DIGEST), Entry(2, "e\nf", DIGEST)]


def test_a_backslash_without_the_escape_mark_is_a_backslash() -> None:
    assert read_text(f"{SHA256}  a\\nb\n", "SUMS") == [Entry(1, "a\\nb", DIGEST)]


def test_an_unknown_escape_is_bad() -> None:
    assert only_problem(f"\\{SHA256}  a\\tb\n").startswith("line 1: unknown escape '\\\\t'; after a leading")


def test_sums_and_plain_lines_may_be_mixed() -> None:
    assert read_text(f"{RAW}\n{SHA256}  {SCI}\n", "SUMS") == [Entry(1, RAW), Entry(2, SCI, DIGEST)]


@pytest.mark.parametrize("value", [SHA256[:-1], SHA256 + "0", SHA256[:-1] + "g", SHA256[:12]])
def test_a_digest_of_the_wrong_length_or_alphabet_is_bad(value: str) -> None:
    assert only_problem(f"{value}  {RAW}\n").startswith("line 1: ")


# CSV


def test_csv_columns_are_found_by_name_and_others_ignored() -> None:
    content = (
        f'instrument, Size,file_path,digest,note\nswe,12,{RAW},sha256:{SHA256},"a, b"\n# x\n\nswe,,{SCI},,\n,,,,\n'
    )
    assert read_text(content, "list.csv") == [Entry(2, RAW, DIGEST, 12), Entry(5, SCI)]


@pytest.mark.parametrize("column", ["file_path", "path", "key", "file_name", "filename", "FileName"])
def test_each_name_of_the_file_column_is_known(column: str) -> None:
    assert read_text(f"{column}\n{RAW}\n", "list.csv") == [Entry(2, RAW)]


@pytest.mark.parametrize(("column", "value"), [("sha256", SHA256), ("md5", MD5), ("sha256", f"sha256:{SHA256}")])
def test_a_digest_column_may_be_called_by_its_algorithm(column: str, value: str) -> None:
    (entry,) = read_text(f"{column},path\n{value},{RAW}\n", "list.csv")
    assert entry.digest == Digest(column, value.rpartition(":")[2])


def test_a_header_without_a_file_column_is_bad() -> None:
    assert only_problem(f"name,size\n{RAW},12\n") == (
        "line 1: the header names no column for the files; call one of them file_path"
    )


def test_bad_csv_rows_are_reported_with_their_lines() -> None:
    content = f'# list\npath,size\n{RAW},-5\n{SCI},1,2\n,7\n{CAL},1.5\n"open,1\n'
    assert [problem.partition(";")[0] for problem in problems(content)] == [
        "line 3: the size '-5' is no whole number of bytes from 0 up",
        "line 4: 3 cells under a header of 2",
        "line 5: names no file",
        "line 6: the size '1.5' is no whole number of bytes from 0 up",
        "line 7: unreadable as CSV (unexpected end of data)",
    ]


def test_a_quotation_mark_that_stays_open_hides_no_file() -> None:
    assert "line 2: unreadable as CSV" in only_problem(f'path\n"{RAW}\n{SCI}\n{CAL}\n')


# JSON


def test_json_lines_are_read() -> None:
    content = "\n".join(
        [
            "# listed by hand",
            json.dumps({"file_path": RAW, "digest": f"sha256:{SHA256}", "size": 12, "instrument": "swe"}),
            "",
            json.dumps({"key": f"imap/{SCI}", "md5": MD5, "size": "7"}),
            json.dumps({"path": CAL, "digest": None, "size": None}),
        ]
    )
    assert read_text(content, "list.jsonl") == [
        Entry(2, RAW, DIGEST, 12),
        Entry(4, f"imap/{SCI}", Digest("md5", MD5), 7),
        Entry(5, CAL),
    ]


@pytest.mark.parametrize("indent", [None, 0, 2])
def test_what_the_official_client_prints_for_a_query_is_a_manifest(indent: int | None) -> None:
    records = [
        {"file_path": RAW_KEY, "instrument": "swe", "repointing": None, "version": "v001"},
        {"file_path": f"imap/ancillary/mag/{CAL}", "end_date": None, "released": True},
    ]
    found = read_text(json.dumps(records, indent=indent), "standard input")
    assert [entry.path for entry in found] == [RAW_KEY, f"imap/ancillary/mag/{CAL}"]


def test_a_json_array_may_hold_names_and_tells_their_lines() -> None:
    assert read_text(f'\n# list\n["{RAW}",\n\n "{SCI}"\n]\n', "list.json") == [Entry(3, RAW), Entry(5, SCI)]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ('["a",\n{"b": ]', "line 2: unreadable as JSON; write an array of names"),
        ('["a"\n"b"]', "line 2: the JSON array goes wrong here"),
        ('["a"]\nb', "line 1: the JSON array goes wrong here"),
        ('["a",]', "line 1: unreadable as JSON"),
        ("[", "line 1: unreadable as JSON"),
        ("[" * 100_000, "line 1: unreadable as JSON"),
        ('["a",\n7]', "line 2: neither a name nor an object"),
        ('[{"size": 1}]', "line 1: names no file; fill in file_path"),
        ('[{"path": 7}]', "line 1: the file is not a text"),
        ('[{"path": "a\\u0000b"}]', "line 1: 'a\\x00b' holds a character that no file name can have"),
        ('[{"path": "a\\ud800b"}]', "line 1: 'a\\ud800b' holds a character that no file name can have"),
        ('{"path": "a"}\nb\n', "line 2: unreadable as JSON; write one object a line"),
        ('{"path": "a"}\n[]\n', "line 2: neither a name nor an object"),
        ('{"path": ' + "[" * 100_000, "line 1: unreadable as JSON"),
        ('{"path": "a", "digest": 7}', "line 1: the digest is not a text"),
        ('{"path": "a", "digest": "sha256:12"}', "line 1: a sha256 value has 64 hexadecimal digits"),
        ('{"path": "a", "md5": "12"}', "line 1: a md5 value has 32 hexadecimal digits"),
        ('{"path": "a", "size": true}', "line 1: the size 'True' is no whole number"),
        ('{"path": "a", "size": -1}', "line 1: the size '-1' is no whole number"),
        ('{"path": "a", "size": 1e999}', "line 1: the size 'inf' is no whole number"),
        ('{"path": "a", "size": []}', "line 1: the size 'list' is no whole number"),
        ('{"path": "a", "size": ' + "9" * 5000 + "}", "line 1: unreadable as JSON"),
    ],
)
def test_bad_json_is_reported_with_its_line(content: str, problem: str) -> None:
    assert only_problem(content).startswith(problem)


# All forms


def test_all_bad_lines_are_reported_at_once() -> None:
    bad = "".join(f"{SHA256}0  file{number}\n" for number in range(500))
    found = problems(f"{RAW}\n{bad}")
    assert len(found) == 500
    assert found[0].startswith("line 2: ")
    assert found[-1].startswith("line 501: ")


def test_a_manifest_is_read_from_its_file(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text(RAW, encoding="utf-8")
    assert read(path) == [Entry(1, RAW)]


def test_a_missing_manifest_is_told_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(BadManifest, match=r"^there is no manifest .*list\.txt; check the path$"):
        read(tmp_path / "list.txt")


def test_a_directory_is_no_manifest(tmp_path: Path) -> None:
    with pytest.raises(BadManifest, match="cannot be read"):
        read(tmp_path)


def test_a_bad_manifest_is_called_by_its_file(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_bytes(b"\0")
    with pytest.raises(BadManifest, match=r"list\.txt looks like a binary file"):
        read(path)


@given(st.one_of(st.binary(), st.text(), st.text('[]{}",:#\\ \n\r\tpathsize=()0a')))
def test_whatever_the_bytes_only_a_bad_manifest_is_raised(content: bytes | str) -> None:
    try:
        entries = read_text(content, "list.txt")
    except BadManifest:
        return
    assert entries


# Writing

digests = st.sampled_from(sorted(HEX_LENGTHS)).flatmap(
    lambda name: st.builds(
        Digest, st.just(name), st.from_regex(f"[0-9a-f]{{{HEX_LENGTHS[name]}}}", fullmatch=True)
    )
)
written_files = st.lists(
    st.tuples(st.text(min_size=1), st.one_of(st.none(), digests), st.one_of(st.none(), st.integers(0))),
    min_size=1,
    unique_by=lambda file: file[0],
)


def can_be_written(file: tuple[str, Digest | None, int | None]) -> bool:
    try:
        return bool(list(manifest.write([file])))
    except BadName:
        return False


@given(written_files)
def test_what_is_written_is_read_again(files: list[tuple[str, Digest | None, int | None]]) -> None:
    files = [file for file in files if can_be_written(file)] or [(RAW, None, None)]
    assert read_text("".join(manifest.write(files)), "list.txt") == [
        Entry(number, key, digest) for number, (key, digest, _) in enumerate(files, 1)
    ]


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1))
def test_every_key_with_a_digest_can_be_written(key: str) -> None:
    assert read_text("".join(manifest.write([(key, DIGEST, None)])), "list.txt") == [Entry(1, key, DIGEST)]


@pytest.mark.parametrize("key", ["", "a\nb", " a", "a ", "# a", "path", "[a", "{a", f"{SHA256}  a", "a\0b"])
def test_a_key_that_would_be_misread_without_a_digest_is_not_written(key: str) -> None:
    with pytest.raises(BadName, match="cannot be written on a line of a manifest; list it in JSON"):
        list(manifest.write([(key, None, None)]))


@pytest.mark.skipif(not shutil.which("sha256sum"), reason="this machine has no sha256sum")
@pytest.mark.parametrize("algorithm", ["md5", "sha1", "sha256", "sha512"])
def test_the_sum_tools_check_what_is_written(tmp_path: Path, algorithm: str) -> None:
    names = [RAW, f"imap/{SCI}", "with blanks ", "line\nfeed", "back\\slash", "# hash", "*star"]
    (tmp_path / "imap").mkdir()
    for name in names:
        (tmp_path / name).write_bytes(name.encode())
    lines = manifest.write((name, Digest.of(tmp_path / name, algorithm), None) for name in names)
    (tmp_path / "SUMS").write_text("".join(lines), encoding="utf-8")
    command = [f"{algorithm}sum", "--check", "--strict", "SUMS"]
    checked = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert checked.stdout.count(": OK") == len(names)


@pytest.mark.skipif(not shutil.which("sha256sum"), reason="this machine has no sha256sum")
@pytest.mark.parametrize("options", [[], ["--tag"], ["--binary"]])
def test_what_the_sum_tools_print_is_read(tmp_path: Path, options: list[str]) -> None:
    names = [RAW, "with blanks", "line\nfeed", "back\\slash", "bracket) = x"]
    for name in names:
        (tmp_path / name).write_bytes(name.encode())
    command = ["sha256sum", *options, "--", *names]
    printed = subprocess.run(command, cwd=tmp_path, capture_output=True, check=True).stdout
    expected = [Entry(line, name, Digest.of(tmp_path / name)) for line, name in enumerate(names, 1)]
    assert read_text(printed, "SUMS") == expected
