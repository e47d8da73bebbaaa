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
    "a class of a program with the name of a code of FlytePropeller": "mylib.RuntimeExecutionError: the registry sent 429",
    "a traceback that ends in such a name": "Traceback (most recent call last):\nRuntimeExecutionError: the registry sent 429",
    "what a node of Flyte quotes": "RuntimeExecutionError: max number of retries exhausted. ValueError: no such image",
    "Go's panic of a program": "goroutine 1 [running]:\nmain.main()",
    "botocore": "fatal error: An error occurred (403) when calling the HeadObject operation: Forbidden",
    "a record of Python's logging": '{"asctime": "2024-01-01", "name": "flytekit", "levelname": "ERROR", "message": "403"}',
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


BACKEND = {
    "a code of FlytePropeller": "CausedByError: Failed to store workflow inputs, caused by: AccessDenied",
    "a code of its plugins": "[DownstreamSystemError] cannot reach the service",
    "a code of a state": "IllegalStateError: found no current condition",
}


@pytest.mark.parametrize("text", BACKEND.values(), ids=BACKEND)
def test_a_code_of_flytepropeller_is_no_exception_of_a_program(text: str) -> None:
    assert speaks_for_itself(text) is Speaker.BACKEND


@pytest.mark.parametrize(
    "text",
    [
        "failed to execute handle for plugin [ray]: panic when executing a plugin [ray]. Stack: [goroutine 2 [running]:\nruntime/debug.Stack()",
        "failed at Node[n0]. StorageError: failed to read: connection refused",
    ],
)
def test_what_flytepropeller_says_of_itself_is_the_platforms(text: str) -> None:
    assert speaks_for_itself(text) in (Speaker.BACKEND, Speaker.RUNTIME)


@pytest.mark.parametrize("name", ["flyte-x", "a-image", "docker", "mount", "registry", "node/gpu/layer"])
@pytest.mark.parametrize(
    "text",
    [
        "s3://b/{}/x: 403 Forbidden",
        "download of gs://{}/x failed: 404 Not Found",
        "https://b.example/{}/x returned: Forbidden",
        "GET https://h.example/{}/data.json: 404",
        "cannot read /data/{}/x: Permission denied",
    ],
)
def test_a_word_in_a_url_or_a_path_is_no_sign(text: str, name: str) -> None:
    assert speaks_for_itself(text.format(name)) is Speaker.UNKNOWN


@pytest.mark.parametrize(
    "text",
    [
        "https://r.example/v2/a/manifests/1: 403",
        "open /var/lib/containerd/x: no space left on device",
        "unix:///run/containerd/containerd.sock: connection refused",
        "docker://r.example/a:1 cannot be read",
    ],
)
def test_the_api_of_registries_and_the_files_of_runtimes_are_signs(text: str) -> None:
    assert speaks_for_itself(text) is Speaker.RUNTIME


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
        ('ERROR: pod "a/b" is disrupted: reason "EvictionByEvictionAPI", message "x"', "EvictionByEvictionAPI"),
        ('it said "a" is disrupted: reason unknown', None),
        ("ValueError: x", None),
        ("Error: ErrImagePull", None),
        ("the pod has FailedMount: x", None),
    ],
)
def test_a_reason_at_the_beginning_of_a_text_stands_beside_it(text: str, reason: str | None) -> None:
    assert leading_reason(text) == reason
