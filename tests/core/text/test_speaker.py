"""Who says a text: signs of the platform and of applications, and reasons beside it."""

from __future__ import annotations

import pytest

from flytekitplugins_podtriage.core.text.speaker import Speaker, leading_reason, speaker_of_reason, speaks_for_itself

APPLICATIONS = {
    "a Python exception": "requests.exceptions.HTTPError: 429 Client Error: Too Many Requests for url: https://api.x/v1",
    "an exception class without the word error": "google.api_core.exceptions.TooManyRequests: 429 POST https://x.googleapis.com",
    "a traceback that is cut off": '  File "/root/x.py", line 3, in f\n(most recent call last)\nTimeout',
    "an error of the JVM": "java.net.UnknownHostException: db.prod: Name or service not known",
    "the JVM's cause": "job failed\nCaused by: io.grpc.StatusRuntimeException",
    "Node's system error": "Error: connect ECONNREFUSED 10.0.0.1:5432",
    "Node's resolver": "Error: getaddrinfo ENOTFOUND db.prod",
    "axios": "Error: Request failed with status code 429",
    "npm": "npm ERR! code E429",
    "pip": "ERROR: Could not install packages due to an OSError: HTTPSConnectionPool(host='x', port=443)",
    "a Rust panic": "thread 'main' panicked at 'called `Result::unwrap()`', src/main.rs:3",
    "a Go panic": "panic: dial tcp: lookup db.prod on 10.96.0.10:53: no such host",
    "curl": "curl: (6) Could not resolve host: api.example.com",
    "wget": "wget: server returned error: HTTP/1.1 429 Too Many Requests",
    "git": "fatal: unable to access 'https://github.com/a/b/': The requested URL returned error: 429",
    "ssh": "ssh: connect to host 10.0.0.1 port 22: Connection timed out",
    "a shell": "/bin/sh: 1: train: Permission denied",
    "coreutils": "cp: cannot create regular file '/mnt/x': Read-only file system",
    "tar on a full disk": "tar: write error: No space left on device",
    "Ruby": "ruby: getaddrinfo: Name or service not known (SocketError)",
    "an SDK's throttling in CamelCase": "azure.core.exceptions.HttpResponseError: (TooManyRequests) throttled",
}


@pytest.mark.parametrize("text", APPLICATIONS.values(), ids=APPLICATIONS)
def test_what_a_program_prints_of_its_own_failure_is_the_applications(text: str) -> None:
    assert speaks_for_itself(text) is Speaker.APPLICATION


PLATFORM_TEXTS = {
    "a failed pull": 'Failed to pull image "a/b:1": 401 Unauthorized',
    "a runtime's gRPC error": "rpc error: code = Unknown desc = connection error",
    "Go's dial": "dial tcp 10.0.0.9:443: i/o timeout",
    "Go's certificate check": "x509: certificate signed by unknown authority",
    "a URL error of Go": 'Get "https://r.example/v2/": EOF',
    "a registry's code": "toomanyrequests: You have reached your pull rate limit",
    "a registry's body by itself": '{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}',
    "a body that was escaped": '{\\"code\\":\\"DENIED\\",\\"message\\":\\"requested access\\"}',
    "a mount": 'MountVolume.SetUp failed for volume "x": permission denied',
    "the scheduler": "0/3 nodes are available: 3 Insufficient cpu.",
    "a pull inside an exception": "docker.errors.APIError: 429 Client Error: toomanyrequests: pull rate limit",
    "a reason of Kubernetes that looks like an exception": 'CreateContainerConfigError: secret "db" not found',
}


@pytest.mark.parametrize("text", PLATFORM_TEXTS.values(), ids=PLATFORM_TEXTS)
def test_what_speaks_of_pulls_mounts_sandboxes_and_nodes_is_the_platforms(text: str) -> None:
    assert speaks_for_itself(text) is Speaker.RUNTIME


@pytest.mark.parametrize(
    "text",
    [
        "",
        "429 Too Many Requests",
        "Permission denied",
        "Operation not permitted",
        "Resource temporarily unavailable",
        "timed out waiting for the condition",
        "access denied by server",
        "no such host",
        "no space left on device",
    ],
)
def test_words_that_anybody_could_say_are_nobodys(text: str) -> None:
    assert speaks_for_itself(text) is Speaker.UNKNOWN


@pytest.mark.parametrize(
    ("reason", "speaker"),
    [
        ("ErrImagePull", Speaker.RUNTIME),
        ("FailedMount", Speaker.KUBELET),
        ("OutOfnvidia.com/gpu", Speaker.KUBELET),
        ("FailedScheduling", Speaker.SCHEDULER),
        ("FailedCreate", Speaker.CONTROLLER),
        ("Error", None),
        ("OOMKilled", None),
        ("Whatever", None),
        (None, None),
    ],
)
def test_a_reason_tells_who_gives_it(reason: str | None, speaker: Speaker | None) -> None:
    assert speaker_of_reason(reason) is speaker


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('CreateContainerConfigError: secret "db" not found', "CreateContainerConfigError"),
        ("ErrImagePull:\n401 Unauthorized", "ErrImagePull"),
        ("ValueError: x", None),
        ("Error: ErrImagePull", None),
        ("the pod has FailedMount: x", None),
    ],
)
def test_a_reason_at_the_beginning_of_a_text_stands_beside_it(text: str, reason: str | None) -> None:
    assert leading_reason(text) == reason
