"""What a process in a Kubernetes pod knows of that pod. Standard library only."""

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

# Beside the token of every pod that has one: https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/
NAMESPACE: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


def completed(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment with POD_NAME and POD_NAMESPACE, if they are not in it and are known for certain.

    A container's host name is its pod's name, unless that is long or the pod says otherwise. Jenkins' kubernetes plugin
    names an agent after its pod, so that the two are the pod's name where they agree.
    """
    if not environ.get("KUBERNETES_SERVICE_HOST"):
        return dict(environ)
    known = {}
    if environ.get("HOSTNAME") == environ.get("NODE_NAME"):
        known["POD_NAME"] = environ.get("HOSTNAME", "")
    with contextlib.suppress(OSError, UnicodeDecodeError):
        known["POD_NAMESPACE"] = NAMESPACE.read_text(encoding="ascii").strip()
    return known | {name: value for name, value in environ.items() if value}
