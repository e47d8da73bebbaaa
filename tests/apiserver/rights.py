"""The rights of the users: the chart's role for the connector, none for nobody."""

from __future__ import annotations

from typing import Any

import yaml

from tests.apiserver.api import Api
from tests.paths import ROOT

RULES = ROOT / "charts" / "podtriage-connector" / "files" / "rules.yaml"
"""What the chart's role allows: a list of ``PolicyRule``."""
ROLE = "podtriage-connector"
_GROUP = "rbac.authorization.k8s.io"
_PATH = f"/apis/{_GROUP}/v1"


def chart_rules() -> list[dict[str, Any]]:
    """Return the rules of the chart's role."""
    rules = yaml.safe_load(RULES.read_text(encoding="utf-8"))
    assert isinstance(rules, list) and rules, f"{RULES} is no list of rules"
    return rules


def allow(admin: Api, user: str, rules: list[dict[str, Any]], role: str = ROLE) -> None:
    """Give a user these rights in every namespace, and take those away that the role gave before."""
    made = {"apiVersion": f"{_GROUP}/v1", "kind": "ClusterRole", "metadata": {"name": role}, "rules": rules}
    _put(admin, "clusterroles", made)
    subject = {"kind": "User", "name": user, "apiGroup": _GROUP}
    reference = {"kind": "ClusterRole", "name": role, "apiGroup": _GROUP}
    kind = "ClusterRoleBinding"
    bound = {"apiVersion": f"{_GROUP}/v1", "kind": kind, "metadata": {"name": role}, "roleRef": reference}
    _put(admin, "clusterrolebindings", {**bound, "subjects": [subject]})


def may(admin: Api, user: str, verb: str, resource: str) -> bool:
    """Whether the API server's authorizer lets a user do this in any namespace."""
    attributes = {"verb": verb, "resource": resource.partition("/")[0], "subresource": resource.partition("/")[2]}
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {"user": user, "resourceAttributes": attributes},
    }
    done = admin.post("/apis/authorization.k8s.io/v1/subjectaccessreviews", review)
    return bool(done["status"]["allowed"])


def _put(admin: Api, resource: str, made: dict[str, Any]) -> None:
    path = f"{_PATH}/{resource}/{made['metadata']['name']}"
    if admin.find(path) is None:
        admin.post(f"{_PATH}/{resource}", made)
    else:
        admin.send("PUT", path, made)
