"""When a 404 of the archive is believed."""

from dataclasses import replace
from pathlib import Path

import pytest

from imap_bulk.archives.imap.doubts import Doubts
from imap_bulk.digest import Digest
from imap_bulk.model import Direction, Transfer
from imap_bulk.retry import MAX_DOUBTS

PINNED = Transfer(Direction.PULL, "imap/mag/a.cdf", Path("a.cdf"), digest=Digest("md5", "0" * 32))


def asked(doubts: Doubts, transfer: Transfer) -> int:
    """Count how often a file that is not there is asked for."""
    times = 1
    while doubts.is_doubtful(transfer):
        times += 1
    return times


def test_a_file_whose_digest_is_known_is_asked_for_again_but_not_for_ever() -> None:
    assert asked(Doubts(), PINNED) == 1 + MAX_DOUBTS


@pytest.mark.parametrize("transfer", [replace(PINNED, digest=None), replace(PINNED, direction=Direction.PUSH)])
def test_a_mere_name_and_an_upload_are_asked_for_once(transfer: Transfer) -> None:
    assert asked(Doubts(), transfer) == 1


def test_after_many_that_were_asked_for_in_vain_the_archive_is_believed() -> None:
    doubts = Doubts()
    times = [asked(doubts, replace(PINNED, key=f"imap/mag/{number}.cdf")) for number in range(300)]
    assert times == [1 + MAX_DOUBTS] * 100 + [1] * 200
