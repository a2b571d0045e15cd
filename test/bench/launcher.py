"""Starts the programs that are measured, from a small process of its own.

Linux counts the memory of whoever starts a program towards that program's peak, and the bench itself holds a service
with all its rows. Each line on stdin is a JSON object with argv, cwd, env and log; each line on stdout tells how it
went. Standard library only, and little of that.
"""

import json
import os
import subprocess
import sys
import time


def main() -> None:
    for line in sys.stdin:
        asked = json.loads(line)
        with open(asked["log"], "wb") as log:  # noqa: PTH123  pathlib would be a third of this process' memory
            start = time.monotonic()
            process = subprocess.Popen(  # the pid is waited for below, for its usage
                asked["argv"], cwd=asked["cwd"], env=asked["env"], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
            _, status, usage = os.wait4(process.pid, 0)
            end = time.monotonic()
        process.returncode = os.waitstatus_to_exitcode(status)
        told = {
            "code": process.returncode,
            "start": start,
            "end": end,
            "cpu": usage.ru_utime + usage.ru_stime,
            "peak": usage.ru_maxrss,
        }
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
