"""Run the stand-in by hand: python -m stand_in --port 9050."""

from __future__ import annotations

import argparse
import signal
import threading

from stand_in import Limits, StandIn


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m stand_in", description="A BigQuery for tests.")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one (default)")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds that each request takes")
    parser.add_argument("--job-seconds", type=float, default=0.0, help="seconds that each job takes")
    parser.add_argument("--limits", action="store_true", help="enforce BigQuery's rates and quotas")
    parser.add_argument("--no-billing", action="store_true", help="a project in the free tier")
    parser.add_argument("--deny", action="append", default=[], metavar="PERMISSION", help="e.g. bigquery.tables.update")
    return parser.parse_args()


def main() -> None:
    arguments = _arguments()
    stand_in = StandIn(
        port=arguments.port,
        latency=arguments.latency,
        job_seconds=arguments.job_seconds,
        limits=Limits() if arguments.limits else Limits.off(),
        billing=not arguments.no_billing,
        denied=arguments.deny,
    )
    ended = threading.Event()
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, lambda *_: ended.set())
    with stand_in:
        print(f"BIGQUERY_EMULATOR_HOST={stand_in.url}", flush=True)  # noqa: T201  for eval "$(…)" and for tests
        ended.wait()


if __name__ == "__main__":
    main()
