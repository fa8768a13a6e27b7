"""What a person might do otherwise next time, told by how a run went."""

from collections import Counter
from collections.abc import Iterable

from imap_bulk.model import Pacing, Result
from imap_bulk.settings import MIB, Settings

_LONG_SECONDS = 20.0
_SMALL_BYTES = MIB
_FAR_DIGITS = 6
"""Binary digits of 32 ms: what takes as long, waits more than it works."""
_GROWTH = 4
_MOST_ADVISED = 32
"""Archives complained about clients that opened sixty connections."""


def more_jobs(result: Result, pacings: Iterable[Pacing], settings: Settings) -> str | None:
    """Say that more requests at once may be faster, if small files took long and `--jobs` was the limit.

    Over 80 ms, 16 requests at once brought 171 files of 16 KiB a second, 64 brought 512. Whoever limits a run by
    the second knows why; and a host that got fewer most of the time was found to give no more.
    """
    jobs = min(_GROWTH * settings.jobs, _MOST_ADVISED)
    is_limited = settings.limit_rate or settings.limit_requests
    if is_limited or jobs <= settings.jobs or result.seconds < _LONG_SECONDS or not result.done:
        return None
    if result.bytes > _SMALL_BYTES * result.done:
        return None
    if not any(_waits(each) and _usual_limit(each, result.seconds) == settings.jobs for each in pacings):
        return None
    return f"most requests took their time, and {settings.jobs} at once were the limit; try --jobs {jobs}"


def _waits(pacing: Pacing) -> bool:
    """Tell whether most requests took long."""
    long = sum(count for digits, count in pacing.durations.items() if digits >= _FAR_DIGITS)
    return 2 * long > sum(pacing.durations.values())


def _usual_limit(pacing: Pacing, seconds: float) -> int:
    """Tell how many requests at once a host got for most of a run."""
    held: Counter[int] = Counter()
    until = pacing.changes[0][0] + seconds
    for at, limit, _ in reversed(pacing.changes):
        held[limit] += int(1000 * (until - at))
        until = at
    return held.most_common(1)[0][0]
