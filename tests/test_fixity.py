"""What is recorded of files, as sums and as a bag that the reference reader takes."""

import hashlib
import subprocess
from pathlib import Path

import bagit
import pytest

from imap_bulk import bulk
from imap_bulk.digest import Digest
from imap_bulk.errors import BadManifest, Corrupted
from imap_bulk.fixity import Bagged, Sum, files_of_bag, is_bag, sums, write_bag
from imap_bulk.journal import Journal
from imap_bulk.model import Direction, Outcome, Proof, Status, Transfer
from imap_bulk.settings import Settings

BODIES = {"imap/mag/a.cdf": b"a" * 3_000_000, "imap/swe/b c.cdf": b"b", "imap/swe/c.cdf": b""}

of_the_reference = pytest.mark.filterwarnings("ignore::DeprecationWarning")
"""For bagit: of 1.9, Python 3.13 deprecates a call of `re.sub`, and Python 3.14 `codecs.open`."""


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """Make a data directory of files that an archive vouched for by MD5, as S3 does."""
    root = tmp_path / "data"
    with Journal(root, "https://archive.example", Direction.PULL) as journal:
        for key, body in BODIES.items():
            path = root / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(body)
            digest = Digest("md5", hashlib.md5(body).hexdigest())
            transfer = Transfer(Direction.PULL, key, path)
            journal.write(Outcome(transfer, Status.DONE, digest=digest, verified_by=Proof.ETAG))
    return root


async def verify(bag: Path) -> int:
    """Return how many files of a bag are right; none may be wrong."""
    result = await bulk.verify(bag, files_of_bag(bag), Settings())
    assert not result.failed
    return result.done


def test_sums_are_sha256_whatever_is_recorded(data_dir: Path) -> None:
    found = [each for each in sums(data_dir) if isinstance(each, Sum)]
    assert {each.record.key: each.digest.value for each in found} == {
        key: hashlib.sha256(body).hexdigest() for key, body in BODIES.items()
    }


def test_what_is_no_longer_right_has_no_sum(data_dir: Path) -> None:
    (data_dir / "imap/mag/a.cdf").write_bytes(b"rotten")
    (data_dir / "imap/swe/c.cdf").unlink()
    told = list(sums(data_dir))
    assert [isinstance(each, Corrupted) for each in told] == [True, False, True]


@of_the_reference
async def test_a_bag_is_valid_to_the_reference_reader_and_to_us(data_dir: Path, tmp_path: Path) -> None:
    bag = tmp_path / "bag"
    told = list(write_bag(data_dir, bag))
    assert [each.key for each in told if isinstance(each, Bagged)] == sorted(BODIES)
    assert bagit.Bag(str(bag)).validate()
    assert is_bag(bag)
    assert await verify(bag) == len(BODIES) + 3  # with its tag files


@of_the_reference
async def test_a_bag_of_the_reference_writer_is_read(tmp_path: Path) -> None:
    bag = tmp_path / "bag"
    (bag / "sub").mkdir(parents=True)
    for name in ("one", "sub/50%25.txt", "sub/two"):
        (bag / name).write_text(name)
    bagit.make_bag(str(bag), checksums=["md5", "sha256"])
    assert await verify(bag) == 3 + 4


@of_the_reference
def test_what_is_wrong_stays_out_of_a_bag_which_is_valid_all_the_same(data_dir: Path, tmp_path: Path) -> None:
    (data_dir / "imap/mag/a.cdf").write_bytes(b"rotten")
    told = list(write_bag(data_dir, tmp_path / "bag"))
    assert [type(each) for each in told] == [Corrupted, Bagged, Bagged]
    assert bagit.Bag(str(tmp_path / "bag")).validate()


def test_a_bag_needs_an_empty_place(data_dir: Path, tmp_path: Path) -> None:
    with pytest.raises(BadManifest, match="not empty"):
        list(write_bag(data_dir, data_dir))


def test_there_is_no_bag_of_nothing(tmp_path: Path) -> None:
    assert list(write_bag(tmp_path / "none", tmp_path / "bag")) == []
    assert list((tmp_path / "bag").iterdir()) == []


def test_a_file_that_no_manifest_lists_is_told(data_dir: Path, tmp_path: Path) -> None:
    bag = tmp_path / "bag"
    list(write_bag(data_dir, bag))
    (bag / "data" / "stowaway").touch()
    with pytest.raises(BadManifest, match="holds 1 files that its manifest does not list: data/stowaway"):
        files_of_bag(bag)


async def test_a_wrong_bit_in_a_bag_is_found(data_dir: Path, tmp_path: Path) -> None:
    bag = tmp_path / "bag"
    list(write_bag(data_dir, bag))
    (bag / "data/imap/swe/c.cdf").write_bytes(b"x")
    result = await bulk.verify(bag, files_of_bag(bag), Settings())
    assert [failure.transfer.key for failure in result.failures] == ["data/imap/swe/c.cdf"]


def test_sha256sum_takes_the_lines(data_dir: Path) -> None:
    found = (each for each in sums(data_dir) if isinstance(each, Sum))
    lines = "".join(f"{each.digest.value}  {each.record.key}\n" for each in found).encode()
    check = ["sha256sum", "-c", "--strict"]
    assert subprocess.run(check, input=lines, cwd=data_dir, capture_output=True, check=False).returncode == 0


def test_a_path_may_be_escaped_or_not(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for name in ("50%.txt", "25%25.txt"):
        (tmp_path / "data" / name).touch()
    empty = hashlib.sha256().hexdigest()
    lines = f"{empty}  data/50%25.txt\n{empty}  data/25%25.txt\n"
    (tmp_path / "manifest-sha256.txt").write_text(lines)
    assert [file.key for file in files_of_bag(tmp_path)] == ["data/50%.txt", "data/25%25.txt"]
