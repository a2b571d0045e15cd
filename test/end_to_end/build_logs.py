"""Makes a build log with rows of one's own in an emulator, over BigQuery's REST API and with nothing of the package."""

from collections.abc import Iterable
from typing import Any

import requests

SECONDS = 60


def fill(address: str, project: str, table: tuple[str, str], schema: Any, rows: Iterable[dict[str, Any]]) -> None:  # noqa: ANN401  # as the API has it
    """Make a dataset and a table, and put rows in it.

    Args:
        address: the emulator's.
        project: the project.
        table: dataset and table.
        schema: the table's schema, as the API has it.
        rows: values as JSON has them.
    """
    base = f"{address}/bigquery/v2/projects/{project}/datasets"
    dataset, name = table
    with requests.Session() as session:
        session.trust_env = False  # no proxy for 127.0.0.1
        session.post(base, json={"datasetReference": {"datasetId": dataset}}, timeout=SECONDS).raise_for_status()
        resource = {"tableReference": {"tableId": name}, "schema": schema}
        session.post(f"{base}/{dataset}/tables", json=resource, timeout=SECONDS).raise_for_status()
        body = {"rows": [{"json": row} for row in rows]}
        if body["rows"]:
            answer = session.post(f"{base}/{dataset}/tables/{name}/insertAll", json=body, timeout=SECONDS)
            answer.raise_for_status()
            assert "insertErrors" not in answer.json(), answer.text
