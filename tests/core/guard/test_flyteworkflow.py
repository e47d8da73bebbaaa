"""What a FlyteWorkflow says of a pod's task."""

from __future__ import annotations

import copy
import json
import time
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.core.accounting import Counters, Limits
from flytekitplugins_podtriage.core.guard.flyteworkflow import retries_by_label, task_record
from flytekitplugins_podtriage.core.guard.pod_names import propeller_pod_name, unique_node_id
from flytekitplugins_podtriage.core.guard.values import TaskRecord
from tests.recordings import rows

LIMITS = Limits(retries=7, max_system_failures=5)
RECORDED = rows("flyteworkflow.jsonl")[0]
"""A workflow as FlytePropeller's own types are written as JSON, and the pods of its nodes as its own code names them."""
EXECUTION: str = RECORDED["workflow"]["metadata"]["name"]
SUB = 'resource_type:WORKFLOW name:"sub"'


def pod(name: str | None, node: str | None = "n0") -> wire.Pod:
    return wire.Pod(metadata=wire.Metadata(name=name, labels=None if node is None else {"node-id": node}))


def record(workflow: object, name: str, node: str | None = "n0", limits: Limits = LIMITS) -> TaskRecord:
    answer = task_record(json.dumps(workflow).encode(), pod(name, node), limits)
    assert isinstance(answer, TaskRecord), answer
    return answer


def problem(workflow: object, name: str | None, node: str | None = "n0") -> str:
    resource = workflow if isinstance(workflow, bytes) else json.dumps(workflow).encode()
    answer = task_record(resource, pod(name, node), LIMITS)
    assert isinstance(answer, str), answer
    return answer


def one_node(status: dict[str, Any] | None = None, *, spec: object = None, **more: Any) -> dict[str, Any]:
    """Return a workflow of one node ``n0``."""
    return {
        "metadata": {"name": "f1", "uid": "u1"},
        "workflowMeta": {"eventVersion": 2},
        "spec": {"nodes": {"n0": {"kind": "task", "retry": {"minAttempts": 4}} if spec is None else spec}},
        "status": {"phase": 1, "nodeStatus": {"n0": {"phase": 2} if status is None else status}},
        **more,
    }


# Whose record it is


@pytest.mark.parametrize("row", RECORDED["pods"], ids=lambda row: row["pod"])
@pytest.mark.parametrize("labelled", [True, False])
def test_each_pod_has_the_record_of_its_own_node(row: dict[str, Any], labelled: bool) -> None:
    answer = record(RECORDED["workflow"], row["pod"], row["label"] if labelled else None)
    least = row["min_attempts"]
    assert (answer.execution, answer.uid, answer.attempt) == (EXECUTION, "0a1b", row["attempts"])
    assert answer.counters == Counters(row["attempts"], row["system_failures"])
    assert answer.pod_names == {row["pod"]}
    assert answer.retries_known == (least is not None)
    assert answer.limits == attrs.evolve(LIMITS, retries=7 if least is None else least - 1)
    assert not answer.over


@pytest.mark.parametrize("row", RECORDED["pods"], ids=lambda row: row["pod"])
def test_a_pod_of_an_earlier_attempt_is_not_that_of_the_attempt_that_runs(row: dict[str, Any]) -> None:
    if row["attempts"] > 0:
        earlier = row["pod"][: -len(str(row["attempts"]))] + str(row["attempts"] - 1)
        answer = record(RECORDED["workflow"], earlier, row["label"])
        assert answer.attempt == row["attempts"]
        assert earlier not in answer.pod_names


@pytest.mark.parametrize(
    ("name", "node"),
    [
        (f"{EXECUTION}-n0-4", "n0"),  # not begun yet
        (f"{EXECUTION}-n9-0", "n9"),
        (f"{EXECUTION}-n0-3", "n1"),  # another node's label
        (f"{EXECUTION}-n2-0-n0-0", "n0"),  # of an earlier attempt of the subworkflow
        (f"{EXECUTION}-n3-n0-1", "n3-n0"),  # as if it stood outside its branch
        (f"{EXECUTION}-n4-0-dynamic-node-0-dn0-1", "dn0"),
        (f"{EXECUTION}-n5-0-n5-0", "n5"),  # beyond the elements of the map
        (f"{EXECUTION}-n5-0-n01-7", "n01"),
        (f"{EXECUTION}-n5-0", "n5"),  # a map has no pod of its own
        (f"{EXECUTION}-n1-0", "n1"),
        (f"{EXECUTION}-n0-03", "n0"),
        ("other-n0-3", "n0"),
    ],
)
def test_a_pod_that_no_node_would_have_has_no_record(name: str, node: str) -> None:
    assert problem(RECORDED["workflow"], name, node).startswith(f"no node of FlyteWorkflow {EXECUTION}")


def test_two_nodes_that_would_have_the_same_pod_are_told_apart_by_the_label_only() -> None:
    workflow = copy.deepcopy(RECORDED["workflow"])
    workflow["spec"]["nodes"]["n1-0-n0"] = {"kind": "task", "retry": {"minAttempts": 9}}
    workflow["status"]["nodeStatus"]["n1-0-n0"] = {"phase": 2, "attempts": 2}
    name = f"{EXECUTION}-n1-0-n0-2"
    assert record(workflow, name, "n1-0-n0").limits.retries == 8
    assert record(workflow, name, "n0").limits.retries == 2
    assert problem(workflow, name, None).startswith("several nodes of")


def test_long_names_are_hashed() -> None:
    deep: dict[str, Any] = {"n7": {"phase": 2, "attempts": 4, "systemFailures": 1}}
    parent: tuple[str, int] | None = None
    for attempt in range(5):
        parent = unique_node_id(parent, "n1"), attempt
    for attempt in reversed(range(5)):
        deep = {"n1": {"phase": 2, "attempts": attempt, "subNodeStatus": deep}}
    workflow = one_node()
    workflow["status"]["nodeStatus"] = deep
    name = propeller_pod_name("f1", unique_node_id(parent, "n7"), 4)
    answer = record(workflow, name, "n7")
    assert len(name.split("-")[1]) == 8
    assert (answer.counters, answer.retries_known) == (Counters(4, 1), False)


def test_without_an_event_version_the_nodes_of_subworkflows_collide() -> None:
    workflow = copy.deepcopy(RECORDED["workflow"])
    workflow["workflowMeta"] = {}
    assert record(workflow, f"{EXECUTION}-n0-3").counters == Counters(3, 1)
    workflow["status"]["nodeStatus"]["n1"]["subNodeStatus"]["n0"]["attempts"] = 3
    assert problem(workflow, f"{EXECUTION}-n0-3").startswith("several nodes of")


# Its limits


@pytest.mark.parametrize(
    ("spec", "retries", "known", "default"),
    [
        ({"kind": "task", "retry": {"minAttempts": 4}}, 3, True, 2),
        ({"kind": "task", "retry": {"minAttempts": 1}}, 0, True, 2),
        ({"kind": "task", "retry": {"minAttempts": None}}, 0, True, 2),
        ({"kind": "task"}, 0, True, 2),
        ({"kind": "task", "retry": {"minAttempts": 0}}, 0, True, 1),
        ({"kind": "task", "retry": {"minAttempts": -1}}, 7, False, 2),
        ({"kind": None}, 0, True, 2),
    ],
)
def test_the_retries_are_those_of_the_node(spec: object, retries: int, known: bool, default: int) -> None:
    limits = Limits(retries=7, default_max_attempts=2, interruptible=True, ignore_retry_cause=True)
    answer = record(one_node(spec=spec), "f1-n0-0", limits=limits)
    assert answer.retries_known is known
    assert answer.limits == attrs.evolve(limits, retries=retries, default_max_attempts=default)


def test_an_offloaded_closure_has_no_retries() -> None:
    workflow = one_node(workflowClosureReference="s3://b/closure.pb")
    workflow["spec"] = None
    answer = record(workflow, "f1-n0-0")
    assert (answer.retries_known, answer.limits, answer.over) == (False, LIMITS, False)


@pytest.mark.parametrize(
    ("body", "retries"),
    [
        ({"spec": {"nodes": {"n0": {"retry": {"minAttempts": 3}}}}}, 2),
        ({"spec": {"nodes": {"n0": {"array": {"SubNodeSpec": {"retry": {"minAttempts": 6}}}}}}}, 5),
        (
            {"spec": {"nodes": {"n0": {}}}, "subWorkflows": {"w": {"nodes": {"n0": {"retry": {"minAttempts": 2}}}}}},
            None,
        ),
        ({"spec": {"nodes": {"n0": None}}}, None),
        ({"spec": None, "subWorkflows": {"w": None}}, None),
        ({"spec": 1}, None),
    ],
)
def test_retries_by_the_local_id_alone(body: object, retries: int | None) -> None:
    assert retries_by_label(json.dumps(body).encode(), "n0") == retries


# Whether it is over, or between two writes


@pytest.mark.parametrize(
    ("phase", "over", "unsettled"),
    [
        (0, False, True),
        (1, False, False),
        (2, False, False),
        (3, True, False),
        (4, True, False),
        (5, True, False),
        (6, True, False),
        (7, True, False),
        (8, False, True),
        (9, True, False),
        (10, True, False),
        (11, True, False),
        (12, True, False),
        (13, False, True),
        (-1, False, True),
    ],
)
def test_the_phase_of_the_node(phase: int, over: bool, unsettled: bool) -> None:
    answer = record(one_node({"phase": phase, "attempts": 1, "systemFailures": 1}), "f1-n0-1")
    assert (answer.over, answer.unsettled) == (over, unsettled)


@pytest.mark.parametrize(
    ("attempts", "failures", "unsettled"), [(2, 2, False), (2, 3, True), (0, 1, True), (3, 1, False)]
)
def test_system_failures_grow_one_round_before_attempts(attempts: int, failures: int, unsettled: bool) -> None:
    status = {"phase": 2, "attempts": attempts, "systemFailures": failures}
    assert record(one_node(status), f"f1-n0-{attempts}").unsettled is unsettled


@pytest.mark.parametrize("phase", range(9))
def test_the_phase_of_the_workflow(phase: int) -> None:
    workflow = one_node()
    workflow["status"]["phase"] = phase
    assert record(workflow, "f1-n0-0").over is (phase > 1)


@pytest.mark.parametrize(
    ("metadata", "over"),
    [
        ({}, False),
        ({"labels": {"termination-status": "terminated"}}, True),
        ({"labels": {"termination-status": ""}}, False),
        ({"deletionTimestamp": "2026-10-01T12:00:00Z"}, True),
    ],
)
def test_a_workflow_that_has_ended_or_is_deleted(metadata: dict[str, Any], over: bool) -> None:
    workflow = one_node()
    workflow["metadata"].update(metadata)
    assert record(workflow, "f1-n0-0").over is over


@pytest.mark.parametrize(
    ("workflow_phase", "failure_over", "other_over"), [(1, True, False), (4, True, True), (7, False, True)]
)
def test_while_a_failure_node_runs_only_it_can_be_retried(
    workflow_phase: int, failure_over: bool, other_over: bool
) -> None:
    workflow = copy.deepcopy(RECORDED["workflow"])
    workflow["status"]["phase"] = workflow_phase
    workflow["status"]["nodeStatus"]["efn0"] = {"phase": 2}
    failure = record(workflow, f"{EXECUTION}-efn0-0", "efn0")
    assert (failure.over, failure.limits.retries) == (failure_over, 1)
    assert record(workflow, f"{EXECUTION}-n0-3").over is other_over
    assert record(workflow, f"{EXECUTION}-n1-0-n0-2").over is other_over


def test_the_failure_node_of_a_subworkflow_runs_while_that_fails() -> None:
    workflow = copy.deepcopy(RECORDED["workflow"])
    workflow["subWorkflows"][SUB]["onFailure"] = {"id": "fn0", "kind": "task", "retry": {"minAttempts": 3}}
    outer = workflow["status"]["nodeStatus"]["n1"]
    outer["workflowNodeStatus"]["phase"] = 2
    outer["subNodeStatus"]["fn0"] = {"phase": 2}
    failure = record(workflow, f"{EXECUTION}-n1-0-fn0-0", "fn0")
    assert (failure.over, failure.limits.retries) == (False, 2)
    assert record(workflow, f"{EXECUTION}-n1-0-n0-2").over
    assert not record(workflow, f"{EXECUTION}-n2-1-n0-0").over


@pytest.mark.parametrize(
    ("node", "change", "name", "label"),
    [
        ("n1", {"phase": 8}, "n1-0-n0-2", "n0"),
        ("n1", {"phase": 3}, "n1-0-n0-2", "n0"),
        ("n1", {"phase": 9}, "n1-0-n1-0-n1-1", "n1"),
        ("n3", {"phase": 3}, "n3-0-n3-n0-1", "n3-n0"),
        ("n4", {"phase": 8}, "n4-0-dn0-1", "dn0"),
        ("n4", {"dynamicNodeStatus": {"phase": 2}}, "n4-0-dn0-1", "dn0"),
        ("n4", {"dynamicNodeStatus": {"phase": 2}}, "n4-0-dn1-0-n2-3", "n2"),
        ("n5", {"phase": 4}, "n5-0-n1-7", "n1"),
    ],
)
def test_what_fails_or_starts_over_takes_what_is_inside_with_it(
    node: str, change: dict[str, Any], name: str, label: str
) -> None:
    workflow = copy.deepcopy(RECORDED["workflow"])
    assert not record(workflow, f"{EXECUTION}-{name}", label).over
    workflow["status"]["nodeStatus"][node].update(change)
    assert record(workflow, f"{EXECUTION}-{name}", label).over


@pytest.mark.parametrize(("phase", "over"), [(0, True), (1, False), (2, True), (3, True)])
def test_the_phase_of_a_map(phase: int, over: bool) -> None:
    workflow = copy.deepcopy(RECORDED["workflow"])
    workflow["status"]["nodeStatus"]["n5"]["arrayNodeStatus"]["phase"] = phase
    assert record(workflow, f"{EXECUTION}-n5-0-n1-7", "n1").over is over


def test_an_element_that_has_just_failed_is_unsettled() -> None:
    assert record(RECORDED["workflow"], f"{EXECUTION}-n5-0-n3-1", "n3").unsettled
    assert not record(RECORDED["workflow"], f"{EXECUTION}-n5-0-n1-7", "n1").unsettled


def test_the_own_pod_of_a_dynamic_task_is_done_once_its_nodes_run() -> None:
    workflow = copy.deepcopy(RECORDED["workflow"])
    assert record(workflow, f"{EXECUTION}-n4-0", "n4").over
    workflow["status"]["nodeStatus"]["n4"] = {"phase": 2, "dynamicNodeStatus": {}}
    assert not record(workflow, f"{EXECUTION}-n4-0", "n4").over
    workflow["status"]["nodeStatus"]["n4"] = {"phase": 2, "dynamicNodeStatus": {"phase": 3}}
    assert record(workflow, f"{EXECUTION}-n4-0", "n4").over


# Whatever comes


@pytest.mark.parametrize(
    ("resource", "reason"),
    [
        (b"", "cannot be read"),
        (b"{", "cannot be read"),
        (b"[]", "cannot be read"),
        (b"[" * 100_000, "cannot be read"),
        (b'{"status":{"nodeStatus":{"n0":' + b'{"subNodeStatus":{"n0":' * 5000, "cannot be read"),
        (b'{"metadata":{"name":"f1","uid":"u1"},"status":{"phase":"Running"}}', "cannot be read"),
        (b'{"kind":"Status","status":"Failure"}', "cannot be read"),
        (b'{"kind":"Pod","metadata":{"name":"f1","uid":"u1"}}', "not a FlyteWorkflow but a 'Pod'"),
        (b'{"metadata":{"name":"f1"}}', "no name or no uid"),
        (b"{}", "no name or no uid"),
        (b'{"metadata":{"name":"f1","uid":"u1"}}', "no node of FlyteWorkflow f1"),
        (b'{"metadata":{"name":"\xff","uid":"u1"}}', "cannot be read"),
    ],
)
def test_what_is_no_such_workflow_is_a_reason(resource: bytes, reason: str) -> None:
    assert reason in problem(resource, "f1-n0-0")


@pytest.mark.parametrize("nameless", [wire.Pod(), wire.Pod(metadata=wire.Metadata())])
def test_a_pod_without_a_name_is_a_reason(nameless: wire.Pod) -> None:
    assert isinstance(task_record(json.dumps(one_node()).encode(), nameless, LIMITS), str)


def test_branches_that_contain_themselves_end() -> None:
    workflow = one_node()
    workflow["status"]["nodeStatus"] = {
        "n0": {"phase": 2, "parentNode": "n1"},
        "n1": {"phase": 2, "parentNode": "n0"},
        "n2": {"phase": 2, "parentNode": "n2"},
        "n3": {"phase": 2, "parentNode": "n9"},
    }
    for node in ("n0", "n1", "n2", "n3"):
        assert isinstance(
            task_record(json.dumps(workflow).encode(), pod(f"f1-{node}-0", node), LIMITS), (str, TaskRecord)
        )


KEYS = st.sampled_from(["n0", "n1", "dynamic-node", "w"])
SMALL = st.none() | st.integers(-2, 14)
ARRAYS = st.none() | st.fixed_dictionaries(
    {"BitSet": st.none() | st.lists(SMALL, max_size=2), "item": SMALL, "count": SMALL}
)
STATUS: st.SearchStrategy[dict[str, Any] | None] = st.deferred(
    lambda: (
        st.none()
        | st.fixed_dictionaries(
            {},
            optional={
                "phase": SMALL,
                "attempts": SMALL,
                "systemFailures": SMALL,
                "parentNode": st.none() | KEYS,
                "subNodeStatus": st.none() | st.dictionaries(KEYS, STATUS, max_size=2),
                "dynamicNodeStatus": st.none() | st.fixed_dictionaries({"phase": SMALL}),
                "workflowNodeStatus": st.none() | st.fixed_dictionaries({"phase": SMALL}),
                "arrayNodeStatus": st.none()
                | st.fixed_dictionaries(
                    {"phase": SMALL, "subphase": ARRAYS, "subattempts": ARRAYS, "subsysfailures": ARRAYS}
                ),
            },
        )
    )
)
SPECS = st.none() | st.sampled_from(
    [{}, {"kind": "task"}, {"kind": "workflow", "workflow": {"subWorkflowRef": "w"}}, {"array": {"SubNodeSpec": {}}}]
)
NODES = st.none() | st.fixed_dictionaries({"nodes": st.none() | st.dictionaries(KEYS, SPECS), "onFailure": SPECS})


@given(st.dictionaries(KEYS, STATUS, max_size=3), NODES, st.dictionaries(KEYS, NODES), SMALL, st.none() | KEYS)
def test_any_workflow_has_an_answer(
    statuses: dict[str, Any], spec: object, subs: dict[str, Any], phase: int | None, node: str | None
) -> None:
    workflow = one_node(subWorkflows=subs)
    workflow["spec"] = spec
    workflow["status"] = {"phase": phase, "nodeStatus": statuses}
    for name in ("f1-n0-0", "f1-n0-0-n1-0", "f1-n1-1"):
        answer = task_record(json.dumps(workflow).encode(), pod(name, node), LIMITS)
        assert isinstance(answer, str) or len(answer.pod_names) == 1


@given(st.binary(max_size=200))
def test_any_bytes_have_an_answer(resource: bytes) -> None:
    assert isinstance(task_record(resource, pod("f1-n0-0"), LIMITS), str)


@given(st.integers(0, 10**6), st.integers(0, 255))
def test_a_changed_byte_has_an_answer(at: int, byte: int) -> None:
    resource = bytearray(json.dumps(RECORDED["workflow"]).encode())
    resource[at % len(resource)] = byte
    task_record(bytes(resource), pod(f"{EXECUTION}-n0-3"), LIMITS)


def big(entry: bytes) -> bytes:
    """Return a workflow of 1 MB whose nodes are all like this; ``#`` is a node's number, ``@`` that of the one before."""
    head, tail = json.dumps(one_node()).encode().split(b'{"n0": {"phase": 2}}')
    entries: list[bytes] = []
    size = 0
    while size < 1_000_000:
        number = len(entries)
        entries.append(entry.replace(b"#", b"%d" % number).replace(b"@", b"%d" % (number - 1)))
        size += len(entries[-1]) + 1
    return head + b"{" + b",".join(entries) + b"}" + tail


@pytest.mark.parametrize(
    ("entry", "name", "node"),
    [
        (b'"node-with-a-long-id-#":{"subNodeStatus":{"n0":{"phase":2,"attempts":4000000000}}}', "fabcdefg", "n0"),
        (b'"node-with-a-long-id-#":{"phase":2,"attempts":1,"parentNode":"node-with-a-long-id-@"}', "fabcdefg", None),
    ],
    ids=["nested", "branches"],
)
def test_a_megabyte_is_read_in_bounded_time(entry: bytes, name: str, node: str | None) -> None:
    resource = big(entry)
    began = time.process_time()
    assert isinstance(task_record(resource, pod(name, node), LIMITS), str)
    assert time.process_time() - began < 20, "about 1 s where this was written, and 5 MB take five times that"
