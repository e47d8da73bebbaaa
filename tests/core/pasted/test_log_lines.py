"""Lines of logs, as components of Kubernetes and container runtimes write them."""

from __future__ import annotations

import textwrap

import pytest

from flytekitplugins_podtriage.core.pasted.log_lines import LogLine, read_log_lines

LINES = {
    "klog, structured": (
        r'E0715 10:14:20.123456    1234 pod_workers.go:951] "Error syncing pod, skipping" err="failed to \"StartContainer\" '
        r'for \"app\" with ImagePullBackOff: \"Back-off pulling image \\\"a/b:1\\\"\"" pod="ns/x"',
        LogLine(
            message='failed to "StartContainer" for "app" with ImagePullBackOff: "Back-off pulling image \\"a/b:1\\""'
        ),
    ),
    "klog, behind what journald puts before it": (
        "Jul 15 10:14:20 node kubelet[12]: W0715 10:14:20.123456    1234 remote_image.go:180] PullImage failed: EOF",
        LogLine(message="PullImage failed: EOF"),
    ),
    "klog that only informs": (
        'I0715 10:14:20.123456    1234 kubelet.go:1] "SyncLoop (PLEG)"',
        LogLine(message="SyncLoop (PLEG)", quiet=True),
    ),
    "logfmt": (
        'time="2024-01-01T00:00:00Z" level=error msg="PullImage \\"a/b\\" failed" error="toomanyrequests: x"',
        LogLine(message="toomanyrequests: x"),
    ),
    "JSON with a reason": (
        '{"level":"error","reason":"OOMKilled","pod":"ns/app-1"}',
        LogLine(message="", reason="OOMKilled"),
    ),
    "JSON of zap": (
        '{"level":"error","msg":"Reconciler error","error":"pods \\"a\\" is forbidden: exceeded quota"}',
        LogLine(message='pods "a" is forbidden: exceeded quota'),
    ),
    "JSON inside JSON": (
        '{"log":"{\\"level\\":\\"warn\\",\\"msg\\":\\"no space left on device\\"}"}',
        LogLine(message="no space left on device"),
    ),
    "an error that is an object": (
        '{"severity":"ERROR","error":{"message":"manifest unknown"}}',
        LogLine(message="manifest unknown"),
    ),
}


@pytest.mark.parametrize("form", LINES)
def test_a_line_is_read_as_its_message(form: str) -> None:
    line, expected = LINES[form]
    assert read_log_lines([line]) == [expected]


@pytest.mark.parametrize(
    "line",
    [
        '{"errors":[{"code":"TOOMANYREQUESTS","message":"x"}]}',
        '{"apiVersion":"v1","kind":"Pod","reason":"Evicted"}',
        "{not json}",
        '{"a": 1}',
        "Failed to pull image",
        "",
    ],
)
def test_what_is_no_line_of_a_log_is_left_out(line: str) -> None:
    assert read_log_lines([line]) == []


REFUSED = (
    "E0715 10:14:20.123456       1 workers.go:102] error syncing 'ns/f1': failed at Node[n0]. caused by: [BadTask] invalid"
    ' specification [fields:{key:"a" value:{string_value:"1"}}], caused by: either this or that must be set'
)
WAITS = (
    'E0715 10:14:20.123456    1234 pod_workers.go:951] "Error syncing pod, skipping" err="failed to \\"StartContainer\\"'
    ' for \\"app\\" with ErrImagePull: \\"429 Too Many Requests\\"" pod="ns/x"'
)


@pytest.mark.parametrize(
    "line", [REFUSED, WAITS, 'time="x" level=error msg="it failed as it did" error="all of it is here"']
)
def test_a_line_that_was_broken_between_words_is_read_whole(line: str) -> None:
    for width in range(60, 161, 10):
        parts = textwrap.wrap(line, width, break_long_words=False, break_on_hyphens=False)
        assert read_log_lines(parts) == read_log_lines([line])
        assert len(read_log_lines([*parts, line, "", "not a part"])) == 2


@pytest.mark.parametrize(
    "after", ["", "$ kubectl get pods", "goroutine 1 [running]:", "Traceback (most recent call last):"]
)
def test_what_begins_behind_a_line_is_none_of_it(after: str) -> None:
    assert read_log_lines([REFUSED, after, "more"]) == read_log_lines([REFUSED])


def test_a_line_of_json_is_whole() -> None:
    line = '{"level": "error", "msg": "it failed"}'
    assert read_log_lines([line, "and so on"]) == read_log_lines([line])
