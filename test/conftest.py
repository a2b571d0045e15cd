"""What holds for all tests.

The seed of what is sampled by chance is told at the end of a run, and given by BQSTEPS_SEED to repeat one.
"""

import os
import secrets
import signal

import pytest

# A shell starts what runs in the background deaf to SIGINT. Some tests send that to programs, which would inherit it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Set before pytest starts its workers, which all sample by the same.
SEED = os.environ.setdefault("BQSTEPS_SEED", secrets.token_hex(4))


@pytest.fixture(scope="session")
def seed() -> str:
    return SEED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    terminalreporter.write_line(f"BQSTEPS_SEED={SEED}")
