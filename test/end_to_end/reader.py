"""Reads tables back over BigQuery's REST API, with nothing of the package: what is there is what this sees."""

from typing import Any

import requests

SECONDS = 60


class Reader:
    """A reader of one project of an emulator.

    Args:
        address: the emulator's.
        project: the project.
    """

    def __init__(self, address: str, project: str) -> None:
        self._base = f"{address}/bigquery/v2/projects/{project}"
        self._session = requests.Session()
        self._session.trust_env = False  # no proxy for 127.0.0.1

    def datasets(self) -> list[str]:
        """The names of the datasets."""
        return [item["datasetReference"]["datasetId"] for item in self._list("datasets")]

    def tables(self, dataset: str) -> list[str]:
        """The names of a dataset's tables."""
        return [item["tableReference"]["tableId"] for item in self._list(f"datasets/{dataset}/tables")]

    def _list(self, path: str) -> list[dict[str, Any]]:
        answer = self._session.get(f"{self._base}/{path}", timeout=SECONDS)
        answer.raise_for_status()
        items: list[dict[str, Any]] = answer.json().get(path.rpartition("/")[2], [])
        return items

    def table(self, dataset: str, table: str) -> dict[str, Any] | None:
        """The Table resource, or None."""
        answer = self._session.get(f"{self._base}/datasets/{dataset}/tables/{table}", timeout=SECONDS)
        if answer.status_code == requests.codes.not_found:
            return None
        answer.raise_for_status()
        resource: dict[str, Any] = answer.json()
        return resource

    def query(self, sql: str) -> list[dict[str, Any]]:
        """The rows that a query gives (DML gives none), values as the API spells them: text, lists of it, or None."""
        body = {"query": sql, "useLegacySql": False, "timeoutMs": SECONDS * 1000}
        answer = self._session.post(f"{self._base}/queries", json=body, timeout=SECONDS)
        answer.raise_for_status()
        result = answer.json()
        names = [field["name"] for field in result.get("schema", {}).get("fields", [])]
        return [dict(zip(names, map(_value, row["f"]), strict=True)) for row in result.get("rows", [])]


def _value(cell: dict[str, Any]) -> Any:  # noqa: ANN401  # as the API has it
    value = cell["v"]
    return [item["v"] for item in value] if isinstance(value, list) else value
