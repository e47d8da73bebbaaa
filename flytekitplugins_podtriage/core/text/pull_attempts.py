"""The attempts that one message joins, and which of them was final.

* containers/image joins mirrors as ``(Mirrors also failed: [A: ...]): B: ...``; B, the last one tried, is final
  (docker/docker_image_src.go, newImageSource).
* CRI-O tries an OCI artifact after the image: ``pull image err: ...; artifact err: ...``; the image was
  requested (server/image_pull.go).
* The kubelet tries one set of credentials after the other and joins the errors as ``[..., ...]``
  (kuberuntime_image.go, PullImage; apimachinery's Aggregate). It does not know which set fits, so a refusal says little
  where another attempt got further. The entries are errors of a pull, whole or already unwrapped.
"""

from __future__ import annotations

import re

_MIRRORS = "(Mirrors also failed: ["
_ARTIFACT = "artifact err: "
_BEGINS = (
    "(?:rpc error: |failed to |initializing source |reading manifest |unable to pull |Error response |error pulling "
    "|pull access denied|pulling from |(?:dial|read|write|proxyconnect) (?:tcp|udp)|lookup |net/http: |tls: |x509: |EOF"
    '|(?:Get|Head|GET|HEAD) "?https?://|context (?:deadline|canceled)|i/o timeout|no such host|connection refused'
    "|manifest unknown|manifest for |name unknown|blob unknown|unknown: |not found|denied|unauthorized"
    "|authentication required|no basic auth|no match for platform|toomanyrequests|received unexpected "
    "|unexpected status|invalid status code|StatusCode: |[45]\\d\\d [A-Z]"
    '|"?[\\w.-]{1,255}(?::\\d{1,5})?/[^\\s,]{1,512}: (?:not found|manifest))'
)
"""How errors of a pull begin (containerd core/remotes/docker, containers/image, distribution's client, Go's net and
net/http): what else stands in brackets (a container, a volume, a taint) is no list of attempts."""
_NEXT_CREDENTIAL = re.compile(f",\\s+(?={_BEGINS})")
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
        inner = text[start.end() :].rstrip(" \t\r\n.")
        if inner.endswith("]"):
            tried = _NEXT_CREDENTIAL.split(inner[:-1])
            if len(tried) > 1:
                return tried
    return [text]
