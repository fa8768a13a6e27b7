"""The stop-watch, as a process of its own: a child starts with the peak memory of what forked it.

python -I -S timed.py RESULT COMMAND...   runs the command, and writes its wall, CPU and memory to RESULT
"""

import json
import os
import sys
import time


def main(result: str, command: list[str]) -> None:
    started = time.perf_counter()
    process = os.posix_spawnp(command[0], command, os.environ)
    _, status, usage = os.wait4(process, 0)
    figures = {
        "wall": time.perf_counter() - started,
        "user": usage.ru_utime,
        "sys": usage.ru_stime,
        "rss_mib": usage.ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10),
        "exit": os.waitstatus_to_exitcode(status),
    }
    with open(result, "w", encoding="utf-8") as file:  # noqa: PTH123  importing pathlib would be memory of ours
        json.dump(figures, file)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
