"""What FlytePropeller, consoles and other engines say of a failure, as whole texts."""

from __future__ import annotations

import pytest

from flytekitplugins_podtriage import diagnose

PROPELLER = "failed at Node[n0]. RuntimeExecutionError: failed during plugin execution, caused by: failed to execute handle for plugin [spark]: "


@pytest.mark.parametrize(
    ("message", "category", "kind"),
    [
        (
            PROPELLER + 'Post "https://10.96.0.1:443/apis/a.io/v1/b": context deadline exceeded',
            "network_timeout",
            "SYSTEM",
        ),
        (PROPELLER + 'no matches for kind "SparkApplication" in version "a.io/v1"', "config_missing", "SYSTEM"),
        (
            PROPELLER + "panic when executing a plugin [spark]. Stack: [goroutine 7 [running]:\nmain()]",
            "unknown",
            "SYSTEM",
        ),
        (PROPELLER + "[BadTaskSpecification] invalid TaskSpecification [a], caused by: b", "config_invalid", "USER"),
        ("CausedByError: Failed to store workflow inputs, caused by: AccessDenied: no", "auth", "SYSTEM"),
        (
            "Traceback (most recent call last):\n  ...\nmylib.RuntimeExecutionError: 429 of the registry",
            "app_error",
            "USER",
        ),
        (
            "[a] terminated with exit code (1). Reason [Error]. Message: CausedByError: dial tcp: EOF.",
            "app_error",
            "USER",
        ),
    ],
)
def test_whose_fault_it_is_when_flytepropeller_names_a_code_of_its_own(message: str, category: str, kind: str) -> None:
    diagnosis = diagnose(message)
    assert (diagnosis.category, diagnosis.kind) == (category, kind), diagnosis.rule


def test_the_api_server_is_no_registry() -> None:
    diagnosis = diagnose('Post "https://172.21.0.1:443/api/v1/namespaces/a/pods": http2: server sent GOAWAY')
    assert (diagnosis.category, diagnosis.registry) == ("network_timeout", None)


def test_a_record_of_pythons_logging_is_an_applications() -> None:
    record = (
        '{"asctime": "2024-01-01", "name": "a", "levelname": "ERROR", "message": "dial tcp 10.0.0.9:443: i/o timeout"}'
    )
    assert diagnose(record).category == "app_error"


def test_a_disruption_that_gitlab_quotes_is_read_by_its_reason() -> None:
    diagnosis = diagnose('pod "g/r-1" is disrupted: reason "PreemptionByScheduler", message "x"')
    assert diagnosis.category == "preempted"


@pytest.mark.parametrize(
    ("message", "image"),
    [
        ('Failed to pull image "r.example/a:1" from pod "x" and container "c": Error: Status 429', "r.example/a:1"),
        ('failed to pull and unpack image "[r.example/a:1](http://r.example/a:1)": not found', "r.example/a:1"),
    ],
)
def test_an_image_is_named_without_what_stands_around_it(message: str, image: str) -> None:
    assert diagnose(message).image == image


def test_a_described_pod_without_events_is_asked_for_them() -> None:
    diagnosis = diagnose(
        "Name:         a\nNamespace:    b\nStatus:       Pending\nContainers:\n  c:\n    Image:          r.example/a:1\n"
        "    State:          Waiting\n      Reason:       ContainerCreating\n    Ready:          False\n"
    )
    assert (diagnosis.rule, diagnosis.evidence[0].text) == ("events-missing", "ContainerCreating")
    assert "events" in diagnosis.remedy
