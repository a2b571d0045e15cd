"""The seed of the sampled matrices: by chance, told at the end of a run, and given by BQSTEPS_SEED to repeat one."""

from __future__ import annotations

import os
import secrets

import pytest

SEED = os.environ.get("BQSTEPS_SEED") or secrets.token_hex(4)


@pytest.fixture(scope="session")
def seed() -> str:
    return SEED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    terminalreporter.write_line(f"test/soak: BQSTEPS_SEED={SEED}")
