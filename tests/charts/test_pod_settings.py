"""The page that says what becomes of Flyte's settings for pods leaves none out."""

from __future__ import annotations

import re

from tests.paths import ROOT

PAGE = (ROOT / "docs" / "pod_settings.md").read_text(encoding="utf-8")

# flyteorg/flyte v1.16.8, flyteplugins/go/tasks/pluginmachinery/flytek8s/config/config.go: the keys of K8sPluginConfig.
KEYS = """
    inject-finalizer default-annotations default-labels default-env-vars default-env-vars-from-env
    default-env-from-configmaps default-env-from-secrets default-cpus default-memory default-tolerations
    default-node-selector default-affinity scheduler-name interruptible-tolerations interruptible-node-selector
    interruptible-node-selector-requirement non-interruptible-node-selector-requirement resource-tolerations co-pilot
    delete-resource-on-finalize create-container-error-grace-period create-container-config-error-grace-period
    image-pull-backoff-grace-period image-pull-policy pod-pending-timeout gpu-device-node-label
    gpu-partition-size-node-label gpu-unpartitioned-node-selector-requirement gpu-unpartitioned-toleration
    gpu-resource-name default-pod-security-context default-security-context enable-host-networking-pod
    default-pod-dns-config default-pod-template-name default-pod-template-resync send-object-events
    update-base-backoff-duration update-backoff-retries add-tolerations-for-extended-resources
    enable-distributed-error-aggregation
""".split()
# Likewise, of FlyteCoPilotConfig.
COPILOT_KEYS = """
    name image default-input-path default-output-path input-vol-name output-vol-name start-timeout timeout cpu memory
    storage
""".split()


def rows() -> dict[str, tuple[str, str]]:
    """Return what the table says of each setting: whether it is honoured, and the remark."""
    table = PAGE.split("## `plugins.k8s`")[1].split("\n## ")[0]
    return {
        name: (answer.strip("*"), remark)
        for name, answer, remark in re.findall(r"^\| `(.+?)` \| (.+?) \| (.*?) ?\|$", table, re.MULTILINE)
    }


def test_every_setting_is_there_in_the_order_of_the_source() -> None:
    assert list(rows()) == KEYS


def test_every_setting_has_one_of_four_answers() -> None:
    assert {answer for answer, _ in rows().values()} == {"yes", "podtriage", "in part", "-"}


def test_whoever_reads_no_learns_what_to_do_instead_or_why() -> None:
    for name, (answer, remark) in rows().items():
        assert answer == "yes" or remark, name


def test_copilots_settings_are_all_named() -> None:
    _, remark = rows()["co-pilot"]
    assert set(re.findall(r"`([a-z-]+)`", remark)) == set(COPILOT_KEYS)
