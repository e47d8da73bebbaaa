"""Adversarial messages of up to half a megabyte against every rule: the time must stay linear in the length.

    python -m benchmarks.hostile            print the ten worst
    python -m benchmarks.hostile --check    print them, and exit with 1 if doubling a message costs more than 2.3 x

It takes some 80 s of one processor: each message is measured once, and again only where its ratio is too high.

Each message repeats a rule's phrases, cut short or glued together, or what the patterns of core.text begin with, so
that a pattern starts and fails again and again. A ratio compares the best processor times of a message and of one of
twice its length, once below the length up to which messages are read whole (64 Ki characters) and once above it.
"""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Iterator

from flytekitplugins_podtriage import diagnose
from flytekitplugins_podtriage.core.rules.builtin import BUILT_IN

SIZES, LIMIT = ((30_000, 60_000), (250_000, 500_000)), 2.3
TRIES = 12
PIECES = (
    '"',
    '"a',
    "://",
    "https://a:b@",
    "[manifests ",
    "[rpc error: code = ",
    "(Mirrors also failed: [",
    "artifact err: ",
    "USER::",
    "[1/1] currentAttempt done. ",
    "containers with unready status: [",
    "\\",
    "\x1b[",
    "sig=",
    "token=a",
    '"token":"',
    "Bearer ",
    "a",
    " ",
    "\n",
    ".",
    "/",
    'image "',
    '{"code":"DENIED",',
    "lookup ",
    "https://a",
    "retry-after:",
    "429 ",
    "manifest a in ",
    "`a",
    "for a",
    "Grace period [",
    'Back-off pulling image "',
    "eyJaaaaaaaaaa.",
    "@",
    "status code 42",
    ", rpc error: code = ",
    "\u00e9",
    "%3d",
    "ghp_a",
    "password: ",
    '" 1:',
    "--a ",
)
"""What the patterns of core.text begin with."""


def attacks() -> Iterator[tuple[str, str]]:
    """Yield a name and the text that is repeated to make the message."""
    for rule in BUILT_IN:
        texts = [str(min(rule.statuses))] if rule.statuses else list(rule.phrases[:3]) or [min(rule.reasons)]
        for number, phrase in enumerate(texts):
            yield f"{rule.id}/{number} nearly", f"{phrase[:-1]} "
            yield f"{rule.id}/{number} glued", phrase.replace(" ", "_")
    for piece in PIECES:
        yield repr(piece), piece


def cost(piece: str, size: int) -> float:
    """Return the processor time of diagnosing a message of this size, in seconds."""
    message = piece * (size // len(piece))  # whole pieces, so that both sizes end alike
    start = time.process_time()
    diagnose(message)
    return time.process_time() - start


def main() -> int:
    """Print the worst ratios and the slowest message; return 1 if a ratio is too high."""
    costs = []
    gc.disable()
    for name, piece in attacks():
        for small, large in SIZES:
            half = whole = float("inf")
            for _ in range(TRIES):
                # Noise goes away when it is measured again, a quadratic pattern does not.
                half, whole = min(half, cost(piece, small)), min(whole, cost(piece, large))
                if whole / half <= LIMIT:
                    break
            costs.append((whole / half, whole, f"{name}, {large // 1000} KB"))
    for ratio, whole, name in sorted(costs, reverse=True)[:10]:
        print(f"{ratio:5.2f} x for twice the length   {whole * 1e3:8.1f} ms   {name}")
    slowest = max(costs, key=lambda item: item[1])
    print(f"slowest: {slowest[1] * 1e3:.1f} ms ({slowest[2]}); {len(costs)} pairs; limit {LIMIT} x")
    return 1 if "--check" in sys.argv and max(costs)[0] > LIMIT else 0


if __name__ == "__main__":
    sys.exit(main())
