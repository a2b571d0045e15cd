"""Runs the package's commands in children of one process that has imported everything once.

An interpreter that imports Google's client takes a second; a fork of one that has done so takes some milliseconds.
The process has one thread, so that forking it is safe, and each child is to the system what a process of its own is.

    python -m soak.zygote

It takes orders on standard input, a JSON object a line: `{"id", "command", "environ", "folder"}` starts a child,
`{"kill": id}` kills one. For each child that ended it prints a line, `{"id", "code", "peak"}`: a signal's code is
negative, and the peak of its memory is in KiB.
"""

from __future__ import annotations

import gc
import json
import os
import selectors
import signal
import sys
import traceback
from typing import TYPE_CHECKING, Any, NoReturn

from bqsteps import log_command, replay_command, report, table_commands

if TYPE_CHECKING:
    from collections.abc import Callable

CHUNK = 65_536
Order = dict[str, Any]


def _no_progress(_done: int, _total: int) -> None:
    return


COMMANDS: dict[str, Callable[[dict[str, str]], report.Result]] = {
    "ensure-table": lambda environ: table_commands.ensure_table(environ, _no_progress),
    "log-build": log_command.log_build,
    "replay": lambda environ: replay_command.replay(environ, _no_progress),
}


class Zygote:
    """The parent of all children."""

    def __init__(self) -> None:
        self._answers = os.dup(1)
        os.dup2(2, 1)
        self._pids: dict[int, int] = {}  # by the order's id
        self._ids: dict[int, int] = {}
        self._read_end, self._write_end = os.pipe()
        os.set_blocking(self._read_end, False)
        os.set_blocking(self._write_end, False)

    def serve(self) -> None:
        """Obey until standard input ends, and leave no child behind."""
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._write_end)
        selector = selectors.DefaultSelector()
        selector.register(0, selectors.EVENT_READ)
        selector.register(self._read_end, selectors.EVENT_READ)
        rest = b""
        while True:
            ready = {key.fd for key, _ in selector.select()}
            if self._read_end in ready:
                os.read(self._read_end, CHUNK)
            if 0 in ready:
                data = os.read(0, CHUNK)
                if not data:
                    break
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    self._obey(json.loads(line))
            self._reap()
        for pid in self._ids:
            os.kill(pid, signal.SIGKILL)

    def _obey(self, order: Order) -> None:
        if "kill" in order:
            pid = self._pids.get(order["kill"])
            if pid is not None:  # otherwise it has ended by itself
                os.kill(pid, signal.SIGKILL)
            return
        pid = os.fork()
        if not pid:
            self._become(order)
        self._pids[order["id"]], self._ids[pid] = pid, order["id"]

    def _reap(self) -> None:
        while self._ids:
            pid, status, used = os.wait4(-1, os.WNOHANG)
            if not pid:
                return
            number = self._ids.pop(pid)
            del self._pids[number]
            answer = {"id": number, "code": os.waitstatus_to_exitcode(status), "peak": used.ru_maxrss}
            os.write(self._answers, json.dumps(answer).encode() + b"\n")

    def _become(self, order: Order) -> NoReturn:
        """Be the process that was ordered: what a command line would do from here on."""
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for descriptor in (self._answers, self._read_end, self._write_end):
                os.close(descriptor)
            os.chdir(order["folder"])
            for name, descriptor, flags in (
                (os.devnull, 0, os.O_RDONLY),
                ("stdout", 1, os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
                ("stderr", 2, os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
            ):
                os.dup2(os.open(name, flags, 0o644), descriptor)
            os.environ.clear()
            os.environ.update(order["environ"])
            environ = report.environment()
            code = report.run(environ, lambda: COMMANDS[order["command"]](environ))
        except BaseException:  # noqa: BLE001  # as the interpreter does at its end
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)


if __name__ == "__main__":
    zygote = Zygote()
    gc.collect()
    gc.freeze()  # what is there now is not looked at again, and so not copied, by any child
    zygote.serve()
