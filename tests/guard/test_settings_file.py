"""The guard's settings: from a file and from options, each wrong one refused in a line that says what is allowed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import pytest

from flytekitplugins_podtriage.core.accounting import Limits
from flytekitplugins_podtriage.core.errors import InvalidSettings
from flytekitplugins_podtriage.core.guard.policy import GuardPolicy, Mode
from flytekitplugins_podtriage.core.policy import Policy
from flytekitplugins_podtriage.guard.settings_file import FIELDS, GuardSettings, keys, read_settings
from tests.paths import ROOT


def written(folder: Path, text: str) -> str:
    path = folder / "guard.yaml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_without_a_file_or_options_there_are_the_defaults_and_nothing_is_acted_upon() -> None:
    settings = read_settings()

    assert settings == GuardSettings()
    assert settings.policy() == GuardPolicy()
    assert settings.policy().mode_of("flytesnacks-development") is Mode.OBSERVE


def test_an_empty_file_is_a_file_of_defaults(tmp_path: Path) -> None:
    assert read_settings(written(tmp_path, "# nothing yet\n")) == GuardSettings()


def test_options_go_before_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, "mode: enforce\nmargin: 10s\nnamespaces: [a, b]\n")

    settings = read_settings(path, {"margin": ("3s", "--set margin"), "mode": ("observe", "--mode")})

    assert (settings.mode, settings.margin, settings.namespaces) == (Mode.OBSERVE, 3.0, ("a", "b"))


def test_a_namespace_may_have_a_mode_of_its_own(tmp_path: Path) -> None:
    as_table = read_settings(written(tmp_path, "namespace-modes: {flytesnacks-production: enforce}"))
    as_text = read_settings(None, {"namespace-modes": ("flytesnacks-production=enforce,b=observe", "--set")})

    for settings in (as_table, as_text):
        policy = settings.policy()
        assert policy.mode_of("flytesnacks-production") is Mode.ENFORCE
        assert policy.mode_of("flytesnacks-development") is Mode.OBSERVE


@pytest.mark.parametrize(
    ("text", "field", "value"),
    [
        ("clock-skew: 500ms", "clock_skew", 0.5),
        ("margin: 7", "margin", 7.0),
        ("fail-fast: true", "fail_fast", True),
        ("fail_fast_after: 1m", "fail_fast_after", 60.0),
        ("cap-per-minute: 0", "cap_per_minute", 0),
        ("port: 0", "port", 0),
        ("propeller-config: flyte/a, flyte/b", "propeller_config", ("flyte/a", "flyte/b")),
        ("propeller-config: []", "propeller_config", ()),
        ("ignore-retry-cause: false", "ignore_retry_cause", False),
        ("image-pull-backoff-grace-period: 5m", "image_pull_backoff_grace_period", 300.0),
        ('lease-namespace: ""', "lease_namespace", ""),
    ],
)
def test_a_value_is_read_as_people_write_it(tmp_path: Path, text: str, field: str, value: object) -> None:
    assert getattr(read_settings(written(tmp_path, text)), field) == value


WRONG = {
    "an unknown key": ("margn: 5s", r"unknown setting 'margn'; did you mean 'margin'\? allowed: backend, mode"),
    "an unknown key like no other": ("zzz: red", r"unknown setting 'zzz'; allowed: "),
    "a key of another type": ("3: 4", r"unknown setting '3'; allowed: "),
    "an unknown mode": ("mode: act", r"mode: invalid value 'act'; allowed: observe, enforce"),
    "a mode that YAML takes for a boolean": ("mode: on", r"mode: invalid value 'True'; allowed: observe, enforce"),
    "an unknown mode of a namespace": ("namespace-modes: {a: on}", r"namespace-modes: invalid value 'True'; allowed"),
    "a namespace with a mode that cannot be one": ("namespace-modes: {A_b: observe}", "invalid namespace 'A_b'"),
    "an unknown backend": ("backend: flyte-3", r"backend: invalid value 'flyte-3'; allowed: flyte-1.16, flyte-2"),
    "a backend that is podtriage": ("backend: podtriage", "allowed: flyte-1.16, flyte-2"),
    "a duration that is none": ("margin: soon", "margin: not a duration: 'soon'"),
    "a negative duration": ("margin: -1s", "margin: invalid duration '-1s'; allowed: 0s to 366 days"),
    "a reserve of none": ("system-reserve: 0", "system-reserve: invalid number 0; allowed: 1 to 1000"),
    "a port beyond the last": ("port: 65536", "port: invalid number 65536; allowed: 0 to 65535"),
    "a name with a slash": ("lease-name: a/b", "lease-name: invalid name 'a/b'; allowed: a-z"),
    "a ConfigMap without a namespace": ("propeller-config: cm", r"invalid object 'cm'; allowed: NAMESPACE/NAME"),
    "a ConfigMap with a path": ("propeller-config: a/../b", r"propeller-config: invalid name '../b'"),
    "a key without a value": ("mode:", "mode: no value; leave the key out for the default"),
    "rescue on Flyte 2": ("backend: flyte-2\nrescue: true", "rescue with backend flyte-2: .*allowed with flyte-1.16"),
    "a file of rules that is not there": ("rules: /nowhere.toml", "No such file or directory: '/nowhere.toml'"),
    "a list instead of a table": ("[mode, observe]", "invalid document of type list; allowed: a table with backend"),
    "a text instead of a table": ("observe", "invalid document of type str"),
    "no YAML": ("mode: [", "is not YAML: "),
    "YAML with a tag of Python": ("mode: !!python/object:os.system x", "is not YAML: "),
    "YAML that is nested too deeply": ("[" * 600, "is not YAML: "),
}


@pytest.mark.parametrize(("text", "message"), WRONG.values(), ids=WRONG)
def test_what_is_unknown_or_not_allowed_is_refused_in_a_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InvalidSettings, match=message) as refused:
        read_settings(written(tmp_path, text))

    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("path", ["/nowhere/guard.yaml", "/"])
def test_a_file_that_cannot_be_read_is_named(path: str) -> None:
    with pytest.raises(InvalidSettings, match=f"^{path}: .*; allowed: a YAML file$"):
        read_settings(path)


def test_a_file_that_is_too_large_or_not_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings, match="is too large; allowed: 1 MB"):
        read_settings(written(tmp_path, "#" * 1_000_001))
    binary = tmp_path / "guard.bin"
    binary.write_bytes(bytes(range(128, 256)))
    with pytest.raises(InvalidSettings, match="is not YAML"):
        read_settings(str(binary))


def test_a_wrong_option_is_named_by_its_option() -> None:
    with pytest.raises(InvalidSettings, match="^--port: invalid number 'http'; allowed: 0 to 65535$"):
        read_settings(None, {"port": ("http", "--port")})


def test_the_backends_own_settings_come_from_its_config_map_unless_they_are_set_here() -> None:
    stock = attrs.evolve(
        Policy.for_backend("flyte-1.16"), image_pull_backoff_grace_period=600.0, create_container_error_grace_period=9.0
    )
    limits = Limits(max_system_failures=7, ignore_retry_cause=True)

    policy = read_settings(None, {"image-pull-backoff-grace-period": ("5m", "--set")}).policy(stock, limits)

    assert policy.stock.image_pull_backoff_grace_period == 300.0
    assert policy.stock.create_container_error_grace_period == 9.0
    assert (policy.limits.max_system_failures, policy.limits.ignore_retry_cause) == (7, True)


def test_what_is_set_here_goes_before_the_config_map_even_if_it_is_zero_or_false() -> None:
    options: dict[str, tuple[object, str]] = {
        "max-system-failures": (0, "--set"),
        "ignore-retry-cause": (False, "--set"),
        "pod-pending-timeout": ("0s", "--set"),
        "retries": (2, "--set"),
    }
    stock = attrs.evolve(Policy.for_backend("flyte-1.16"), pod_pending_timeout=60.0)
    policy = read_settings(None, options).policy(stock, Limits(max_system_failures=7, ignore_retry_cause=True))

    assert policy.limits == Limits(retries=2, max_system_failures=0)
    assert policy.stock.pod_pending_timeout == 0


def test_own_rules_are_tried_before_the_built_in_ones() -> None:
    rules = str(ROOT / "examples" / "06_own_rules.toml")
    policy = read_settings(None, {"rules": (rules, "--set")}).policy()
    assert policy.own.rules is not None and policy.stock.rules is None


@pytest.mark.parametrize(
    ("backend", "selector"), [("flyte-1.16", "execution-id"), ("flyte-2", "flyte.org/managed=true")]
)
def test_the_selector_is_that_of_the_backends_own_pods_unless_it_is_set(backend: str, selector: str) -> None:
    assert GuardSettings(backend=backend).pod_selector == selector
    assert GuardSettings(backend=backend, selector="team=a").pod_selector == "team=a"


def test_keys_are_the_fields() -> None:
    assert [key.replace("-", "_") for key in keys()] == list(FIELDS)


def test_every_setting_of_the_decisions_can_be_set() -> None:
    changed: dict[str, Any] = {
        "backend": "flyte-1.16", "mode": "enforce", "namespace_modes": {"a": "observe"}, "system_reserve": 2,
        "max_system_restarts": 5, "margin": 6, "clock_skew": 3, "fail_fast": True, "fail_fast_after": 45, "rescue": True,
        "cap_per_execution": 1, "user_patience": 1, "max_system_failures": 9, "image_pull_backoff_grace_period": 1,
    }  # fmt: skip
    policy, default = GuardSettings(**changed).policy(), GuardPolicy()
    for field in attrs.fields(GuardPolicy):
        if field.name != "backend":
            assert getattr(policy, field.name) != getattr(default, field.name), field.name
