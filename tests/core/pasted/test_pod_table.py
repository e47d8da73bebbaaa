"""A table of pods: its status decides where it names a cause, and else what stands beside the table."""

from __future__ import annotations

import pytest

from flytekitplugins_podtriage.core.diagnose import diagnose
from flytekitplugins_podtriage.core.pasted.pod_table import read_pod_rows

HEADER = "NAME   READY   STATUS   RESTARTS   AGE"
REFUSED = (
    'Failed to pull image "quay.io/acme/op:1": rpc error: code = Unknown desc = Error reading manifest 1 in'
    " quay.io/acme/op: unauthorized: access to the requested resource is not authorized"
)
TRACEBACK = 'Traceback (most recent call last):\n  File "a.py", line 1\nValueError: 429 Too Many Requests'


def answer(text: str) -> str:
    diagnosis = diagnose(text)
    return f"{diagnosis.kind.value} {diagnosis.category.value}"


@pytest.mark.parametrize("status", ["ErrImagePull", "ImagePullBackOff", "Init:ErrImagePull", "Init:ImagePullBackOff"])
@pytest.mark.parametrize("namespace", ["", "ns-1   ", "pod/"])
@pytest.mark.parametrize("header", ["", f"{HEADER}\n"])
@pytest.mark.parametrize("between", ["\n", "\n\n", "\n\nThe message is:\n"])
@pytest.mark.parametrize("quote", ["", "> "])
def test_a_status_without_a_cause_leaves_the_message_beside_it(
    status: str, namespace: str, header: str, between: str, quote: str
) -> None:
    text = f"{header}{namespace}app-0   0/1   {status}   0   21m{between}{REFUSED}"
    assert answer("\n".join(quote + line for line in text.split("\n"))) == "USER auth"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"app-0   0/1   OOMKilled   4   1m\n\n{REFUSED}", "USER oom"),
        (f"app-0   0/1   CrashLoopBackOff   4   1m\n\n{TRACEBACK}", "USER app_error"),
        (f"app-0   0/1   ImagePullBackOff   4   1m\n\n5s  Warning  Failed  pod/app-0  {REFUSED}", "USER auth"),
        ("app-0   0/1   ImagePullBackOff   4   1m\n\nHow can I find out why?", "SYSTEM unknown"),
        ("a-0   0/1   ImagePullBackOff   0   1m\nb-0   0/1   Evicted   0   1m", "SYSTEM evicted"),
    ],
    ids=["a status with a cause", "a traceback", "a row of events", "words without a cause", "another pod's status"],
)
def test_the_first_that_names_a_cause_decides(text: str, expected: str) -> None:
    assert answer(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "app-0   0/1   Evicted   0   15h   <none>   node-1",
        f"{HEADER} app-0 0/1 Evicted 0 15h",
        f"{HEADER} IP NODE db-0 1/1 Running 0 15h 10.0.0.1 node-1 app-0 0/1 Evicted 2 (3m ago) 15h <none> node-1",
    ],
    ids=["a row without its header", "a table that lost its line breaks", "the wide one"],
)
def test_one_line_is_read(text: str) -> None:
    diagnosis = diagnose(text)
    assert diagnosis.category.value == "evicted"
    assert [one.text for one in diagnosis.evidence] == ["app-0: Evicted"]


@pytest.mark.parametrize(
    "text", [HEADER, f"{HEADER} db-0 1/1 Running 0 4m", f"{HEADER} app-0 0/1", "db-0 1/1 NotReady 0"]
)
def test_a_line_without_a_failing_pod_has_no_rows(text: str) -> None:
    assert read_pod_rows([text]) == []
