"""Rules for devices: GPUs and others that a device plugin or a DRA driver allocates."""

from __future__ import annotations

from typing import Final

from flytekitplugins_podtriage.core.model import Category, ErrorKind
from flytekitplugins_podtriage.core.rules.rule import Rule
from flytekitplugins_podtriage.core.text.speaker import ANYBODY

RULES: Final = (
    Rule(
        id="gpu-hardware",
        category=Category.GPU_DEVICE,
        means="the GPU, or its link to others, has failed",
        remedy="Drain the node and check the GPU (nvidia-smi -q, dmesg); a retry on another node should succeed.",
        source=(
            "CUDA runtime API (cudaErrorECCUncorrectable 214, cudaErrorNvlinkUncorrectable 220, cudaErrorContained 221);"
            " NVML (NVML_ERROR_GPU_IS_LOST); docs.nvidia.com/deploy/xid-errors. No program can cause these, and those that"
            " use the device are the first to report it: they count in what an application prints, too"
        ),
        phrases=(
            "uncorrectable ecc error",
            "uncorrectable nvlink",
            "nvlink error",
            "fallen off the bus",
            "gpu is lost",
            "gpu needs to be reset",
            "cudaerroreccuncorrectable",
            "invalid access of peer gpu memory over nvlink",
            "row remapping failure",
            "double bit ecc error",
        ),
        speakers=ANYBODY,
    ),
    Rule(
        id="gpu-xid-of-program",
        category=Category.APP_ERROR,
        means="the GPU's driver reports an error that programs cause",
        remedy="Check the program for accesses to memory that is not its own, and see the task's log.",
        source="docs.nvidia.com/deploy/xid-errors: 13, 31, 43, 45 and 68 are usually caused by the program",
        phrases=("nvrm xid",),
        also=("nameref 13", "nameref 31", "nameref 43", "nameref 45", "nameref 68"),
        speakers=ANYBODY,
    ),
    Rule(
        id="gpu-request-invalid",
        category=Category.GPU_DEVICE,
        kind=ErrorKind.USER,
        means="the task requests more shared GPUs than one container may have",
        remedy="Request one shared GPU in the task's resources.",
        source="NVIDIA k8s-device-plugin internal/plugin/server.go ('invalid request for sharing GPU')",
        phrases=("invalid request for sharing gpu",),
    ),
    Rule(
        id="gpu-out-of-memory",
        category=Category.APP_ERROR,
        means="the task's program ran out of GPU memory, or misused it",
        remedy="Use a smaller batch or model, or a GPU with more memory; see the task's log.",
        source="CUDA runtime API (cudaErrorMemoryAllocation); PyTorch ('CUDA out of memory')",
        phrases=(
            "cuda error out of memory",
            "cuda out of memory",
            "hip out of memory",
            "graphics sm warp exception",
            "device side assert triggered",
            "an illegal memory access was encountered",
        ),
    ),
    Rule(
        id="gpu-device",
        category=Category.GPU_DEVICE,
        means="the node cannot provide the device (GPU) that was allocated to the pod",
        remedy="Check the node's device plugin and driver; a retry on another node should succeed.",
        source="kubernetes pkg/kubelet/cm/devicemanager/manager.go and cm/dra/manager.go; NVIDIA libnvidia-container",
        phrases=(
            "no healthy devices present",
            "cannot allocate unregistered device",
            "requested number of devices unavailable",
            "previously allocated devices are no longer healthy",
            "no containers return in allocation response",
            "unhealthy devices",
            "nvidia container cli",
            "nvidia container runtime",
            "nvml error",
            "failed to initialize nvml",
            "driver library version mismatch",
            "could not load nvml library",
            "unresolvable cdi devices",
            "failed to inject cdi devices",
            "cdi device injection failed",
            "no binding pod found",
            "device taint manager",
            "no cuda capable device is detected",
            "cuda driver version is insufficient",
            "cuda driver initialization failed",
            "cuda unknown error",
            "prepare dynamic resources",
            "nodeprepareresources",
            "unable to prepare resourceclaim",
            "no adapters were found",
            "device plugin prestartcontainer rpc failed",
            "device plugin getpreferredallocation rpc failed",
        ),
    ),
    Rule(
        id="gpu-xid",
        category=Category.GPU_DEVICE,
        means="the GPU's driver reports a device error",
        remedy="Look up the Xid in NVIDIA's catalogue, and drain the node if the hardware is at fault.",
        source="docs.nvidia.com/deploy/xid-errors; the kernel's log, which an application can quote and not make up",
        phrases=("nvrm xid",),
        speakers=ANYBODY,
    ),
    Rule(
        id="gpu-taint",
        category=Category.GPU_DEVICE,
        means="the pod's device was tainted, and the pod was evicted",
        remedy="Check the device; a retry on another one should succeed.",
        source="kubernetes pkg/controller/devicetainteviction (DeletionByDeviceTaintManager)",
        reasons={"DeletionByDeviceTaintManager", "DeviceTaintManagerEviction", "FailedPrepareDynamicResources"},
    ),
    Rule(
        id="admission-numa",
        category=Category.ADMISSION_REJECTED,
        means="the node could not allocate CPUs or memory as its NUMA policies require",
        remedy="None needed; the attempt is retried on another node.",
        source="kubernetes pkg/kubelet/cm/memorymanager and cpumanager (policy_static.go)",
        phrases=(
            "allocate failed due to memorymanager",
            "allocate failed due to cpumanager",
            "allocate failed due to not enough cpus",
            "numa nodes with enough memory",
        ),
    ),
    Rule(
        id="gpu-allocate",
        category=Category.GPU_DEVICE,
        means="the node's device plugin could not allocate a device",
        remedy="Check the node's device plugin; a retry on another node should succeed.",
        source="kubernetes pkg/kubelet/cm/devicemanager/manager.go ('Allocate failed due to %v, which is unexpected')",
        phrases=("allocate failed due to",),
    ),
)
