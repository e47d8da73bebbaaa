"""Plans: what they say, what they refuse, and that they are read back as they are written."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flytekitplugins_podtriage.sandbox.cluster import SandboxCluster
from flytekitplugins_podtriage.sandbox.faults.fault_types import FORMS, Fault
from flytekitplugins_podtriage.sandbox.faults.plan import Plan, PlanError
from tests.builders import NAME, NAMESPACE, manifest
from tests.paths import ROOT
from tests.sandbox.observing import watch

LINES = {
    "attempt 1 replay: stories.jsonl.gz pull-429-token@1.34.4": Fault(
        "replay",
        "stories.jsonl.gz pull-429-token@1.34.4",
        text="stories.jsonl.gz",
        name="pull-429-token@1.34.4",
        attempt=1,
    ),
    'pull: 429 "" for 4m': Fault("pull", '429 ""', number=429, phrase="", until=240.0),
    'pull: 503 "Slow Down" manifest': Fault(
        "pull", '503 "Slow Down" manifest', number=503, phrase="Slow Down", name="manifest"
    ),
    'ghcr.io: 403 layer saying "quota; #7, wait for x2" x1': Fault(
        "pull",
        '403 layer saying "quota; #7, wait for x2"',
        registry="ghcr.io",
        number=403,
        name="layer",
        text="quota; #7, wait for x2",
        times=1,
    ),
    "every attempt pull: 429 for 3m": Fault("pull", "429", number=429, until=180.0, every=True),
    "task t every attempt container envoy pull: 429 x2": Fault(
        "pull", "429", number=429, times=2, task="t", container="envoy", every=True
    ),
    "sandbox: no address for 40s": Fault("sandbox", "no address", until=40.0),
    "sandbox: no runtime runsc": Fault("sandbox", "no runtime runsc", name="runsc"),
    "volume: key ca.crt not found": Fault("volume", "key ca.crt not found", name="ca.crt"),
    "volume: claim scratch not found": Fault("volume", "claim scratch not found", name="scratch"),
    "start: bad subpath v": Fault("start", "bad subpath v", name="v"),
    "body: oom exit 1 at 2s": Fault("body", "oom exit 1", number=1, at=2.0),
    "pod: evicted over volume v at 24s": Fault("pod", "evicted over volume v", name="v", at=24.0),
    "pod: patched at 15s": Fault("pod", "patched", at=15.0),
    "docker.io: 429 for 4m": Fault("pull", "429", registry="docker.io", number=429, until=240.0),
    "localhost:5000: denied": Fault("pull", "denied", registry="localhost:5000"),
    "pull: 429 x2": Fault("pull", "429", number=429, times=2),
    "pull: 500 for 1m": Fault("pull", "500", number=500, until=60.0),
    "pull: 429 at 10s for 1m": Fault("pull", "429", number=429, at=10.0, until=70.0),
    "pull: 429 token": Fault("pull", "429 token", number=429, name="token"),
    "pull: not found": Fault("pull", "not found"),
    "pull: slow 90s": Fault("pull", "slow 1m30s", lasts=90.0),
    "pull: dns for 1m": Fault("pull", "dns", until=60.0),
    "pull: timeout x1": Fault("pull", "timeout", times=1),
    "pull: flaky 0.3 seed 7": Fault("pull", "503", number=503, flaky=0.3, seed=7),
    "pull: 429 flaky 0.5": Fault("pull", "429", number=429, flaky=0.5),
    "start: secret db-password not found": Fault("start", "secret db-password not found", name="db-password"),
    "kubelet: syncs every 15s at 40s for 30s": Fault("kubelet", "syncs every 15s", lasts=15.0, at=40.0, until=70.0),
    "kubelet: syncs drawn seed 3": Fault("kubelet", "syncs drawn", seed=3),
    "every attempt kubelet: status 150ms late": Fault("kubelet", "status 150ms late", lasts=0.15, every=True),
    "node: shutdown at 30s": Fault("node", "shutdown", at=30.0),
    "node: lost at 30s": Fault("node", "lost", at=30.0),
    "node: unreachable at 5s for 100s": Fault("node", "unreachable", at=5.0, until=105.0),
    "body: 40m": Fault("body", "40m0s", lasts=2400.0),
    "body: exit 3": Fault("body", "exit 3", number=3),
    "body: oom at 10s": Fault("body", "oom", at=10.0),
    "body: oom": Fault("body", "oom"),
    "pod: evicted at 20s": Fault("pod", "evicted", at=20.0),
    "pod: preempted at 20s": Fault("pod", "preempted", at=20.0),
    "pod: unschedulable for 2m": Fault("pod", "unschedulable", until=120.0),
    "pod: deleted at 20s": Fault("pod", "deleted", at=20.0),
    "task my.task pull: 429 x2": Fault("pull", "429", number=429, times=2, task="my.task"),
    "attempt 1 node: lost at 3s": Fault("node", "lost", at=3.0, attempt=1),
    "task t attempt 2 container envoy body: exit 1": Fault(
        "body", "exit 1", number=1, task="t", attempt=2, container="envoy"
    ),
}


@pytest.mark.parametrize("line", LINES)
def test_a_line_says_one_fault(line: str) -> None:
    assert Plan.parse(line).faults == (LINES[line],)


@pytest.mark.parametrize("line", LINES)
def test_a_fault_is_written_as_it_is_read(line: str) -> None:
    plan = Plan.parse(line)
    assert Plan.parse(str(plan)) == plan


BAD = {
    "every attempt node: lost": "does not apply to every attempt",
    "every attempt body: oom": "does not apply to every attempt",
    "kubelet: syncs every 9s": "allowed: 10s to 15s",
    "kubelet: syncs every 12s seed 3": "does not take 'seed'",
    "kubelet: status 2s late": "allowed: 1ms to 500ms",
    "container c kubelet: syncs drawn": "applies to a whole pod",
    "every attempt attempt 2 pull: 429": "no target",
    'pull: 429 saying "slow down"': "containerd drops this text",
    'pull: 429 token saying "slow down"': "containerd drops this text",
    'pull: 429 "Too Many': "unknown fault",
    "body: oom exit 256": "invalid exit code",
    "volume: key k not found x2": "does not take 'x'",
    "container envoy node: lost": "whole pod",
    "body: 99999999h": "out of range",
    "429 for 4m": "no target",
    "registry: 429": "unknown target 'registry'",
    "pull:": "unknown fault ''",
    "pull: 200": "unknown fault '200'",
    "pull: maybe": "allowed: 429",
    "pull: 429 for": "unknown fault",
    "pull: 429 for ever": "not a duration",
    "pull: 429 for -1m": "out of range",
    "pull: 429 for 0s": "out of range",
    "pull: 429 x0": "whole numbers from 1 up",
    "pull: 429 x2 x3": "occurs twice",
    "pull: 429 seed 7": "does not take 'seed'",
    "pull: flaky 1.5": "not a probability",
    "pull: flaky nan": "not a probability",
    "body: exit 256": "invalid exit code",
    "body: 40m x2": "does not take 'x'",
    "body: oom for 2m": "does not take 'for'",
    "node: shutdown x2": "does not take 'x'",
    "pod: unschedulable at 3s": "does not take 'at'",
    "attempt 0 pull: 429": "whole numbers from 1 up",
    "attempt one pull: 429": "whole numbers from 1 up",
}


@pytest.mark.parametrize("line", BAD)
def test_a_bad_line_is_refused_with_its_place_and_what_is_allowed(line: str) -> None:
    with pytest.raises(PlanError) as caught:
        Plan.parse(f"# a comment\n\n{line}\n", source="faults.txt")
    message = str(caught.value)
    assert message.startswith("faults.txt, line 3: ")
    assert BAD[line] in message
    assert "allowed" in message
    assert "\n" not in message


def test_comments_and_empty_lines_say_nothing() -> None:
    plan = Plan.parse("# first\n\n  pull: 429 x2   # two of them\n")
    assert [str(fault) for fault in plan.faults] == ["pull: 429 x2"]


def test_lines_may_come_as_a_list() -> None:
    assert Plan.of(["pull: 429", "", "body: oom"]) == Plan.parse("pull: 429\nbody: oom")


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (None, 0),
        ("", 0),
        ("pull: 429; body: oom", 2),
        ("pull: 429\n", 1),
        ('pull: 429 layer saying "a; b"; body: oom', 2),
    ],
)
def test_a_variable_holds_a_plan_in_one_line(text: str | None, lines: int) -> None:
    assert len(Plan.from_environment(text).faults) == lines


def test_a_plan_is_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "plan.txt"
    path.write_text("docker.io: 429 for 4m\n", encoding="utf-8")
    assert Plan.from_file(path) == Plan.parse("docker.io: 429 for 4m")


def test_a_file_that_cannot_be_read_is_a_plan_error(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="cannot be read"):
        Plan.from_file(tmp_path / "absent.txt")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PlanError, match="not UTF-8"):
        Plan.from_file(tmp_path / "binary")


def test_a_bad_line_of_a_file_is_named_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "plan.txt"
    path.write_text("pull: 429\npull: nonsense\n", encoding="utf-8")
    with pytest.raises(PlanError, match=r"plan\.txt, line 2"):
        Plan.from_file(path)


@pytest.mark.parametrize(
    ("line", "task", "attempt", "container", "fits"),
    [
        ("task my.task pull: 429", "my.task", 0, None, True),
        ("task task pull: 429", "my.task", 0, None, True),
        ("task ask pull: 429", "my.task", 0, None, False),
        ("attempt 1 pull: 429", "", 0, None, True),
        ("attempt 1 pull: 429", "", 1, None, False),
        ("attempt 1 pull: 429", "", None, None, False),
        ("container envoy pull: 429", "", 0, "envoy", True),
        ("container envoy pull: 429", "", 0, "primary", False),
    ],
)
def test_a_fault_concerns_what_it_names(
    line: str, task: str, attempt: int | None, container: str | None, fits: bool
) -> None:
    assert Plan.parse(line).faults[0].applies_to(task, attempt, container) is fits


@given(st.lists(st.sampled_from(sorted(LINES)), max_size=6))
def test_every_plan_survives_being_written(lines: list[str]) -> None:
    plan = Plan.of(lines)
    assert Plan.parse(str(plan)) == plan
    assert len(plan.faults) == len(lines)


@given(st.text(max_size=60))
def test_any_text_is_a_plan_or_a_plan_error(text: str) -> None:
    try:
        plan = Plan.parse(text)
    except PlanError:
        return
    assert Plan.parse(str(plan)) == plan


WORDS = st.sampled_from(
    "task attempt every container envoy 1 2 pull: docker.io: node: kubelet: body: pod: start: syncs drawn 429 token slow 90s oom exit 3 evicted by "
    "api at for 4m x2 flaky 0.5 seed lost deleted rejected OutOfcpu # :".split()
)


@given(st.lists(WORDS, max_size=9))
def test_known_words_in_any_order_are_a_plan_or_a_plan_error(words: list[str]) -> None:
    try:
        plan = Plan.parse(" ".join(words))
    except PlanError as error:
        assert "allowed" in str(error)
        return
    assert Plan.parse(str(plan)) == plan


def test_a_flaky_registry_strikes_as_often_as_it_is_said_to() -> None:
    def refused(seed: int) -> bool:
        snapshots = watch(f"pull: flaky 0.5 seed {seed}", seconds=5)
        return any("503" in (event.message or "") for event in snapshots[-1].events)

    struck = [refused(seed) for seed in range(100)]
    assert 30 <= sum(struck) <= 70
    assert struck == [refused(seed) for seed in range(100)]


PLANS = st.lists(st.sampled_from(sorted(line for line in LINES if "replay" not in line)), max_size=5)


@given(PLANS, st.sampled_from(["1.34", "1.31"]), st.booleans())
def test_the_same_plan_tells_the_same_story(lines: list[str], kubelet: str, sidecar: bool) -> None:
    pod = manifest(sidecar="envoy") if sidecar else manifest()
    once, twice = (watch(Plan.of(lines), pod, seconds=400, kubelet=kubelet) for _ in range(2))
    assert once == twice


@given(PLANS, st.integers(1, 6))
def test_a_pod_that_has_ended_stays_as_it_ended(lines: list[str], grace: int) -> None:
    pod = manifest(terminationGracePeriodSeconds=grace)
    # What another client writes is taken back by the kubelet.
    plan = Plan.of(line for line in lines if "patched" not in line)
    phases = [snapshot.pod.status.phase for snapshot in watch(plan, pod, seconds=1800)]
    over = [index for index, phase in enumerate(phases) if phase in ("Failed", "Succeeded")]
    assert not over or len(set(phases[over[0] :])) == 1


GUIDE = ROOT / "docs" / "sandbox_plan.md"


def test_the_guides_own_plan_can_be_read() -> None:
    example = GUIDE.read_text(encoding="utf-8").split("```")[1]
    assert len(Plan.parse(example).faults) == 3


@pytest.mark.parametrize("target", FORMS)
def test_the_guide_names_every_fault(target: str) -> None:
    guide = GUIDE.read_text(encoding="utf-8")
    for _, _, shown in FORMS[target]:
        words = shown.split(" [")[0].split("|")[0]
        assert f"`{words}`" in guide, words


def test_what_is_said_of_every_attempt_begins_anew_with_each_pod() -> None:
    async def story() -> list[int]:
        cluster = SandboxCluster(Plan.parse("every attempt pull: 429 x2"))
        failures = []
        for _ in range(2):
            await cluster.create(NAMESPACE, manifest())
            snapshot = cluster.get_cached(NAMESPACE, NAME)
            while snapshot is not None and snapshot.pod.status.phase != "Succeeded":
                snapshot = await cluster.wait_for_change(NAMESPACE, NAME, cluster.now() + timedelta(hours=1))
            assert snapshot is not None
            counts = [event.count for event in snapshot.events if (event.message or "").startswith("Failed to pull")]
            failures.append(sum(count or 0 for count in counts))
            await cluster.delete(NAMESPACE, NAME, grace=0)
        return failures

    assert asyncio.run(story()) == [2, 2]
