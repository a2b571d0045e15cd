"""How the bench judges: a ratio of what was measured, and a goal that is met or not."""

import pytest

from bench.comparisons import Comparison
from bench.measure import Sample, alternate, covered
from bench.plan import QUICK
from bench.results import Goal, Results, own, ratio


@pytest.mark.parametrize(
    ("found", "is_least", "verdict"),
    [
        pytest.param(0.85, False, "pass", id="at most, met"),
        pytest.param(0.86, False, "FAIL", id="at most, missed"),
        pytest.param(0.86, True, "pass", id="at least, met"),
        pytest.param(0.84, True, "FAIL", id="at least, missed"),
        pytest.param(None, False, "not measured", id="not measured"),
    ],
)
def test_a_goal_is_met_or_not(found: float | None, is_least: bool, verdict: str) -> None:  # noqa: FBT001  # a parameter
    assert Goal("a step", 0.85, found, is_least).verdict == verdict


def test_a_share_is_the_median_over_runs_side_by_side() -> None:
    # The medians of each side, 1 and 4, belong to runs that were measured at other times.
    comparison = Comparison("", "", {"ours": _walls(0.5, 1.0, 8.0), "theirs": _walls(1.0, 4.0, 10.0), "none": []})
    assert ratio(comparison, "ours", "theirs") == 0.5
    assert ratio(comparison, "ours", "none") is None
    assert ratio(comparison, "ours", "theirs", own) == 1.0


def _walls(*seconds: float) -> list[Sample]:
    return [Sample(wall, own=2.0) for wall in seconds]


def test_only_waiting_for_the_service_is_not_ones_own_time() -> None:
    assert covered([(1.0, 2.0), (1.5, 3.0), (5.0, 9.0)], end=6.0) == 3.0


def test_a_loop_over_more_repeats_what_lies_between_its_requests() -> None:
    more = Sample(wall=3.0, own=1.0, service=2.5, cpu=1.0, requests=50).times(20)
    assert (more.wall, more.service, more.requests) == (50.5, 50.0, 1000)
    assert more.wall - more.own == 40.0


def test_sides_run_in_turns_each_time_in_the_other_order() -> None:
    order: list[str] = []

    def side(name: str) -> Sample:
        order.append(name)
        return Sample(1.0)

    alternate({name: lambda name=name: side(name) for name in "ab"}, 3)  # type: ignore[misc]
    assert order == ["a", "b", "b", "a", "a", "b"]


def test_results_are_read_as_they_were_written() -> None:
    results = Results("a machine", "2026-01-31", QUICK.is_quick, jenkins={"steps": ["sh"]}, notes=["a note"])
    results.comparisons.append(Comparison("key", "title", {"ours": [Sample(1.0)]}))
    results.goals.append(Goal("a step", 0.85, 0.9))
    results.growth["rows"] = {10: [Sample(1.0)]}
    document = results.as_json()
    assert document["goals"][0]["verdict"] == "FAIL"
    assert Results.from_json(document) == results
