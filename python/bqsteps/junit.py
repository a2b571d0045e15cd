"""Outcomes of tables as JUnit XML, so that a table that drifts is a failed test. Standard library only."""

import re
from collections.abc import Sequence
from typing import Any
from xml.etree import ElementTree as ET

# What XML 1.0 cannot hold, not even escaped: https://www.w3.org/TR/xml/#charsets
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def document(results: Sequence[dict[str, Any]]) -> bytes:
    """The XML of one result a table, as the result file has them."""
    failures = sum("error" in result for result in results)
    suite = ET.Element("testsuite", name="BigQuery tables", tests=str(len(results)), failures=str(failures))
    for result in results:
        dataset, _, table = _text(result["table"]).rpartition(".")
        case = ET.SubElement(suite, "testcase", classname=dataset, name=table)
        lines = [_line(change) for change in result.get("changes", [])]
        if "error" in result:
            error = result["error"]
            failure = ET.SubElement(case, "failure", type=error["kind"], message=_text(error["message"]))
            failure.text = _text("\n".join([*lines, error["hint"]]))
        else:
            ET.SubElement(case, "system-out").text = _text("\n".join([result["status"], *lines]))
    ET.indent(suite)
    text: bytes = ET.tostring(suite, encoding="utf-8", xml_declaration=True)
    return text + b"\n"


def _line(change: dict[str, Any]) -> str:
    return (
        f"{change['class']} {change['path']}: {change['before']!r} -> {change['after']!r} {change['reason']}".rstrip()
    )


def _text(text: str) -> str:
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)
