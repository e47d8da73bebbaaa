"""One fault of a plan, as a value: what goes wrong, where, when, and for whom.

A line reads ``[task T] [attempt N | every attempt] [container C] TARGET: WHAT [at T] [for T] [xN] [flaky P] [seed N]``.
The words and what they mean are in :data:`WORDS`; ``docs/sandbox_plan.md`` explains them.
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

WORDS: Final[dict[str, tuple[tuple[str, str, str], ...]]] = {
    "pull": (
        # pattern, the modifiers it takes, how it is written in a message
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
"""What may be said of each target: a pattern, the modifiers that it takes, and how it is shown to whoever errs."""

_PATTERNS: Final = {
    target: tuple((re.compile(pattern), frozenset(takes.split())) for pattern, takes, _ in words)
    for target, words in WORDS.items()
}
_SCOPE: Final = re.compile(
    r"(?:task (?P<task>\S+) )?(?:(?P<every>every) attempt |attempt (?P<attempt>\S+) )?"
    r"(?:container (?P<container>\S+) )?"
)
_TARGET: Final = re.compile(r"(?P<target>\S+): ?")
_ABOUT_CONTAINERS: Final = ("pull", "start", "body")
_OF_EVERY: Final = ("pull", "start", "sandbox", "volume", "kubelet", "pod")
"""What may be said of every attempt: nodes have none, and a body's times are its own anyway."""
_PACES: Final = {"syncs": (10.0, 15.0), "status": (0.001, 0.5)}
"""What is possible of each, in seconds (see ``pacing``)."""
_HOST: Final = re.compile(r"localhost(?::\d+)?|[a-z0-9-]+(?:\.[a-z0-9-]+)+(?::\d+)?|[a-z0-9.-]+:\d+")
_MODIFIER: Final = re.compile(r"(?:^| )(?:(at|for|flaky|seed) ([^\s\"]+)|(x)(\d+))$")


@attrs.frozen(slots=True, cache_hash=True)
class Fault:
    """Something that goes wrong. All times are in seconds."""

    target: str
    """``pull``, ``sandbox``, ``volume``, ``start``, ``kubelet``, ``node``, ``body``, ``pod`` or ``replay``."""
    what: str
    """The words, as they are written: ``429``, ``secret db not found``, ``slow 1m30s``."""
    registry: str = ""
    """The registry whose pulls are meant; empty: any."""
    number: int | None = None
    """The HTTP status or the exit code, if the words hold one."""
    phrase: str | None = None
    """The reason phrase of the HTTP status, where it is not the usual one."""
    name: str = ""
    """The name that the words hold, if they do."""
    text: str = ""
    """What the registry says, where the words quote it; of a replay the file."""
    lasts: float | None = None
    """The duration that the words hold, if they do."""
    at: float | None = None
    """When it begins: for pods since their creation, for bodies since their container's start, for all else since the
    beginning of the run; for what is said of every attempt since the creation of its pod."""
    until: float | None = None
    """When it ends, since the same moment."""
    times: int | None = None
    """How often it happens, over the whole run or in each attempt; None: always."""
    flaky: float | None = None
    """With which probability a pull meets it; None: always."""
    seed: int = 0
    task: str = ""
    """The task that is meant, by its name or the last words of it; empty: any."""
    attempt: int | None = None
    """The attempt that is meant, the first being 1; None: any."""
    every: bool = False
    """Whether times and counts begin anew with each attempt."""
    container: str = ""
    """The container that is meant; empty: any, and for bodies the task's own."""

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

    def concerns(self, task: str, attempt: int | None, container: str | None) -> bool:
        """Whether this is for a task's attempt (counted from 0) and one of its containers (None: the pod)."""
        if self.task and not (task == self.task or task.endswith(f".{self.task}")):
            return False
        if self.attempt is not None and attempt != self.attempt - 1:
            return False
        return container is None or not self.container or container == self.container

    def active(self, after: float) -> bool:
        """Whether it holds, so many seconds after the moment from which its times count."""
        return (self.at or 0.0) <= after and (self.until is None or after < self.until)


def read(line: str) -> Fault:
    """Read one fault.

    Raises:
        ValueError: the line says nothing that is known; the message says what is allowed.
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
    found, takes = _words(kind, what)
    refused = sorted(set(modifiers) - takes - ({"seed"} if "flaky" in modifiers else set()))
    if refused:
        raise ValueError(f"{what!r} takes no {refused[0]!r}; allowed: {', '.join(sorted(takes)) or 'nothing more'}")
    words = found.groupdict()
    at = _time("at", modifiers.get("at"), 0.0)
    lasts = _time("for", modifiers.get("for"), 1e-9)
    until = None if lasts is None else lasts + (at or 0.0)
    span = words.get("lasts")
    length = _time("duration", span, 0.0)
    if span is not None and length is not None:
        what = what.replace(span, go_format(length))
    if scope["container"] and kind not in _ABOUT_CONTAINERS:
        raise ValueError(f"{kind!r} is about a whole pod; allowed: container C before {', '.join(_ABOUT_CONTAINERS)}")
    if scope["every"] and kind not in _OF_EVERY:
        raise ValueError(f"{kind!r} is not said of every attempt; allowed: every attempt before {', '.join(_OF_EVERY)}")
    if kind == "pull" and words.get("text") and words.get("name") not in ("manifest", "layer"):
        raise ValueError(f"{what!r}: nobody is told this text; allowed: saying after manifest and layer")
    if kind == "kubelet" and length is not None:
        least, most = _PACES[what.split(" ", 1)[0]]
        if not least <= length <= most:
            shown = f"{go_format(least)} to {go_format(most)}"
            raise ValueError(f"{what!r}: no kubelet goes at that pace; allowed: {shown}")
    if words.get("number") and kind == "body" and int(words["number"]) > 255:
        raise ValueError(f"{what!r} is no exit code; allowed: 0 to 255")
    return Fault(
        kind,
        what,
        registry,
        number=int(words["number"]) if words.get("number") else None,
        phrase=words.get("phrase"),
        name=words.get("name") or "",
        text=words.get("text") or "",
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
    if word in WORDS:
        return word, ""
    if _HOST.fullmatch(word):
        return "pull", word
    raise ValueError(f"unknown target {word!r}; allowed: {', '.join(WORDS)}, or a registry such as docker.io")


def _modifiers(rest: str) -> tuple[str, dict[str, str]]:
    """Take the modifiers off the end of what is said."""
    found: dict[str, str] = {}
    while match := _MODIFIER.search(rest):
        key, value = (match[1], match[2]) if match[1] else (match[3], match[4])
        if key in found:
            raise ValueError(f"{key!r} is said twice; allowed: once")
        found[key] = value
        rest = rest[: match.start()]
    return rest, found


def _words(target: str, what: str) -> tuple[re.Match[str], frozenset[str]]:
    for pattern, takes in _PATTERNS[target]:
        found = pattern.fullmatch(what)
        if found is not None:
            return found, takes
    shown = ", ".join(example for _, _, example in WORDS[target])
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
        raise ValueError(f"{word} {text!r} is no count; allowed: whole numbers from {least} on")
    return int(text)


def _probability(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0.0 <= value <= 1.0:
        raise ValueError(f"flaky {text!r} is no probability; allowed: 0 to 1")
    return value
