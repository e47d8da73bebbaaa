"""Pods to measure with: as large as Flyte's, waiting in ImagePullBackOff, no two alike."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime, timedelta, timezone
from typing import Any

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=timezone.utc)


def rate_limited_pod(number: int, size: int) -> bytes:
    """Return a rate-limited Flyte pod in ImagePullBackOff, as JSON of about ``size`` bytes.

    Uid, names, tag, digest and times depend on the number. Environment variables and managedFields fill it up, as they
    do in real pods.
    """
    mark = hashlib.sha256(f"{number}/{size}".encode()).hexdigest()
    execution = f"a{mark[:19]}"
    name = f"{execution}-n0-0"
    tag, digest = f"v{number % 97}.{number % 89}", f"sha256:{mark}"
    image = f"docker.io/acme/train-{mark[:6]}:{tag}"
    created = NOW - timedelta(seconds=200 + number % 600)
    stamp = created.strftime("%Y-%m-%dT%H:%M:%SZ")
    message = (
        f'Back-off pulling image "{image}": ErrImagePull: failed to pull and unpack image "{image}": failed to copy: '
        f"httpReadSeeker: failed open: unexpected status code https://registry-1.docker.io/v2/acme/train-{mark[:6]}/"
        f"manifests/{digest}: 429 Too Many Requests - Server message: toomanyrequests: You have reached your pull rate "
        "limit. You may increase the limit by authenticating and upgrading: https://www.docker.com/increase-rate-limit"
    )

    def condition(kind: str, status: str, **more: str) -> dict[str, Any]:
        return {"type": kind, "status": status, "lastProbeTime": None, "lastTransitionTime": stamp, **more}

    unready = {"reason": "ContainersNotReady", "message": f"containers with unready status: [{name}]"}
    pod: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": "flytesnacks-development",
            "uid": f"{mark[:8]}-{mark[8:12]}-4{mark[13:16]}-8{mark[17:20]}-{mark[20:32]}",
            "resourceVersion": str(10_000_000 + number),
            "creationTimestamp": stamp,
            "labels": {
                "domain": "development",
                "execution-id": execution,
                "interruptible": "false",
                "node-id": "n0",
                "project": "flytesnacks",
                "shard-key": str(number % 30),
                "task-name": "workflows-train",
                "workflow-name": "workflows-wf",
            },
            "annotations": {"cluster-autoscaler.kubernetes.io/safe-to-evict": "false", "primary_container_name": name},
            "ownerReferences": [
                {
                    "apiVersion": "flyte.lyft.com/v1alpha1",
                    "kind": "flyteworkflow",
                    "name": execution,
                    "controller": True,
                }
            ],
            "finalizers": ["flyte.org/finalizer-k8s"],
            "managedFields": [],
        },
        "spec": {
            "containers": [
                {
                    "name": name,
                    "image": image,
                    "args": ["pyflyte-fast-execute", "--additional-distribution", f"s3://bucket/{mark}", "--", "run"],
                    "env": [{"name": "FLYTE_INTERNAL_EXECUTION_ID", "value": execution}],
                    "resources": {"limits": {"cpu": "2", "memory": "4Gi"}, "requests": {"cpu": "2", "memory": "4Gi"}},
                    "terminationMessagePolicy": "FallbackToLogsOnError",
                    "imagePullPolicy": "IfNotPresent",
                }
            ],
            "restartPolicy": "Never",
            "nodeName": f"ip-10-0-{number % 250}-7.ec2.internal",
            "serviceAccountName": "default",
            "tolerations": [
                {
                    "key": "node.kubernetes.io/not-ready",
                    "operator": "Exists",
                    "effect": "NoExecute",
                    "tolerationSeconds": 300,
                }
            ],
        },
        "status": {
            "phase": "Pending",
            "conditions": [
                condition("PodReadyToStartContainers", "True"),
                condition("Initialized", "True"),
                condition("Ready", "False", **unready),
                condition("ContainersReady", "False", **unready),
                condition("PodScheduled", "True"),
            ],
            "hostIP": "10.0.12.7",
            "podIP": "10.0.12.91",
            "startTime": stamp,
            "containerStatuses": [
                {
                    "name": name,
                    "state": {"waiting": {"reason": "ImagePullBackOff", "message": message}},
                    "lastState": {},
                    "ready": False,
                    "restartCount": 0,
                    "image": image,
                    "imageID": "",
                    "started": False,
                }
            ],
            "qosClass": "Guaranteed",
        },
    }
    env = pod["spec"]["containers"][0]["env"]
    fields = pod["metadata"]["managedFields"]
    while len(text := json.dumps(pod, separators=(",", ":"))) < size - 120:
        index = len(env)
        env.append({"name": f"FLYTE_SETTING_{index}", "value": f"{mark[index % 40 : index % 40 + 12]}"})
        if index % 4 == 0:
            keys: dict[str, Any] = {f'k:{{"name":"FLYTE_SETTING_{index}"}}': {".": {}, "f:name": {}, "f:value": {}}}
            fields.append(
                {
                    "manager": "flytepropeller",
                    "operation": "Update",
                    "apiVersion": "v1",
                    "time": stamp,
                    "fieldsType": "FieldsV1",
                    "fieldsV1": {"f:spec": {"f:containers": keys}},
                }
            )
    return text.encode()
