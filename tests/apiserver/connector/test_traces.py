"""What a served connector leaves behind of its work: a line for each charge, and metrics in flytekit's exporter."""

from __future__ import annotations

from collections.abc import Callable

from flytekitplugins_podtriage.connector.attempt_log import FIELDS
from tests.apiserver.connector.served import Served, Task
from tests.apiserver.connector.telling import AwaitingKubelet, crashed, name_of, shut_down


def test_each_charge_is_one_line_and_is_counted(
    impatient: Served, task: Callable[..., Task], kubelet: AwaitingKubelet, namespace: str
) -> None:
    for tell, outputs, kind, charged, reason in (
        (shut_down, ("o0",), "SYSTEM", "SYSTEM", "own"),
        (shut_down, (), "SYSTEM", "USER", "no_outputs"),
        (crashed, ("o0",), "USER", "USER", "own"),
    ):
        labels = {"kind": kind, "charged": charged, "reason": reason}
        before = impatient.metric("podtriage_charges_total", **labels)
        one = task(outputs=outputs)
        meta = one.create(impatient)
        tell(kubelet, namespace, name_of(meta))
        one.until_over(impatient, meta)
        for _ in range(5):
            one.get(impatient, meta)
        (line,) = (each for each in impatient.logged("charge") if each["execution"] == one.execution)
        assert (line["kind"], line["charged"]) == (kind, charged)
        assert (line["namespace"], line["pod"], line["node"]) == (namespace, name_of(meta), "n0")
        assert set(FIELDS) <= set(line) and line["levelname"] == "INFO"
        assert impatient.metric("podtriage_charges_total", **labels) == before + 1


def test_what_it_asks_of_the_api_server_and_how_old_its_view_is_are_metrics(
    impatient: Served, task: Callable[..., Task], kubelet: AwaitingKubelet, namespace: str
) -> None:
    one = task()
    meta = one.create(impatient)
    kubelet.creating(namespace, name_of(meta))
    one.until(impatient, meta, lambda resource: "podtriage" in resource.custom_info)
    for verb in ("list", "watch", "create"):
        assert impatient.metric("podtriage_api_requests_total", verb=verb, resource="pods", code="2xx") >= 1
    assert 0 <= impatient.metric("podtriage_view_age_seconds") < 75
    assert impatient.metric("podtriage_request_duration_seconds_count", operation="create") >= 1
    assert impatient.metric("podtriage_request_duration_seconds_count", operation="get") >= 1
