"""The guard's chart, and its rules as they stand in its files."""

from __future__ import annotations

from typing import Any, Final

import yaml

from tests.paths import ROOT

GUARD_CHART: Final = ROOT / "charts" / "podtriage-guard"
RULES: Final = GUARD_CHART / "files" / "rules"

Rule = dict[str, list[str]]
Right = tuple[str, str, str]


def rules(*names: str) -> list[Rule]:
    """Return the rules of some files."""
    return [rule for name in names for rule in yaml.safe_load((RULES / f"{name}.yaml").read_text(encoding="utf-8"))]


def observing(backend: str = "flyte-1.16") -> list[Rule]:
    """Return the rules of every namespace in which pods are watched."""
    return rules("observe", f"observe-{backend}")


def acting(backend: str = "flyte-1.16") -> list[Rule]:
    """Return the further rules of namespaces whose mode is enforce."""
    return rules("act", *(["act-flyte-1.16"] if backend == "flyte-1.16" else []))


def granted(many: list[Rule]) -> set[Right]:
    """Return what rules allow, as groups, resources and verbs."""
    return {
        (group, resource, verb)
        for rule in many
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def roles(manifests: list[dict[str, Any]]) -> dict[tuple[str, str], list[Rule]]:
    """Return the rules of each role, by its namespace (empty: a ClusterRole) and name."""
    return {
        (one["metadata"].get("namespace", "") if one["kind"] == "Role" else "", one["metadata"]["name"]): one["rules"]
        for one in manifests
        if one["kind"] in ("Role", "ClusterRole")
    }
