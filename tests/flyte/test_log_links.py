"""Templates of log links."""

from __future__ import annotations

import pytest

from flytekitplugins_podtriage.flyte.log_links import LinkTemplate


@pytest.mark.parametrize("text", ["", "Logs", "Logs=", "=https://x", "Logs=x", "Logs=https://x/{{ .nothing }}"])
def test_an_invalid_link_is_refused_with_what_is_allowed(text: str) -> None:
    with pytest.raises(ValueError, match="allowed: "):
        LinkTemplate.parse(text)
