"""The attempts that one message joins, and which of them was final.

* containers/image joins mirrors as ``(Mirrors also failed: [A: ...]): B: ...``; B, the last one tried, is final
  (docker/docker_image_src.go, newImageSource).
* CRI-O tries an OCI artifact after the image: ``pull image err: ...; artifact err: ...``; the image was
  requested (server/image_pull.go).
* The kubelet tries one set of credentials after the other and joins the errors as ``[..., ...]``
  (kuberuntime_image.go, PullImage; apimachinery's Aggregate). It does not know which set fits, so a refusal says little
  where another attempt got further.
"""

from __future__ import annotations

import re

_MIRRORS = "(Mirrors also failed: ["
_ARTIFACT = "artifact err: "
_BEGINS = (
    "(?:rpc error: code = |failed to pull |initializing source |reading manifest |unable to pull |Error response )"
)
_NEXT_CREDENTIAL = re.compile(f", (?={_BEGINS})")
_LIST = re.compile(rf"(?::\s|^)\s*\[(?={_BEGINS})")


def split_attempts(text: str) -> list[str]:
    """Return the errors of the attempts that a message joins, the final one last; just the text if it joins none."""
    if _ARTIFACT in text:
        image, _, artifact = text.partition(_ARTIFACT)
        return [artifact, *split_attempts(image)]
    if _MIRRORS in text:
        head, _, rest = text.partition(_MIRRORS)
        mirrors, _, final = rest.rpartition("]): ")
        if final:
            return [mirrors, f"{head} {final}"]
    if "[" in text and "," in text and (start := _LIST.search(text)):
        inner = text[start.end() :].rstrip()
        if inner.endswith("]"):
            tried = _NEXT_CREDENTIAL.split(inner[:-1])
            if len(tried) > 1:
                return tried
    return [text]
