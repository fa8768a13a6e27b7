"""What no run could go by is refused where it is given."""

from typing import Any

import pytest

from imap_bulk import Sample, Settings


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"jobs": 0}, "jobs is 0; give a whole number from 1 on"),
        ({"jobs": "8"}, "jobs is '8'; give a whole number from 1 on"),
        ({"retries": -1}, "retries is -1; give a whole number from 0 on"),
        ({"chunk_bytes": 0.5}, "chunk_bytes is 0.5; give a whole number from 1 on"),
        ({"limit_rate": -5}, "limit_rate is -5; give a number above 0"),
        ({"limit_requests": float("nan")}, "limit_requests is nan; give a number above 0"),
        ({"idle_timeout": None}, "idle_timeout is None; give a number above 0"),
        ({"transport": "curl"}, "transport is 'curl'; give one of auto, lean, aiohttp"),
    ],
)
def test_settings_that_no_run_could_go_by_are_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match="give") as caught:
        Settings(**given)
    assert str(caught.value) == said


@pytest.mark.parametrize("given", [{}, {"count": -1}, {"share": 5}, {"share": 0.0}, {"share": float("nan")}])
def test_a_sample_of_nothing_or_of_more_than_all_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="give"):
        Sample(**given)
