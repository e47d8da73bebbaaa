"""Containers and sandboxes that do not start: the pod's own fault beside the node's."""

from __future__ import annotations

import pytest

from flytekitplugins_podtriage.core.match import match_message

CASES = [
    (
        "a sandbox whose command is missing is the node",
        'Failed to create pod sandbox: rpc error: code = Unknown desc = failed to create containerd task: OCI runtime create failed: container_linux.go:380: starting container process caused: exec: "/pause": stat /pause: no such file or directory: unknown',
        "FailedCreatePodSandBox",
        "node_runtime",
        "SYSTEM",
    ),
    (
        "a sandbox of another architecture is the node",
        'rpc error: code = Unknown desc = failed to start sandbox container task "a": failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec: "/pause": exec format error: unknown',
        "FailedCreatePodSandBox",
        "node_runtime",
        "SYSTEM",
    ),
    (
        "a sandbox without memory is the pod",
        'Failed to create pod sandbox: rpc error: code = Unknown desc = failed to start sandbox container task "a": OCI runtime create failed: container init was OOM-killed (memory limit too low?): unknown',
        "FailedCreatePodSandBox",
        "oom",
        "USER",
    ),
    (
        "a container whose command is missing is the user",
        'OCI runtime create failed: runc create failed: unable to start container process: exec: "train": executable file not found in $PATH: unknown',
        None,
        "command_not_found",
        "USER",
    ),
    (
        "a shim that cannot execute the program is the user",
        'failed to create containerd task: failed to start shim: exec: "/app/server": exec format error: unknown',
        None,
        "platform_mismatch",
        "USER",
    ),
    (
        "a shim that does not start is the node",
        "failed to create containerd task: failed to start shim: start failed: : exit status 1: unknown",
        None,
        "node_runtime",
        "SYSTEM",
    ),
    (
        "a container that cannot be killed is the node",
        'failed to "KillContainer" for "main" with KillContainerError: "rpc error: code = DeadlineExceeded desc = context deadline exceeded"',
        None,
        "node_runtime",
        "SYSTEM",
    ),
    (
        "a sandbox that cannot be killed is the node",
        'failed to "KillPodSandbox" for "4b5d" with KillPodSandboxError: "rpc error: code = Unknown desc = failed to stop container"',
        None,
        "node_runtime",
        "SYSTEM",
    ),
    (
        "a sandbox whose network cannot be removed is the network plugin",
        'failed to "KillPodSandbox" for "4b5d" with KillPodSandboxError: "rpc error: code = Unknown desc = failed to destroy network for sandbox \\"a\\": plugin type=\\"calico\\" failed (delete)"',
        None,
        "sandbox_network",
        "SYSTEM",
    ),
    (
        "a swap limit that the kernel does not know is the node",
        'failed to create shim task: OCI runtime create failed: failed to write "2147483648": write /sys/fs/cgroup/memory/a/memory.memsw.limit_in_bytes: permission denied: unknown',
        None,
        "node_runtime",
        "SYSTEM",
    ),
    (
        "a swap limit of cgroup 2 is the node",
        "crun: open /sys/fs/cgroup/a/memory.swap.max: no such file or directory",
        None,
        "node_runtime",
        "SYSTEM",
    ),
    (
        "a memory limit that is too low is the user",
        "OCI runtime create failed: runc create failed: unable to start container process: unable to set memory limit to 4096 (current usage: 8192, peak usage: 8192): set memory limit",
        None,
        "config_invalid",
        "USER",
    ),
    (
        "an image without a passwd file is the user",
        "failed to create containerd container: mount callback failed on /var/lib/containerd/tmpmounts/containerd-mount1: open /var/lib/containerd/tmpmounts/containerd-mount1/etc/passwd: no such file or directory",
        "CreateContainerError",
        "config_invalid",
        "USER",
    ),
    (
        "a user that the image lacks is the user",
        "OCI runtime create failed: runc create failed: unable to start container process: unable to find user app: no matching entries in passwd file",
        "CreateContainerError",
        "config_invalid",
        "USER",
    ),
    (
        "a layer that cannot be unpacked is the node",
        "failed to extract layer sha256:aa: mount callback failed on /var/lib/containerd/tmpmounts/x: link: input/output error",
        None,
        "node_disk",
        "SYSTEM",
    ),
    (
        "a sub-path that cannot be prepared is the user",
        'failed to prepare subPath for volumeMount "workdir" of container "main"',
        "CreateContainerConfigError",
        "config_invalid",
        "USER",
    ),
    (
        "a sub-path on a lost NFS server is the volume",
        'failed to prepare subPath for volumeMount "x" of container "y": stale NFS file handle',
        "CreateContainerConfigError",
        "volume",
        "SYSTEM",
    ),
    (
        "a file that is mounted on a folder is the user",
        'OCI runtime create failed: runc create failed: unable to start container process: error during container init: error mounting "/var/lib/kubelet/pods/1/volumes/a" to rootfs at "/etc/app.conf": mount: not a directory: unknown: Are you trying to mount a directory onto a file',
        None,
        "config_invalid",
        "USER",
    ),
    (
        "a mount point on a full disk is the node",
        'OCI runtime create failed: runc create failed: unable to start container process: error mounting "/a" to rootfs at "/b": create mountpoint for /b mount: no space left on device',
        None,
        "node_disk",
        "SYSTEM",
    ),
    (
        "a profile of AppArmor that cannot be loaded is the node",
        "AppArmor enabled on system but the docker-default profile could not be loaded: running apparmor_parser failed",
        None,
        "node_runtime",
        "SYSTEM",
    ),
    (
        "volumes that are not mounted are the volume",
        'Error syncing pod, skipping err="unmounted volumes=[data], unattached volumes=[], failed to process volumes=[]: context deadline exceeded"',
        None,
        "volume",
        "SYSTEM",
    ),
    (
        "a container that does not stop is the node",
        "Error response from daemon: cannot stop container: x: tried to kill container, but did not receive an exit event",
        None,
        "node_runtime",
        "SYSTEM",
    ),
    (
        "a container that is not created in time is the node",
        "Error: context deadline exceeded",
        "Failed",
        "node_runtime",
        "SYSTEM",
    ),
    (
        "a pull that is not done in time is the network",
        'Failed to pull image "a:1": rpc error: code = Unknown desc = context deadline exceeded',
        "Failed",
        "network_timeout",
        "SYSTEM",
    ),
    (
        "a sync that failed for a refused pull is the user",
        'failed to "StartContainer" for "a" with ErrImagePull: "API error (500): Get https://r.example/v2/a/manifests/1: no basic auth credentials"',
        "FailedSync",
        "auth",
        "USER",
    ),
    (
        "a sync that failed for the sandbox is the node",
        'failed to "CreatePodSandbox" for "a_b" with CreatePodSandboxError: "CreatePodSandbox for pod a_b failed: rpc error: code = Unknown desc = x"',
        "FailedSync",
        "node_runtime",
        "SYSTEM",
    ),
    ("a sync that failed otherwise is the node", "Error syncing pod", "FailedSync", "node_runtime", "SYSTEM"),
    (
        "a mounted path that is missing on the node is the pod",
        "Error: stat /logs/pods: no such file or directory",
        "CreateContainerConfigError",
        "config_invalid",
        "USER",
    ),
    (
        "an event has the missing path, too",
        "Error: lstat /logs/pods: no such file or directory",
        "Failed",
        "config_invalid",
        "USER",
    ),
    (
        "a command that is missing at its path is the command",
        'OCI runtime create failed: exec: "/opt/x": stat /opt/x: no such file or directory: unknown',
        None,
        "command_not_found",
        "USER",
    ),
    (
        "a hook that was killed is the node",
        "runc create failed: unable to start container process: error running hook #0: error running hook: exit status 137, stdout: , stderr: ",
        None,
        "node_runtime",
        "SYSTEM",
    ),
    (
        "a directory that is in the way is the node",
        'failed to generate spec: failed to mkdir "/var/lib/kubelet/pods/1/volume-subpaths/a/b/2": mkdir /var/lib/kubelet/pods/1/volume-subpaths/a/b/2: file exists',
        None,
        "node_runtime",
        "SYSTEM",
    ),
]


@pytest.mark.parametrize(
    ("message", "reason", "category", "kind"), [pytest.param(*case, id=name) for name, *case in CASES]
)
def test_cause(message: str, reason: str | None, category: str, kind: str) -> None:
    rule = match_message(message, reason).rule
    assert (rule.category, rule.kind) == (category, kind), rule.id
