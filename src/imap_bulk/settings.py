"""Settings: how a run behaves. Frozen values with the unit in the name; nothing here reads the environment."""

from dataclasses import dataclass

MIB = 1 << 20

_COUNTS = {"jobs": 1, "retries": 0, "chunk_bytes": 1, "streams": 1, "jobs_start": 1, "breaker_failures": 1}
"""The least of each."""
_POSITIVE = ("connect_timeout", "idle_timeout", "limit_rate", "limit_requests", "floor_window")
_TRANSPORTS = ("auto", "lean", "aiohttp")


@dataclass(frozen=True, slots=True)
class Settings:
    """How a run behaves; times in seconds. Raises ValueError for what no run could go by."""

    jobs: int = 8
    """Transfers in flight at once. Archives complained about clients that open sixty connections."""

    retries: int = 5
    """Attempts after the first, for each transfer, as long as the fault is a passing one."""

    connect_timeout: float = 15.0
    """Longest wait for a connection."""

    idle_timeout: float = 30.0
    """Longest silence inside a body. There is no limit on the whole: large files on slow links are healthy."""

    wait_base: float = 0.5
    """Upper bound of the first random wait; doubles with every attempt (full jitter). Tests take it to zero."""

    wait_max: float = 30.0
    """Upper bound of any wait that is ours to choose."""

    retry_after_max: float = 300.0
    """Longest Retry-After that is heeded at a time; then the host is asked again, up to `outage_max`."""

    chunk_bytes: int = MIB
    """How much is hashed and written in one thread hop; smaller bodies are handled on the event loop."""

    parallel_bytes: int = 64 * MIB
    """From how many missing bytes on a file may be fetched through several streams."""

    parallel_latency: float = 0.01
    """Seconds that an answer takes from which on it is; where answers come sooner, one stream is as fast."""

    streams: int = 16
    """Streams of one file that is fetched so, as `jobs` and memory allow: one alone waits for its window."""

    overwrite: bool = False
    """Move also what is already there and right."""

    require_verified: bool = False
    """Fail a transfer that nothing but its size could confirm."""

    fsync: bool = True
    """Have the disk confirm each file before it gets its final name."""

    jobs_start: int = 4
    """Requests in flight at first to each host; `jobs` is the ceiling."""

    breaker_failures: int = 5
    """Failures of a host in a row, after which one request at a time asks if it is down, or only files are."""

    breaker_wait_max: float = 30.0
    """Longest pause between two such requests."""

    outage_max: float = 600.0
    """How long a run waits for a host that is down."""

    limit_rate: float | None = None
    """Bytes per second of the whole run, both ways; None for as many as there are."""

    limit_requests: float | None = None
    """Requests per second of the whole run, to all hosts; None for as many as there are."""

    floor_bytes_per_second: float = 1024.0
    """Goodput below which a connection is given up for a better one."""

    floor_window: float = 30.0
    """Time over which that goodput is measured, and that each connection is granted at first."""

    transport: str = "auto"
    """The lane that requests take: `lean`, `aiohttp`, or `auto`, which is lean wherever no proxy is in between."""

    processes: int = 0
    """Processes that share the work; 0 for as many as pay: several where the processor is the limit."""

    memory_bytes: int = 256 * MIB
    """Bytes of bodies that all streams together may hold in memory."""

    def __post_init__(self) -> None:
        for name, least in _COUNTS.items():
            count = getattr(self, name)
            if not isinstance(count, int) or count < least:
                raise ValueError(f"{name} is {count!r}; give a whole number from {least} on")
        for name in _POSITIVE:
            number = getattr(self, name)
            is_left_out = number is None and name.startswith("limit_")
            if not is_left_out and not (isinstance(number, (int, float)) and number > 0):
                raise ValueError(f"{name} is {number!r}; give a number above 0")
        if self.transport not in _TRANSPORTS:
            raise ValueError(f"transport is {self.transport!r}; give one of {', '.join(_TRANSPORTS)}")
