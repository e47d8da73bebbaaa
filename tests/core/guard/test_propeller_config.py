"""The settings of a backend are read as the backend reads them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from flytekitplugins_podtriage.core.accounting import Limits
from flytekitplugins_podtriage.core.guard.propeller_config import BackendConfig, read_propeller_config
from flytekitplugins_podtriage.core.policy import Policy

CORE = """
propeller:
  max-workflow-retries: 30
  node-config:
    max-node-retries-system-failures: 5
    interruptible-failure-threshold: -2
    default-max-attempts: 2
    ignore-retry-cause: true
"""
K8S = """
plugins:
  k8s:
    inject-finalizer: true
    image-pull-backoff-grace-period: 10m
    create-container-error-grace-period: 1m30s
    create-container-config-error-grace-period: 5s
    pod-pending-timeout: 1h
"""
PLUGINS = """
tasks:
  task-plugins:
    enabled-plugins: [container, connector-service]
    default-for-task-types:
      container: container
      podtriage: connector-service
"""
NODE = "propeller.node-config"
GRACE = "plugins.k8s.image-pull-backoff-grace-period"


def read(*texts: str, backend: str = "flyte-1.16") -> BackendConfig:
    return read_propeller_config({f"{number}.yaml": yaml.safe_load(text) for number, text in enumerate(texts)}, backend)


def nested(name: str, value: object) -> dict[str, Any]:
    for part in reversed(name.split(".")):
        value = {part: value}
    assert isinstance(value, dict)
    return value


def test_everything_that_is_set_is_read() -> None:
    config = read(CORE, K8S, PLUGINS)
    assert config.stock == attrs.evolve(
        Policy.for_backend("flyte-1.16"),
        image_pull_backoff_grace_period=600,
        create_container_error_grace_period=90,
        create_container_config_error_grace_period=5,
        pod_pending_timeout=3600,
    )
    assert config.limits == Limits(
        max_system_failures=5, interruptible_failure_threshold=-2, default_max_attempts=2, ignore_retry_cause=True
    )
    assert config.inject_finalizer
    assert config.enabled_plugins == ("container", "connector-service")
    assert config.task_types["podtriage"] == "connector-service"
    assert config.settings[f"{NODE}.max-node-retries-system-failures"] == 5
    assert config.problems == ()


@pytest.mark.parametrize(
    "files", [{}, {"core.yaml": None}, {"core.yaml": {}}, {"a": {"propeller": {"node-config": None}}}]
)
def test_what_is_not_set_is_flytes_default(files: Mapping[str, object]) -> None:
    assert read_propeller_config(files) == BackendConfig(stock=Policy.for_backend("flyte-1.16"), limits=Limits())


def test_the_settings_of_flyte_2() -> None:
    text = "{executor: {maxSystemFailures: 7}, plugins: {k8s: {disable-inject-owner-references: true}}}"
    config = read(text, CORE, K8S, backend="flyte-2")
    assert config.stock.name == "flyte-2"
    assert config.stock.image_pull_backoff_grace_period == 600
    assert config.limits == Limits(max_system_failures=7)
    assert (config.inject_finalizer, config.owner_references) == (True, False)
    assert read(text).owner_references, "1.16 has no such setting"


def test_an_unknown_backend_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown backend 'flyte-3'; allowed: podtriage, flyte-1.16, flyte-2"):
        read(CORE, backend="flyte-3")


def test_files_are_merged_in_the_order_of_their_names() -> None:
    files = {
        "b.yaml": {"plugins": {"k8s": {"image-pull-backoff-grace-period": "2m", "default-cpus": "1"}}},
        "a.yaml": {"plugins": {"k8s": {"image-pull-backoff-grace-period": "1m", "inject-finalizer": True}}},
        "c.yaml": {"plugins": {"logs": {}}},
        "d.yaml": {"plugins": "none"},  # what is no table does not replace one
    }
    config = read_propeller_config(files)
    assert (config.stock.image_pull_backoff_grace_period, config.inject_finalizer) == (120, True)


def test_keys_are_compared_without_regard_to_case() -> None:
    config = read("{Propeller: {NODE-config: {Ignore-Retry-Cause: true}}, PLUGINS: {K8s: {Inject-Finalizer: true}}}")
    assert (config.limits.ignore_retry_cause, config.inject_finalizer) == (True, True)
    two = read_propeller_config({"a": {"plugins": {}, "Plugins": {"k8s": {"inject-finalizer": True}}}})
    assert two.inject_finalizer
    assert two.problems == ("a: has the key 'plugins' twice, in two spellings",)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("3m0s", 180),
        ("1.5h", 5400),
        ("250ms", 0.25),
        ("-20s", -20),
        ("0", 0),
        ("", 0),
        (0, 0),
        (180_000_000_000, 180),
        (1.5e9, 1.5),
        (None, 180),
    ],
)
def test_durations_as_go_reads_them(value: object, seconds: float) -> None:
    config = read_propeller_config({"k8s.yaml": nested(GRACE, value)})
    assert config.stock.image_pull_backoff_grace_period == seconds


def test_a_number_is_a_duration_in_nanoseconds_which_nobody_means() -> None:
    config = read_propeller_config({"k8s.yaml": nested(GRACE, 300)})
    assert config.stock.image_pull_backoff_grace_period == 3e-7
    assert config.problems == (f"{GRACE}: the number 300 is in nanoseconds (300ns); write a unit: 300s",)


@pytest.mark.parametrize(
    ("name", "value", "field", "converted"),
    [
        ("max-node-retries-system-failures", "4", "max_system_failures", 4),
        ("max-node-retries-system-failures", 4.9, "max_system_failures", 4),
        ("max-node-retries-system-failures", True, "max_system_failures", 1),
        ("max-node-retries-system-failures", "", "max_system_failures", 0),
        ("interruptible-failure-threshold", "-1", "interruptible_failure_threshold", -1),
        ("default-max-attempts", 0, "default_max_attempts", 1),
        ("default-max-attempts", 1, "default_max_attempts", 1),
        ("ignore-retry-cause", "true", "ignore_retry_cause", True),
        ("ignore-retry-cause", "T", "ignore_retry_cause", True),
        ("ignore-retry-cause", "0", "ignore_retry_cause", False),
        ("ignore-retry-cause", 1, "ignore_retry_cause", True),
        ("ignore-retry-cause", None, "ignore_retry_cause", False),
    ],
)
def test_values_are_converted_weakly(name: str, value: object, field: str, converted: Any) -> None:
    config = read_propeller_config({"core.yaml": nested(f"{NODE}.{name}", value)})
    assert config.limits == attrs.evolve(Limits(), **{field: converted})
    assert config.problems == ()


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        (GRACE, "3 minutes", f"{GRACE}: invalid duration '3 minutes'; allowed: 30s, 3m0s, 1.5h"),
        (GRACE, " 3m", f"{GRACE}: invalid duration ' 3m'; allowed: 30s, 3m0s, 1.5h"),
        (GRACE, "300", f"{GRACE}: invalid duration '300'; allowed: 30s, 3m0s, 1.5h"),
        (GRACE, True, f"{GRACE}: invalid duration True; allowed: 30s, 3m0s, 1.5h"),
        (GRACE, ["3m"], f"{GRACE}: invalid duration of type list; allowed: 30s, 3m0s, 1.5h"),
        (GRACE, "x" * 99, f"{GRACE}: invalid duration of type str; allowed: 30s, 3m0s, 1.5h"),
        (
            f"{NODE}.default-max-attempts",
            "two",
            f"{NODE}.default-max-attempts: invalid number 'two'; allowed: a whole number",
        ),
        (f"{NODE}.default-max-attempts", -1, f"{NODE}.default-max-attempts: invalid number -1; allowed: 0 or more"),
        (
            f"{NODE}.ignore-retry-cause",
            "yes",
            f"{NODE}.ignore-retry-cause: invalid value 'yes'; allowed: true or false",
        ),
        (NODE, 3, f"{NODE}.max-node-retries-system-failures: one of its sections is no table"),
        (
            "tasks.task-plugins.enabled-plugins",
            3,
            "tasks.task-plugins.enabled-plugins: invalid value 3; allowed: a list",
        ),
    ],
)
def test_what_cannot_be_read_is_said_and_flytes_default_taken(name: str, value: object, problem: str) -> None:
    config = read_propeller_config({"a.yaml": nested(name, value)})
    assert problem in config.problems
    assert (config.stock, config.limits) == (Policy.for_backend("flyte-1.16"), Limits())


def test_a_document_that_is_no_table_is_said() -> None:
    assert read_propeller_config({"a.yaml": [1]}).problems == ("a.yaml: is no table of settings and was not read",)


def test_task_types_may_be_a_list_of_tables_and_plugins_a_text() -> None:
    plugins = {"default-for-task-types": [{"Podtriage": "connector-service"}], "enabled-plugins": "container, sidecar"}
    config = read_propeller_config({"a.yaml": {"tasks": {"task-plugins": plugins}}})
    assert config.task_types == {"podtriage": "connector-service"}
    assert config.enabled_plugins == ("container", "sidecar")


SETTINGS = (GRACE, f"{NODE}.ignore-retry-cause", f"{NODE}.default-max-attempts", "tasks.task-plugins.enabled-plugins")
SCALARS = st.sampled_from([None, True, 0, -1, 3, 2**70, 1.5, float("nan"), float("inf"), "", "x", "3m", b"b"])
NESTED = st.lists(SCALARS, max_size=2) | st.dictionaries(st.sampled_from(["k8s", "K8s", ""]), SCALARS, max_size=2)
VALUES = SCALARS | NESTED


@given(
    st.dictionaries(st.sampled_from(["0.yaml", "a", ""]), VALUES, max_size=2),
    st.sampled_from(SETTINGS),
    VALUES,
    st.sampled_from(["flyte-1.16", "flyte-2"]),
)
def test_any_files_have_settings(files: dict[str, Any], name: str, value: object, backend: str) -> None:
    for number in range(len(name.split("."))):
        files[f"{number}.yaml"] = nested(".".join(name.split(".")[: number + 1]), value)
    config = read_propeller_config(files, backend)
    assert all(len(problem) < 300 for problem in config.problems)


def test_a_document_nested_without_end_is_read_to_some_depth() -> None:
    endless: dict[str, Any] = {}
    endless["plugins"] = endless
    assert read_propeller_config({"a.yaml": endless}).problems == ("a.yaml: is nested deeper than 20 tables",)
