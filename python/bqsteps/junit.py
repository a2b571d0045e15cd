"""Outcomes of tables as JUnit XML, so that a table that drifts is a failed test. Standard library only."""

import json
import re
from collections.abc import Iterator
from typing import Any, Final
from xml.etree import ElementTree as ET

from bqsteps.shelf import Shelf

# What XML 1.0 cannot hold, not even escaped: https://www.w3.org/TR/xml/#charsets
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


HEAD: Final = b"<?xml version='1.0' encoding='utf-8'?>\n<testsuite name=\"BigQuery tables\" "
"""How each of these documents begins."""


def document(results: Shelf) -> Iterator[bytes]:
    """The XML of one result a table, as the result file has them, table by table."""
    failures = sum("error" in result for result in results.values())
    yield HEAD + f'tests="{len(results)}" failures="{failures}">\n'.encode()
    for result in results.values():
        yield ET.tostring(_case(result), encoding="utf-8") + b"\n"
    yield b"</testsuite>\n"


def _case(result: dict[str, Any]) -> ET.Element:
    dataset, _, table = _text(result["table"]).rpartition(".")
    case = ET.Element("testcase", classname=dataset, name=table)
    lines = [_line(change) for change in result.get("changes", [])]
    if "error" in result:
        error = result["error"]
        failure = ET.SubElement(case, "failure", type=error["kind"], message=_text(error["message"]))
        failure.text = _text("\n".join([*lines, error["hint"]]))
    else:
        ET.SubElement(case, "system-out").text = _text("\n".join([result["status"], *lines]))
    return case


def _line(change: dict[str, Any]) -> str:
    before, after = (json.dumps(change[key], ensure_ascii=False) for key in ("before", "after"))
    return f"{change['class']} {change['path']}: {before} -> {after} {change['reason']}".rstrip()


def _text(text: str) -> str:
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)
