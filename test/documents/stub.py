"""Stands for a program that a document's example starts and a test does not: checks what it is given, and does nothing.

    python stub.py gcloud services enable bigquery.googleapis.com --project my-project

The flags are those of the references: https://docs.cloud.google.com/sdk/gcloud/reference,
https://docs.cloud.google.com/bigquery/docs/reference/bq-cli-reference,
https://kubernetes.io/docs/reference/kubectl/generated/ and https://docs.docker.com/reference/cli/docker/.
"""

import re
import sys
from collections.abc import Mapping
from pathlib import Path

# Per program: its commands, each with the flags that examples use. A flag that ends with = takes a value.
KNOWN: Mapping[str, Mapping[str, frozenset[str]]] = {
    "gcloud": {
        "auth application-default login": frozenset(),
        "auth application-default print-access-token": frozenset(),
        "container clusters update": frozenset({"--location=", "--project=", "--workload-pool="}),
        "container node-pools update": frozenset({
            "--cluster=", "--location=", "--project=", "--workload-metadata="
        }),
        "iam service-accounts add-iam-policy-binding": frozenset({"--member=", "--project=", "--role="}),
        "iam service-accounts create": frozenset({"--display-name=", "--project="}),
        "iam service-accounts get-iam-policy": frozenset({"--format=", "--project="}),
        "projects add-iam-policy-binding": frozenset({"--condition=", "--member=", "--role="}),
        "services enable": frozenset({"--project="}),
    },
    "kubectl": {
        "annotate serviceaccount": frozenset({"--namespace="}),
        "create serviceaccount": frozenset({"--namespace="}),
        "get serviceaccount": frozenset({"--namespace=", "--output="}),
        "run": frozenset({
            "--command", "--image=", "--namespace=", "--overrides=", "--restart=", "--rm", "--stdin", "--tty"
        }),
    },
    "bq": {
        "mk": frozenset({"--dataset", "--location=", "--table"}),
        "query": frozenset({"--project_id=", "--use_legacy_sql="}),
        "show": frozenset({"--format=", "--schema"}),
        "update": frozenset({"--schema="}),
    },
    "docker": {"build": frozenset({"-f=", "-t="}), "push": frozenset()},
    "git": {"clone": frozenset({"--branch=", "--depth="}), "push": frozenset({"--atomic"})},
    "terraform": {"state rm": frozenset()},
    "make": {"": frozenset()},
}  # fmt: skip


def problem(program: str, arguments: list[str]) -> str | None:
    """What is wrong with a call, in words."""
    if program == "make":
        return _unknown_target(arguments)
    commands = KNOWN[program]
    said = " ".join(argument for argument in arguments if not argument.startswith("-"))
    command = next((command for command in commands if f"{said} ".startswith(f"{command} ")), None)
    if command is None:
        return f"{program} {said}: no such command is known"
    return _wrong_flag(arguments, commands[command])


def _wrong_flag(arguments: list[str], flags: frozenset[str]) -> str | None:
    rest = iter(arguments)
    for argument in rest:
        name, assigned, _ = argument.partition("=")
        if not name.startswith("-") or argument == "--":
            continue
        if f"{name}=" in flags:
            if not assigned and next(rest, "-").startswith("-"):
                return f"{name} has no value"
        elif argument not in flags:
            return f"{argument} is not known"
    return None


def _unknown_target(arguments: list[str]) -> str | None:
    targets = set(re.findall(r"^([a-z-]+):", Path("Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    unknown = [argument for argument in arguments if "=" not in argument and argument not in targets]
    return f"make has no target {unknown[0]}" if unknown else None


if __name__ == "__main__":
    sys.exit(problem(sys.argv[1], sys.argv[2:]))
