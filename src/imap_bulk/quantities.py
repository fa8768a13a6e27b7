"""Sizes, times and counts as people read them; sizes in decimal units."""


def size(count: float) -> str:
    """Say a number of bytes: `999 B`, `1.2 kB`, `353 MB`."""
    if count < 1000:
        return f"{count:.0f} B"
    count /= 1000
    units = ["TB", "GB", "MB", "kB"]
    while count >= 999.5 and len(units) > 1:
        count /= 1000
        units.pop()
    unit = units[-1]
    return f"{count:.1f} {unit}" if count < 9.95 else f"{count:.0f} {unit}"


def duration(seconds: float) -> str:
    """Say a time: `31 ms`, `3.4 s`, `2 min 5 s`, `1 h 2 min`."""
    if seconds < 0.0995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def files(count: int) -> str:
    """Say a number of files."""
    return "1 file" if count == 1 else f"{count} files"
