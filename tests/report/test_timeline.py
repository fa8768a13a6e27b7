"""Bytes over time: nothing is lost however long a run is, and memory does not grow with it."""

from hypothesis import given
from hypothesis import strategies as st

from imap_bulk.report.timeline import Timeline


@given(st.lists(st.tuples(st.floats(0, 1e7), st.integers(0, 10**9)), max_size=200))
def test_no_byte_is_lost_and_steps_stay_few(moved: list[tuple[float, int]]) -> None:
    timeline = Timeline()
    for at, count in sorted(moved):
        timeline.add_bytes(at, count)
        timeline.add_setback(at, "Busy")
    assert sum(timeline.bytes) == sum(count for _, count in moved)
    assert sum(kinds["Busy"] for kinds in timeline.setbacks) == len(moved)
    assert len(timeline.bytes) == len(timeline.setbacks) <= 240


def test_what_happens_later_stands_later() -> None:
    timeline = Timeline()
    timeline.add_bytes(0.0, 1)
    timeline.add_bytes(10.0, 2)
    assert timeline.bytes[0] == 1
    assert timeline.bytes[int(10.0 / timeline.step_seconds)] == 2


def test_steps_widen_as_the_run_goes_on() -> None:
    timeline = Timeline()
    for second in range(100):
        timeline.add_bytes(second, 1)
    assert timeline.step_seconds == 0.5
    assert timeline.bytes[:5] == [1, 0, 1, 0, 1]
