"""What a failure says, on one line."""

import pytest

from bqsteps import errors
from bqsteps.errors import Failure


@pytest.mark.parametrize(
    ("message", "hint", "line"),
    [
        pytest.param("It failed.", "Do this.", "It failed. Do this.", id="both"),
        pytest.param("It failed.", "", "It failed.", id="no hint"),
        pytest.param("It\nfailed\r\n  badly.", "\tDo\u2028this. ", "It failed badly. Do this.", id="line breaks"),
    ],
)
def test_a_failure_is_one_line(message: str, hint: str, line: str) -> None:
    failure = Failure("refused", message, hint)
    assert failure.kind == "refused"
    assert failure.line == line == str(failure)
    assert len(failure.line.splitlines()) == 1


def test_several_problems_are_one_failure() -> None:
    failure = errors.config(["A is not set", "B is 'x', not a number"], "See --help.")
    assert failure.kind == "config"
    assert failure.message == "A is not set; B is 'x', not a number."
    assert failure.hint == "See --help."
