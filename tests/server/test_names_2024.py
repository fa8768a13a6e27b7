from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from imap_bulk import filenames
from imap_bulk.errors import BadName
from imap_bulk.server.imap.names import read_name_of_2024

LIKE_SCIENCE = st.from_regex(
    r"imap_(swe|mag|ialirt|x)_(l0|l1a|l9)_[a-z-]{1,5}_2024[0-9]{4}(-repoint[0-9]{5})?_v[0-9]{3}\.(cdf|pkts|csv)",
    fullmatch=True,
)


@given(st.text() | LIKE_SCIENCE)
def test_any_name_is_refused_or_read_as_it_is_today(name: str) -> None:
    try:
        file = read_name_of_2024(name, legacy=False)
    except BadName:
        return
    assert file == filenames.parse(name)
