"""The types of faults: the lines that write them in a plan, and a fault as a value: what, where, when, for which pods.

A line reads ``[task T] [attempt N | every attempt] [container C] TARGET: WHAT [at T] [for T] [xN] [flaky P] [seed N]``.
The forms of ``WHAT`` are in :data:`FORMS`; ``docs/sandbox_plan.md`` explains them.
"""

from __future__ import annotations

import re
from typing import Final

import attrs

from flytekitplugins_podtriage.core.durations import go_format, seconds

_DURATION: Final = r"\d[\d.]*(?:ns|us|ms|s|m|h)[\d.nsumh]*"
_NAME: Final = r"[A-Za-z0-9][A-Za-z0-9._-]*"
_STATUS: Final = (
    r'(?P<number>[45]\d\d)(?: "(?P<phrase>[^"]*)")?(?: (?P<name>token|manifest|layer))?(?: saying "(?P<text>[^"]+)")?'
)

FORMS: Final[dict[str, tuple[tuple[str, str, str], ...]]] = {
    "pull": (
        (
            _STATUS,
            "at for x flaky",
            '429 ["PHRASE"] [token|manifest|layer] [saying "TEXT"] (any 4xx, 5xx)',
        ),
        (r"not found", "at for x flaky", "not found"),
        (r"denied", "at for x flaky", "denied"),
        (r"dns", "at for x flaky", "dns"),
        (r"no such host", "at for x flaky", "no such host"),
        (r"timeout", "at for x flaky", "timeout"),
        (r"hang", "at for x", "hang"),
        (r"refused", "at for x flaky", "refused"),
        (r"reset", "at for x flaky", "reset"),
        (r"tls", "at for x flaky", "tls"),
        (r"cut", "at for x flaky", "cut"),
        (r"corrupt", "at for x flaky", "corrupt"),
        (r"malformed", "at for x flaky", "malformed"),
        (r"no platform", "at for x flaky", "no platform"),
        (r"qps", "at for x flaky", "qps"),
        (r"absent", "at for x", "absent"),
        (rf"slow (?P<lasts>{_DURATION})", "at for x", "slow 90s"),
    ),
    "sandbox": (
        (r"no address", "at for x", "no address"),
        (rf"no runtime (?P<name>{_NAME})", "at for x", "no runtime NAME"),
    ),
    "volume": (
        (rf"secret (?P<name>{_NAME}) not found", "at for", "secret NAME not found"),
        (rf"configmap (?P<name>{_NAME}) not found", "at for", "configmap NAME not found"),
        (rf"key (?P<name>{_NAME}) not found", "at for", "key NAME not found"),
        (rf"claim (?P<name>{_NAME}) not found", "at for", "claim NAME not found"),
    ),
    "start": (
        (rf"secret (?P<name>{_NAME}) not found", "at for x", "secret NAME not found"),
        (rf"configmap (?P<name>{_NAME}) not found", "at for x", "configmap NAME not found"),
        (rf"key (?P<name>{_NAME}) not found", "at for x", "key NAME not found"),
        (r"runs as root", "at for x", "runs as root"),
        (rf"bad subpath (?P<name>{_NAME})", "at for x", "bad subpath NAME"),
        (r"no command", "at for x", "no command"),
        (r"command not found", "at for x", "command not found"),
        (rf"bad mount (?P<name>{_NAME})", "at for x", "bad mount NAME"),
        (r"exec format", "at for x", "exec format"),
    ),
    "kubelet": (
        (rf"syncs every (?P<lasts>{_DURATION})", "at for", "syncs every 15s"),
        (r"syncs drawn", "at for seed", "syncs drawn"),
        (rf"status (?P<lasts>{_DURATION}) late", "at for", "status 150ms late"),
    ),
    "node": (
        (r"shutdown", "at", "shutdown"),
        (r"lost", "at", "lost"),
        (r"unreachable", "at for", "unreachable"),
    ),
    "body": (
        (rf"(?P<lasts>{_DURATION})", "", "40m"),
        (r"exit (?P<number>\d{1,3})", "at x", "exit 3"),
        (r"term (?P<number>\d{1,3})", "", "term 143"),
        (r"oom(?: exit (?P<number>\d{1,3}))?", "at x", "oom [exit 1]"),
    ),
    "replay": ((r"(?P<text>\S+)(?: (?P<name>\S+))?", "x", "FILE [STORY]"),),
    "pod": (
        (r"evicted", "at x", "evicted"),
        (r"evicted over its limit", "at x", "evicted over its limit"),
        (rf"evicted over volume (?P<name>{_NAME})", "at x", "evicted over volume NAME"),
        (r"evicted by api", "at x", "evicted by api"),
        (r"preempted", "at x", "preempted"),
        (r"preempted by kubelet", "at x", "preempted by kubelet"),
        (r"tainted", "at x", "tainted"),
        (r"deleted", "at x", "deleted"),
        (r"deleted by force", "at x", "deleted by force"),
        (r"patched", "at x", "patched"),
        (r"rejected (?P<name>OutOf[a-z-]+|NodeAffinity|MemoryPressure)", "x", "rejected OutOfcpu|NodeAffinity|..."),
        (r"unschedulable", "for x", "unschedulable"),
        (r"gated", "for x", "gated"),
    ),
}
"""By target: the pattern of each form, the modifiers it takes, and how error messages show it."""

_PATTERNS: Final = {
    target: tuple((re.compile(pattern), frozenset(takes.split())) for pattern, takes, _ in forms)
    for target, forms in FORMS.items()
}
_SCOPE: Final = re.compile(
    r"(?:task (?P<task>\S+) )?(?:(?P<every>every) attempt |attempt (?P<attempt>\S+) )?"
    r"(?:container (?P<container>\S+) )?"
)
_TARGET: Final = re.compile(r"(?P<target>\S+): ?")
_CONTAINER_TARGETS: Final = ("pull", "start", "body")
_EVERY_TARGETS: Final = ("pull", "start", "sandbox", "volume", "kubelet", "pod")
"""Targets that ``every attempt`` may precede: nodes have no attempts, and a body's times are relative anyway."""
_PACES: Final = {"syncs": (10.0, 15.0), "status": (0.001, 0.5)}
"""The range of each, in seconds (see ``kubelet/timing.py``)."""
_HOST: Final = re.compile(r"localhost(?::\d+)?|[a-z0-9-]+(?:\.[a-z0-9-]+)+(?::\d+)?|[a-z0-9.-]+:\d+")
_MODIFIER: Final = re.compile(r"(?:^| )(?:(at|for|flaky|seed) ([^\s\"]+)|(x)(\d+))$")


@attrs.frozen(slots=True, cache_hash=True)
class Fault:
    """Something that goes wrong. Times are in seconds."""

    target: str
    """``pull``, ``sandbox``, ``volume``, ``start``, ``kubelet``, ``node``, ``body``, ``pod`` or ``replay``."""
    what: str
    """As it is written: ``429``, ``secret db not found``, ``slow 1m30s``."""
    registry: str = ""
    """The registry whose pulls fail; empty: any."""
    number: int | None = None
    """The HTTP status or exit code, if any."""
    phrase: str | None = None
    """The reason phrase of the HTTP status, if not the standard one."""
    name: str = ""
    """The name in it, if any."""
    text: str = ""
    """The quoted text of the registry; the file of a replay."""
    lasts: float | None = None
    """The duration in it, if any."""
    at: float | None = None
    """When it starts: for pod faults since the pod's creation, for bodies since their container's start, for all else
    since the start of the run, or with ``every attempt`` since the creation of the attempt's pod."""
    until: float | None = None
    """When it ends, counted from the same time."""
    times: int | None = None
    """How often it occurs, in the whole run or in each attempt; None: always."""
    flaky: float | None = None
    """The probability that a pull has it; None: always."""
    seed: int = 0
    task: str = ""
    """The name of the task, or the end of it after a dot; empty: any."""
    attempt: int | None = None
    """The attempt, from 1; None: any."""
    every: bool = False
    """Whether times and counts start over with each attempt."""
    container: str = ""
    """The container; empty: any, and for bodies the primary one."""

    def __str__(self) -> str:
        parts = []
        if self.task:
            parts.append(f"task {self.task}")
        if self.attempt is not None:
            parts.append(f"attempt {self.attempt}")
        if self.every:
            parts.append("every attempt")
        if self.container:
            parts.append(f"container {self.container}")
        parts.append(f"{self.registry or self.target}: {self.what}")
        if self.at is not None:
            parts.append(f"at {go_format(self.at)}")
        if self.until is not None:
            parts.append(f"for {go_format(self.until - (self.at or 0.0))}")
        if self.times is not None:
            parts.append(f"x{self.times}")
        if self.flaky is not None:
            parts.append(f"flaky {self.flaky!r}")
        if self.seed:
            parts.append(f"seed {self.seed}")
        return " ".join(parts)

    def applies_to(self, task: str, attempt: int | None, container: str | None) -> bool:
        """Whether it applies to a task's attempt (from 0) and one of its containers (None: the pod)."""
        if self.task and not (task == self.task or task.endswith(f".{self.task}")):
            return False
        if self.attempt is not None and attempt != self.attempt - 1:
            return False
        return container is None or not self.container or container == self.container

    def active(self, after: float) -> bool:
        """Whether it is active, so many seconds after the time from which its times count."""
        return (self.at or 0.0) <= after and (self.until is None or after < self.until)


def parse_fault(line: str) -> Fault:
    """Parse one fault.

    Raises:
        ValueError: the line is not a fault; the message says what is allowed.
    """
    text = " ".join(line.split())
    scope = _SCOPE.match(text)
    assert scope is not None  # everything in it is optional
    target = _TARGET.match(text, scope.end())
    if target is None:
        raise ValueError("no target; allowed: [task T] [attempt N] [container C] TARGET: WHAT")
    kind, registry = _target(target["target"])
    what, modifiers = _modifiers(text[target.end() :])
    if kind == "pull" and not what and "flaky" in modifiers:
        what = "503"
    match, takes = _match_form(kind, what)
    excess = sorted(set(modifiers) - takes - ({"seed"} if "flaky" in modifiers else set()))
    if excess:
        raise ValueError(f"{what!r} does not take {excess[0]!r}; allowed: {', '.join(sorted(takes)) or 'nothing more'}")
    groups = match.groupdict()
    at = _time("at", modifiers.get("at"), 0.0)
    lasts = _time("for", modifiers.get("for"), 1e-9)
    until = None if lasts is None else lasts + (at or 0.0)
    span = groups.get("lasts")
    length = _time("duration", span, 0.0)
    if span is not None and length is not None:
        what = what.replace(span, go_format(length))
    if scope["container"] and kind not in _CONTAINER_TARGETS:
        raise ValueError(
            f"{kind!r} applies to a whole pod; allowed: container C before {', '.join(_CONTAINER_TARGETS)}"
        )
    if scope["every"] and kind not in _EVERY_TARGETS:
        allowed = ", ".join(_EVERY_TARGETS)
        raise ValueError(f"{kind!r} does not apply to every attempt; allowed: every attempt before {allowed}")
    if kind == "pull" and groups.get("text") and groups.get("name") not in ("manifest", "layer"):
        raise ValueError(f"{what!r}: containerd drops this text; allowed: saying after manifest and layer")
    if kind == "kubelet" and length is not None:
        least, most = _PACES[what.split(" ", 1)[0]]
        if not least <= length <= most:
            raise ValueError(f"{what!r} is out of range; allowed: {go_format(least)} to {go_format(most)}")
    if groups.get("number") and kind == "body" and int(groups["number"]) > 255:
        raise ValueError(f"{what!r}: invalid exit code; allowed: 0 to 255")
    return Fault(
        kind,
        what,
        registry,
        number=int(groups["number"]) if groups.get("number") else None,
        phrase=groups.get("phrase"),
        name=groups.get("name") or "",
        text=groups.get("text") or "",
        lasts=length,
        at=at,
        until=until,
        times=_count("x", modifiers.get("x")),
        flaky=_probability(modifiers.get("flaky")),
        seed=int(_count("seed", modifiers.get("seed"), 0) or 0),
        task=scope["task"] or "",
        attempt=_count("attempt", scope["attempt"]),
        every=bool(scope["every"]),
        container=scope["container"] or "",
    )


def _target(word: str) -> tuple[str, str]:
    if word in FORMS:
        return word, ""
    if _HOST.fullmatch(word):
        return "pull", word
    raise ValueError(f"unknown target {word!r}; allowed: {', '.join(FORMS)}, or a registry such as docker.io")


def _modifiers(rest: str) -> tuple[str, dict[str, str]]:
    """Split off the modifiers at the end."""
    modifiers: dict[str, str] = {}
    while match := _MODIFIER.search(rest):
        key, value = (match[1], match[2]) if match[1] else (match[3], match[4])
        if key in modifiers:
            raise ValueError(f"{key!r} occurs twice; allowed: once")
        modifiers[key] = value
        rest = rest[: match.start()]
    return rest, modifiers


def _match_form(target: str, what: str) -> tuple[re.Match[str], frozenset[str]]:
    for pattern, takes in _PATTERNS[target]:
        match = pattern.fullmatch(what)
        if match is not None:
            return match, takes
    shown = ", ".join(example for _, _, example in FORMS[target])
    raise ValueError(f"unknown fault {what!r} of {target!r}; allowed: {shown}")


def _time(word: str, text: str | None, least: float) -> float | None:
    if text is None:
        return None
    value = seconds(text)
    if not least <= value <= 1e8:
        raise ValueError(f"{word} {text!r} is out of range; allowed: a duration such as 90s or 4m, up to three years")
    return value


def _count(word: str, text: str | None, least: int = 1) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and int(text) >= least):
        raise ValueError(f"{word} {text!r} is not a count; allowed: whole numbers from {least} up")
    return int(text)


def _probability(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0.0 <= value <= 1.0:
        raise ValueError(f"flaky {text!r} is not a probability; allowed: 0 to 1")
    return value
