"""Flyte's resources, as far as the API server has to know them: it takes whatever there is in them."""

from __future__ import annotations

import time

from tests.apiserver.api import Api, Object

_CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def crd(group: str, version: str, kind: str, plural: str) -> Object:
    """Return a definition that takes whatever there is in the resource."""
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"kind": kind, "listKind": f"{kind}List", "plural": plural, "singular": kind.lower()},
            "versions": [
                {"name": version, "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}},
            ],
        },
    }


def define(admin: Api) -> None:
    """Define FlyteWorkflow and TaskAction, and wait until they are served."""
    definitions = [
        crd("flyte.lyft.com", "v1alpha1", "FlyteWorkflow", "flyteworkflows"),
        crd("flyte.org", "v1", "TaskAction", "taskactions"),
    ]
    for definition in definitions:
        admin.post(_CRDS, definition)
    until = time.monotonic() + 30
    for definition in definitions:
        path = f"{_CRDS}/{definition['metadata']['name']}"
        while not any(
            each["type"] == "Established" and each["status"] == "True"
            for each in admin.get(path).get("status", {}).get("conditions") or ()
        ):
            assert time.monotonic() < until, "the definitions are not established"
            time.sleep(0.02)
