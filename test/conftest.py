"""The seed of what is sampled by chance: told at the end of a run, and given by BQSTEPS_SEED to repeat one."""

import os
import secrets

import pytest

# Set before pytest starts its workers, which all sample by the same.
SEED = os.environ.setdefault("BQSTEPS_SEED", secrets.token_hex(4))


@pytest.fixture(scope="session")
def seed() -> str:
    return SEED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    terminalreporter.write_line(f"BQSTEPS_SEED={SEED}")
