"""Hypothesis strategies for pods: shaped like real ones, filled with anything that JSON can hold."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

TIMES = st.one_of(
    st.none(),
    st.sampled_from(
        [
            "0001-01-01T00:00:00Z",
            "2026-03-01T11:55:00Z",
            "2026-03-01T11:59:58Z",
            "2026-03-01T12:30:00Z",
            "2026-03-01T11:00:00.123456789Z",
            "2026-03-01T13:00:00+02:00",
            "9999-12-31T23:59:59Z",
        ]
    ),
)
TEXTS = st.one_of(
    st.none(),
    st.text(max_size=40),
    st.sampled_from(
        [
            "",
            "429 Too Many Requests",
            'Back-off pulling image "nginx"',
            'Back-off pulling image "nginx": ErrImagePull: failed to pull and unpack image "nginx": toomanyrequests: x',
            "rpc error: code = NotFound desc = manifest unknown",
            "OOMKilled",
            "The node was low on resource: memory.",
            "exec format error",
            '[rpc error: code = Unknown desc = "x", rpc error: code = Unknown desc = denied]',
            "(Mirrors also failed: [a: b]): c: d",
            '\x1b[31mred\x1b[0m \\n \\" ::USER::',
        ]
    ),
)
REASONS = st.one_of(
    st.none(),
    st.text(max_size=20),
    st.sampled_from(
        "ErrImagePull ImagePullBackOff ContainerCreating PodInitializing CreateContainerError CreateContainerConfigError"
        " InvalidImageName CrashLoopBackOff RunContainerError ErrImageNeverPull OOMKilled Error Completed StartError"
        " ContainerStatusUnknown Evicted Terminated Shutdown DeadlineExceeded Preempting NodeAffinity OutOfcpu".split()
    ),
)
NAMES = st.one_of(st.none(), st.sampled_from(["main", "sidecar", "init", "429", ""]))
WHOLE = st.one_of(st.none(), st.integers(-300, 300), st.sampled_from([0, 1, 137, 143, 247, 2**31, -(2**40)]))


def _object(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=fields)


def _maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(st.none(), strategy)


STATES = _object(
    waiting=_maybe(_object(reason=REASONS, message=TEXTS)),
    running=_maybe(_object(startedAt=TIMES)),
    terminated=_maybe(
        _object(exitCode=WHOLE, reason=REASONS, message=TEXTS, startedAt=TIMES, finishedAt=TIMES, signal=WHOLE)
    ),
)
CONTAINERS = _object(
    name=NAMES,
    image=TEXTS,
    ready=_maybe(st.booleans()),
    started=_maybe(st.booleans()),
    restartCount=_maybe(st.integers(0, 5)),
    state=_maybe(STATES),
    lastState=_maybe(STATES),
)
CONDITIONS = _object(
    type=_maybe(st.sampled_from(["Ready", "PodScheduled", "DisruptionTarget", "Unschedulable", "Initialized", "?"])),
    status=_maybe(st.sampled_from(["True", "False", "Unknown", ""])),
    reason=st.one_of(
        REASONS,
        st.sampled_from(["PreemptionByScheduler", "DeletionByTaintManager", "TerminationByKubelet", "SchedulingGated"]),
    ),
    message=TEXTS,
    lastTransitionTime=TIMES,
)
PODS = _object(
    apiVersion=st.just("v1"),
    kind=st.just("Pod"),
    metadata=_maybe(
        _object(
            name=NAMES,
            namespace=NAMES,
            uid=_maybe(st.sampled_from(["u1", "u2"])),
            creationTimestamp=TIMES,
            deletionTimestamp=TIMES,
            deletionGracePeriodSeconds=_maybe(st.integers(0, 10**9)),
            annotations=_maybe(_object(primary_container_name=st.sampled_from(["main", "sidecar", "none", ""]))),
        )
    ),
    spec=_maybe(_object(containers=_maybe(st.lists(_object(name=NAMES, image=TEXTS), max_size=3)), nodeName=NAMES)),
    status=_maybe(
        _object(
            phase=_maybe(
                st.sampled_from(["Pending", "Running", "Succeeded", "Failed", "Unknown", "Unschedulable", "", "?"])
            ),
            reason=REASONS,
            message=TEXTS,
            startTime=TIMES,
            conditions=_maybe(st.lists(CONDITIONS, max_size=4)),
            containerStatuses=_maybe(st.lists(CONTAINERS, max_size=3)),
            initContainerStatuses=_maybe(st.lists(CONTAINERS, max_size=2)),
            ephemeralContainerStatuses=_maybe(st.lists(CONTAINERS, max_size=1)),
        )
    ),
)
EVENTS = st.lists(
    _object(
        reason=st.one_of(
            REASONS,
            st.sampled_from(
                ["Failed", "BackOff", "Pulling", "Pulled", "FailedMount", "FailedCreatePodSandBox", "FailedScheduling"]
            ),
        ),
        message=st.one_of(TEXTS, st.just('Failed to pull image "nginx": 429 Too Many Requests')),
        firstTimestamp=TIMES,
        lastTimestamp=TIMES,
        eventTime=TIMES,
        count=_maybe(st.integers(0, 100)),
        involvedObject=_maybe(
            _object(
                uid=_maybe(st.sampled_from(["u1", "u2"])), fieldPath=st.sampled_from(["", "spec.containers{main}", "x"])
            )
        ),
    ),
    max_size=4,
)
ANYTHING = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=10)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.one_of(
                st.text(max_size=8),
                st.sampled_from(["kind", "status", "metadata", "spec", "phase", "containerStatuses"]),
            ),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=12,
)
