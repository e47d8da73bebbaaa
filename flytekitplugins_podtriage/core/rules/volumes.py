"""Rules for volumes, and for the secrets and config maps that they refer to.

Errors inside a mount's message (DNS, a timeout, ``not found``) are the volume's, not the image's.
"""

from __future__ import annotations

from typing import Final

from flytekitplugins_podtriage.core.model import Category
from flytekitplugins_podtriage.core.rules.rule import Rule
from flytekitplugins_podtriage.core.text.references import Peer

_OPERATIONS = "kubernetes pkg/volume/util/operationexecutor/operation_generator.go; pkg/kubelet/volumemanager"
_CARRIERS = (
    "mountvolume",
    "attachvolume",
    "mapvolume",
    "unmountvolume",
    "unable to attach or mount volumes",
    "unable to mount volumes",
)
_MOUNTING = (*_CARRIERS, "mount failed", "mount nfs", "nameref protocol", "mount wrong fs type", "mounting")

RULES: Final = (
    Rule(
        id="volume-config-missing",
        category=Category.CONFIG_MISSING,
        means="a volume refers to a secret or config map (or a key of it) that does not exist",
        remedy="Create the secret or config map, or the key, that the message names, in the task's namespace.",
        source="kubernetes pkg/volume/secret/secret.go, configmap/configmap.go, projected (SetUp errors); secrets-store CSI",
        phrases=(
            "references non existent secret key",
            "references non existent config key",
            "secret nameref not found",
            "configmap nameref not found",
            "secrets nameref not found",
            "configmaps nameref not found",
            "can t find the specified secret",
            "secretproviderclass not found",
            "failed to get secretproviderclass",
        ),
    ),
    Rule(
        id="volume-hostpath",
        category=Category.CONFIG_INVALID,
        means="the hostPath that the pod mounts is missing on the node, or of another type",
        remedy="Correct the hostPath volume in the pod template.",
        source="kubernetes pkg/volume/hostpath/host_path.go",
        phrases=("hostpath type check failed",),
    ),
    Rule(
        id="volume-multi-attach",
        category=Category.VOLUME,
        means="the volume is still attached to another node or used by another pod",
        remedy="Wait for the other pod to end; to share a volume between pods, use the access mode ReadWriteMany.",
        source="kubernetes pkg/controller/volume/attachdetach/reconciler/reconciler.go ('Multi-Attach error')",
        phrases=("multi attach error",),
    ),
    Rule(
        id="volume-server-refuses-tunnel",
        category=Category.VOLUME,
        means="the storage server refuses the mount, which goes through a tunnel on the node itself (as EFS's does)",
        remedy=(
            "For EFS: add the mount options `tls` and `iam`, and have the file system's policy and access point allow the node's or "
            "the driver's role (elasticfilesystem:ClientMount)."
        ),
        source="nfs-utils utils/mount/error.c; aws/efs-utils (mounts from 127.0.0.1, where stunnel or efs-proxy listens)",
        phrases=("access denied by server while mounting",),
        peer=Peer.LOOPBACK,
    ),
    Rule(
        id="volume-server-refuses",
        category=Category.VOLUME,
        means="the storage server refuses to let the node mount the volume",
        remedy="Check the export rules of the server that the message names, and the node's address in them.",
        source="nfs-utils utils/mount/error.c ('access denied by server while mounting')",
        phrases=("access denied by server while mounting", "mount nfs access denied"),
    ),
    Rule(
        id="volume-nfs-client",
        category=Category.VOLUME,
        means="the node cannot mount this type of file system",
        remedy=(
            "Install the client of the file system on the nodes (for NFS: nfs-common or nfs-utils; for CIFS: cifs-utils), and check "
            "the version in the mount options (vers=) against those of the server."
        ),
        source="util-linux mount(8) ('wrong fs type, ... you might need a /sbin/mount.<type> helper program'); nfs-utils mount/error.c",
        phrases=(
            "wrong fs type",
            "protocol not supported",
            "protocol family not supported",
            "unknown filesystem type",
        ),
        also=_MOUNTING,
    ),
    Rule(
        id="volume-server-unresolved",
        category=Category.VOLUME,
        means="the node cannot resolve the name of the storage server",
        remedy="Check the server's name in the volume; nodes use their own DNS, which knows no services of the cluster: give an address.",
        source="nfs-utils utils/mount/stropts.c and network.c ('Failed to resolve server %s: %s')",
        phrases=("failed to resolve server",),
        also=_MOUNTING,
    ),
    Rule(
        id="volume-csi-driver",
        category=Category.VOLUME,
        means="a CSI driver could not do what was asked of it",
        remedy="Check the volume's claim and storage class, its CSI driver on the node, and the volume's events.",
        source="kubernetes-csi drivers, pkg/driver/driver.go and csi-common/utils.go ('GRPC error': what their interceptors log)",
        phrases=(
            "grpc error err rpc error",
            "grpc error rpc error",
            "no device path for device",
            "failed to find device path",
        ),
    ),
    Rule(
        id="volume-text",
        category=Category.VOLUME,
        means="a volume could not be attached or mounted",
        remedy="Check the volume's claim and storage class, its CSI driver on the node, and the volume's events.",
        source=_OPERATIONS,
        phrases=(
            *_CARRIERS,
            "waiting for volumes to attach or mount",
            "failed to provision volume",
            "failed to attach volume",
            "list of registered csi drivers",
            "attachment timeout for volume",
            "error processing pvc",
            "mount failed exit status",
            "volume node affinity conflict",
            "transport endpoint is not connected",
            "stale nfs file handle",
            "stale file handle",
            "imagevolumemountfailed",
            "unmounted volumes",
            "no volume plugin matched",
        ),
    ),
    Rule(
        id="volume-reason",
        category=Category.VOLUME,
        means="a volume could not be attached or mounted",
        remedy="Check the volume's claim and storage class, its CSI driver on the node, and the volume's events.",
        source=_OPERATIONS,
        reasons={
            "FailedMount",
            "FailedAttachVolume",
            "FailedMapVolume",
            "VolumeResizeFailed",
            "FailedBinding",
            "ProvisioningFailed",
        },
    ),
)
