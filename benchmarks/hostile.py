"""One message of a megabyte for each rule, made against its own matcher: time must stay linear in length.

    python -m benchmarks.hostile            the slowest ten
    python -m benchmarks.hostile --check    the same, and exit 1 if doubling a message costs more than 2.3 x

For each rule its phrases are repeated, cut short, glued together, buried in quotes, URLs and brackets: whatever makes a
pattern begin and fail again and again. The ratio is that of the best times of a message and of one of twice its length,
once below the longest that is read whole (64 Ki characters) and once above it.
"""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Iterator

from flytekitplugins_podtriage import diagnose
from flytekitplugins_podtriage.core.rules.builtin import BUILT_IN

SIZES, ROUNDS, LIMIT = ((30_000, 60_000), (500_000, 1_000_000)), 5, 2.3
TRIES = 6
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
)
"""What the patterns of the text modules begin with."""


def attacks() -> Iterator[tuple[str, str]]:
    """Yield a name and a piece of text that is repeated to make the message."""
    for rule in BUILT_IN:
        texts = [str(min(rule.statuses))] if rule.statuses else list(rule.phrases[:3]) or [min(rule.reasons)]
        for number, phrase in enumerate(texts):
            yield f"{rule.id}/{number} nearly", f"{phrase[:-1]} "
            yield f"{rule.id}/{number} glued", phrase.replace(" ", "_")
    for piece in PIECES:
        yield repr(piece), piece


def cost(piece: str, size: int) -> float:
    """Return the time of one diagnosis of the piece repeated, in seconds."""
    message = piece * (size // len(piece))  # whole pieces, so that both lengths end alike
    start = time.perf_counter()
    diagnose(message)
    return time.perf_counter() - start


def main() -> int:
    """Print the worst ratios and the worst times; return 1 if one is too high."""
    found = []
    gc.disable()
    for name, piece in attacks():
        for small, large in SIZES:
            half = whole = float("inf")
            for _ in range(TRIES):
                # Again only where the ratio is too high: a busy machine gives way, a quadratic pattern does not.
                half = min(half, *(cost(piece, small) for _ in range(ROUNDS)))
                whole = min(whole, *(cost(piece, large) for _ in range(ROUNDS)))
                if whole / half <= LIMIT:
                    break
            found.append((whole / half, whole, f"{name}, {large // 1000} KB"))
    for ratio, whole, name in sorted(found, reverse=True)[:10]:
        print(f"{ratio:5.2f} x for twice the length   {whole * 1e3:8.1f} ms   {name}")
    slowest = max(found, key=lambda item: item[1])
    print(f"slowest: {slowest[1] * 1e3:.1f} ms ({slowest[2]}); {len(found)} pairs; limit {LIMIT} x")
    return 1 if "--check" in sys.argv and max(found)[0] > LIMIT else 0


if __name__ == "__main__":
    sys.exit(main())
