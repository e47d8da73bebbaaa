"""Who says a text: a rule counts only for the speakers that can know what it states.

The same words mean different things from different speakers. ``429 Too Many Requests`` of a pull is a registry's limit,
of an API that the task's own program calls it is the program's affair. The speaker is known, in this order:

1. from where a text stands (the caller says so): a waiting message is the runtime's, a termination message the
   application's;
2. from the wrapping in a message: what follows Flyte's ``terminated with exit code (N). Reason [...]. Message:`` is the
   application's (flyteplugins flytek8s/pod_helper.go, ConvertPodFailureToError);
3. from the reason beside it: the kubelet, the scheduler and controllers each have their own
   (pkg/kubelet/events/event.go);
4. from signs in the text itself: every language's runtime has its own way to print an error.
"""

from __future__ import annotations

import enum
import re
from typing import Final


class Speaker(enum.Enum):
    """Who says a text."""

    RUNTIME = "runtime"
    """A container runtime or a registry, through the kubelet: a failed pull, a container that cannot be created."""
    KUBELET = "kubelet"
    """Mounts, sandboxes, admission, eviction, probes."""
    SCHEDULER = "scheduler"
    CONTROLLER = "controller"
    """The API server and controllers: quota, webhooks, jobs, autoscalers."""
    BACKEND = "backend"
    """Flyte's own messages."""
    APPLICATION = "application"
    """The program in the container: termination messages, logs, tracebacks."""
    UNKNOWN = "unknown"


ANYBODY: Final = frozenset(Speaker)
"""For what any speaker can know."""

PLATFORM: Final = frozenset({Speaker.RUNTIME, Speaker.KUBELET, Speaker.SCHEDULER, Speaker.CONTROLLER, Speaker.BACKEND})
"""Everybody but the application."""

_OF_REASON: Final = {
    **dict.fromkeys(
        "ErrImagePull ImagePullBackOff ErrImageNeverPull InvalidImageName ImageInspectError RegistryUnavailable"
        " SignatureValidationFailed ImagePullError CreateContainerError CreateContainerConfigError RunContainerError"
        " StartError ContainerCannotRun FailedToPullImage InspectFailed ErrImageNeverPull".split(),
        Speaker.RUNTIME,
    ),
    **dict.fromkeys(
        "FailedMount FailedAttachVolume FailedMapVolume FailedCreatePodSandBox FailedPodSandBoxStatus FailedSync"
        " NetworkNotReady FailedPrepareDynamicResources Evicted Preempting UnexpectedAdmissionError NodeAffinity"
        " NodeShutdown Terminated Shutdown OutOfcpu OutOfmemory OutOfpods Unhealthy FailedKillPod NodeNotReady"
        " FailedPostStartHook FailedPreStopHook AppArmor SysctlForbidden TopologyAffinityError KillContainerError"
        " KillPodSandboxError CreatePodSandboxError ConfigPodSandboxError PostStartHookError PreStopHookError"
        " PreCreateHookError PreStartHookError FailedCreatePodContainer ExceededGracePeriod FailedValidation"
        " SystemOOM EvictionThresholdMet NodeHasDiskPressure NodeHasInsufficientMemory NodeHasInsufficientPID"
        " ImageGCFailed ContainerGCFailed FreeDiskSpaceFailed InvalidDiskCapacity"
        " HostPortConflict InsufficientFreeCPU InsufficientFreeMemory".split(),
        Speaker.KUBELET,
    ),
    **dict.fromkeys(
        "FailedScheduling Unschedulable SchedulingGated Preempted NotTriggerScaleUp TriggeredScaleUp".split(),
        Speaker.SCHEDULER,
    ),
    **dict.fromkeys(
        "FailedCreate FailedDelete FailedQuota TaintManagerEviction DisruptionBlocked EvictionByEvictionAPI"
        " PreemptionByScheduler DeletionByTaintManager DeletionByPodGC TerminationByKubelet Nominated"
        " FailedToUpdateEndpoint".split(),
        Speaker.CONTROLLER,
    ),
    **dict.fromkeys("Error OOMKilled ContainerStatusUnknown".split(), None),
}

_LONGEST_HEAD: Final = 104
"""Within how many characters a reason that a text begins with ends."""
_DISRUPTED: Final = re.compile(r'" is disrupted: reason "([A-Za-z]{1,63})", message "')
"""How gitlab-runner quotes a pod's condition DisruptionTarget (executors/kubernetes, ``checkTerminalPodErrors``)."""

# Codes of registries' JSON error bodies (OCI distribution specification 1.1, "Error codes"; the Docker Registry HTTP
# API, "Errors"): a body with one of them is a registry's, even where it stands alone.
_REGISTRY_CODES: Final = re.compile(
    r"\\{0,3}[\"']code\\{0,3}[\"']\s{0,3}:\s{0,3}\\{0,3}[\"'](?:TOOMANYREQUESTS|TOO_MANY_REQUESTS|DENIED|UNAUTHORIZED|UNAVAILABLE|"
    r"UNSUPPORTED|(?:BLOB|MANIFEST|NAME|MANIFEST_BLOB)_(?:UNKNOWN|INVALID|UNVERIFIED)|(?:DIGEST|SIZE|TAG|PAGINATION_NUMBER)_INVALID|"
    r"BLOB_UPLOAD_(?:UNKNOWN|INVALID)|PAYMENT_REQUIRED|QUOTA_EXCEEDED|PROJECTPOLICYVIOLATION|NOT_FOUND)\\{0,3}[\"']",
    re.IGNORECASE,
)

# What programs print when they fail by themselves: what to look for, and the form, of each language and program.
_APPLICATION_FORMS: Final = (
    ("Traceback", r"Traceback \(most recent call last\)"),  # Python
    (
        "Error",
        r"(?:^|[\s\[(\"'])((?:[A-Za-z_]\w*\.)*[A-Z]\w*Error)(?=[:(\s\"']|$)(?!: (?:ErrImage|ImagePull))",
    ),  # Python, Node
    ("Exception", r"(?:^|[\s\[(\"'])(?:[A-Za-z_]\w*\.)*[A-Z]\w*Exception(?=[:(\s]|$)"),  # Python, JVM, .NET
    (": ", r"(?:^|\n)[ \t]{0,20}(?:[a-z_]\w*\.){1,9}_?[A-Z]\w+(?::|\()"),  # Python: a class with its modules
    ("most recent call last", r"\(most recent call last\)"),  # Python, where lines were cut
    ("Uncaught ", r"\bUncaught (?:[\\\w]+|[a-z]+ )"),  # PHP, browsers
    ("Exception", r"\b[Uu]nhandled [Ee]xception\b|\bException in thread "),  # .NET, JVM
    ("Caused by:", r"\bCaused by: [\w.]+"),  # JVM
    ("at ", r"(?:^|\n)[ \t]{1,40}at [\w.$<>/]{3,200}[ (]"),  # stack frames of the JVM and Node
    ("panicked at", r"\bthread '[^'\n]{1,200}' panicked at"),  # Rust
    ("goroutine", r"(?<!Stack: \[)\bgoroutine \d+ \["),  # Go, when it ends; FlytePropeller quotes its own stack
    ("panic: ", r"(?:^|\n)panic: "),  # Go
    ("curl: (", r"\bcurl: \(\d+\)"),  # curl(1)
    ("wget: ", r"(?:^|\s)wget: "),  # BusyBox's wget
    ("fatal: ", r"(?:^|\s)fatal: "),  # git(1)
    ("ssh: ", r"(?:^|\n)ssh: "),  # OpenSSH
    ("npm ", r"\bnpm (?:ERR!|error)"),  # npm
    ("getaddrinfo", r"\bgetaddrinfo E[A-Z_]{5,12}\b"),  # libuv
    ("connect E", r"\bconnect E[A-Z]{5,12}\b"),  # libuv
    ("ERROR: ", r"(?:^|\n)ERROR: (?:Could not (?:install|find)|No matching)"),  # pip
    ("Failed to fetch", r"(?:^|\n)E(?:rr)?: ?Failed to fetch|\bTypeError: Failed to fetch"),  # apt, browsers' fetch
    ("sh: ", r"(?:^|\n|\s)(?:/bin/)?(?:ba|da|z|a)?sh: (?:(?:line )?\d+: )?\S+:"),  # shells
    ("cannot ", r"(?:^|\n)(?:cp|mv|rm|ls|cat|mkdir|tar|ln|chmod|chown|touch|mount): cannot "),  # coreutils
    ("rror", r"(?:^|\n)(?:cp|mv|cat|tee|dd|tar|sort|gzip): (?:\S+: )?(?:write |read )?error\b"),  # coreutils, tar, gzip
    ("rsync: ", r"(?:^|\n)rsync(?: error)?: "),
    ("Request failed with status code", r"\bRequest failed with status code \d{3}"),  # axios
    ("Error)", r"\([A-Z]\w*(?:::\w+)*Error\)\s*$"),  # Ruby: message (Class)
    ("Error in ", r"\bError in \w+(?:::\w+)?\("),  # R
    ("psql: ", r"(?:^|\n)psql: "),
    ("could not translate host name", r"could not translate host name"),  # libpq
    ("Segmentation fault", r"\bSegmentation fault\b"),  # shells, on SIGSEGV
    ("LoadError", r"\bERROR: LoadError"),  # Julia
    ("reqwest", r"\breqwest(?:::\w+)+"),  # Rust
    ("hyper::", r"\bhyper(?:::\w+)+"),  # Rust
    ("HTTPSConnectionPool", r"HTTPS?ConnectionPool\("),  # urllib3
    ("<urlopen error", r"<urlopen error "),  # urllib
    ("when calling the", r"\bAn error occurred \(\w+\) when calling the \w+ operation"),  # botocore, aws(1)
    ('"levelname"', r'"levelname": ?"'),  # Python's logging as JSON (python-json-logger; flytekit's own logger)
)
# FlytePropeller's codes of its own errors that end in "Error" (flytepropeller pkg/controller/nodes/errors/codes.go,
# pkg/controller/workflow/errors/codes.go; flyteplugins go/tasks/errors/errors.go). A class of a program's own has its
# modules before it, or a traceback.
_BACKEND_CODES: Final = (
    *("RuntimeExecutionError", "CausedByError", "IllegalStateError", "ErrorRecordingError", "EventRecordingError"),
    *("OutputsNotFoundError", "InputsNotFoundError", "BadSpecificationError", "BindingResolutionError"),
    *("UserProvidedError", "DownstreamSystemError", "TaskFailedUnknownError"),
)
_BACKEND_CODE: Final = re.compile(rf"(?:^|[\s\[])(?:{'|'.join(_BACKEND_CODES)})[:\]]")
_OF_NODE: Final = re.compile(r"\bNode\[[^\]\s]{0,128}\]\. $")
"""What stands before a code of FlytePropeller: ``failed at Node[n0]. StorageError: ...`` (nodes/errors/errors.go)."""
_LONGEST_OF_NODE: Final = 140
_NO_ERROR_CLASSES: Final = frozenset(_OF_REASON) | {"UnhandledError"} | frozenset(_BACKEND_CODES)
"""``UnhandledError`` is the name of a logger (apimachinery, pkg/util/runtime)."""
_APPLICATION: Final = tuple((sign, re.compile(form)) for sign, form in _APPLICATION_FORMS)

# Phrases of those who pull images, mount volumes, make sandboxes, schedule and admit: they decide even inside an
# exception, since the programs that people start pods with (Airflow, Prefect, docker-py) pass on its errors.
_GRPC_STATUS: Final = "rpc error: code"
_PLATFORM_PHRASES: Final = (
    _GRPC_STATUS,
    "failed to pull",
    "pulling image",
    "pull rate limit",
    "manifest unknown",
    "manifest for ",
    "errimagepull",
    "imagepullbackoff",
    "failed to resolve reference",
    "pull access denied",
    "error response from daemon",
    "failed to create pod sandbox",
    "mountvolume",
    "unable to attach or mount",
    "nodes are available",
    "failed calling webhook",
    "admission webhook",
    "exceeded quota",
    "is forbidden: user",
    "low on resource",
)

# Words without which a text speaks of no pull, mount, sandbox or node, and wordings of Go's network errors: Kubernetes
# and its runtimes are written in Go.
_PLATFORM_SIGNS: Final = (
    *_PLATFORM_PHRASES,
    *("dial tcp", "x509:", "net/http:", "proxyconnect", "pull", "image", "registry", "manifest", "layer", "blob"),
    *("containerd", "docker", "cri-o", "podman", "buildkit", "kubelet", "mount", "volume", "sandbox", "cni", "node"),
    *("pod", "container", "evict", "preempt", "admission", "webhook", "quota", "nvml", "gpu", "xid", "cuda", "oom"),
    *("read tcp", "write tcp", "repository", "reference", "taint", "exec user process", "exec format", "response body"),
    # containerd and containers/image on a response; Go's url.Error and os/exec.
    *("unexpected status", "server message", "statuscode: ", "snapshot", "executable file not found in $path"),
    *('get "http', 'head "http', 'post "http', 'put "http', 'patch "http', "object ["),
    *(
        "runc",
        "crun",
        "oci runtime",
        "shim",
        "console socket",
        "cgroup",
        "apparmor",
        "seccomp",
        "overlayfs",
        "snapshotter",
    ),
    *(
        "flyte",
        "propeller",
        "for plugin [",
        "task execution",
        "deadline",
        "exit code",
        "probe",
        "secret",
        "configmap",
        "token",
    ),
)

_OF_URL: Final = re.compile(r"\b[a-z][a-z0-9+.-]{0,15}://[^\s\"'<>]*")
_OF_RUNTIMES: Final = frozenset({"docker", "containerd", "cri-o", "oci", "unix", "docker-pullable"})
"""Schemes of images, containers and the runtimes' sockets."""
_PATH: Final = re.compile(
    r"(?<![^\s\"'`(=,])/(?!var/|run/|sys/|proc/|dev/|etc/(?:cni|containerd|kubernetes))[^\s\"'<>,]*"
)


def speaks_for_itself(text: str) -> Speaker:
    """Return who says a text that stands alone, by the signs in it.

    Returns:
        ``APPLICATION`` for what a program prints of its own failure, ``RUNTIME`` for what speaks of pulls, mounts,
        sandboxes or nodes (whoever of the platform says it), else ``UNKNOWN``.
    """
    # Most failed pulls first. In CamelCase the second is the error of an Azure SDK.
    if _GRPC_STATUS in text or "toomanyrequests" in text or "TOOMANYREQUESTS" in text:
        return Speaker.RUNTIME
    lower = text.lower()
    for phrase in _PLATFORM_PHRASES:
        if phrase in lower:
            return Speaker.RUNTIME
    if "code" in lower and _REGISTRY_CODES.search(text) is not None:
        return Speaker.RUNTIME
    for sign, form in _APPLICATION:
        if sign in text and _any_of_application(form, text):
            return Speaker.APPLICATION
    if "Error" in text and _BACKEND_CODE.search(text) is not None:
        return Speaker.BACKEND
    if "/" in lower:
        lower = _without_names(lower)
    for phrase in _PLATFORM_SIGNS:
        if phrase in lower:
            return Speaker.RUNTIME
    return Speaker.UNKNOWN


def _without_names(lower: str) -> str:
    """Return a text without what its URLs and paths are made of: a folder ``images`` is no sign of a pull.

    What stays is a sign of its own: hosts of registries, their HTTP API (OCI distribution specification, "Endpoints"),
    and where Kubernetes and its runtimes keep their files and sockets on a node.
    """
    if "://" in lower:
        lower = _OF_URL.sub(_host_or_api, lower)
    return _PATH.sub(" ", lower)


def _host_or_api(match: re.Match[str]) -> str:
    url = match[0]
    scheme, _, rest = url.partition("://")
    if scheme in ("http", "https"):
        host, _, path = rest.partition("/")
        is_registry = path.startswith("v2/") or "registry" in host or "docker" in host
        return f"{scheme}:// registry" if is_registry else f"{scheme}://"
    return url if scheme in _OF_RUNTIMES else " "


def _any_of_application(form: re.Pattern[str], text: str) -> bool:
    """Whether a form is in a text; what Kubernetes' components give as a reason is no name of an error class."""
    return any(not match.lastindex or not _is_code(text, match) for match in form.finditer(text))


def _is_code(text: str, match: re.Match[str]) -> bool:
    start = match.start(1)
    return match[1] in _NO_ERROR_CLASSES or (
        text.endswith("]. ", 0, start) and _OF_NODE.search(text[max(0, start - _LONGEST_OF_NODE) : start]) is not None
    )


def leading_reason(text: str) -> str | None:
    """Return the reason that a text begins with; None if it begins with none that Kubernetes' components give.

    >>> leading_reason('CreateContainerConfigError: secret "db" not found')
    'CreateContainerConfigError'
    """
    if '"' in text and '" is disrupted: ' in text and (match := _DISRUPTED.search(text)) is not None:
        return match[1]
    head, _, rest = text[:_LONGEST_HEAD].partition(":")
    reason = head.lstrip()
    if not reason.isalpha() or rest[:1] not in (" ", "\n"):
        return None
    return reason if speaker_of_reason(reason) is not None else None


def speaker_of_reason(reason: str | None) -> Speaker | None:
    """Return who gives a reason; None where several do, or nobody known.

    ``Error``, ``OOMKilled`` and ``ContainerStatusUnknown`` name no speaker: the text beside them is what the container
    left.
    """
    if reason is None:
        return None
    if reason.startswith("OutOf"):
        return Speaker.KUBELET
    return _OF_REASON.get(reason)
