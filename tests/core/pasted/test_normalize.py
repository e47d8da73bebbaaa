"""What transport has done to a text is undone; an ordinary message stays as it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flytekitplugins_podtriage.core.pasted.normalize import decode, normalize

PULL = 'Failed to pull image "reg.example.com/a/b:1": 401 Unauthorized'


@pytest.mark.parametrize(
    "text",
    [
        "Failed%20to%20pull%20image%20%22reg.example.com%2Fa%2Fb%3A1%22%3A%20401%20Unauthorized",
        "Failed to pull image &quot;reg.example.com/a/b:1&quot;: 401 Unauthorized",
        "Failed to pull image &#34;reg.example.com/a/b:1&#x22;: 401&nbsp;Unauthorized",
        "Failed to pull image \u201creg.example.com/a/b:1\u201d: 401\u00a0Unauthorized",
        'Failed to pull image "<http://reg.example.com/a/b:1|reg.example.com/a/b:1>": 401 Unauthorized',
        '\x1b[31mFailed to pull image\x1b[0m "reg.example.com/a/b:1": 401 Unauthorized',
        'F\x00ailed to pull image "reg.example.com/a/b:1": 401 Unauthorized\x00',
        '\ufeffFailed to pull image "reg.example.com/a/b:1": 401 Unauthorized',
    ],
)
def test_the_text_is_what_the_program_printed(text: str) -> None:
    assert normalize(text) == PULL


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_a_file_is_read_in_whichever_encoding_it_is(encoding: str) -> None:
    assert decode(PULL.encode(encoding)) == PULL


@pytest.mark.parametrize(
    "text",
    [
        "GET https://auth.docker.io/token?scope=repository%3Aa%2Fb%3Apull: 429",
        "a & b; AT&T;",
        "x <5 and y> 3",
        'Failed to pull image "a": <nil>',
    ],
)
def test_an_ordinary_message_stays_as_it_is(text: str) -> None:
    assert normalize(text) == text


@given(st.binary())
def test_any_bytes_become_a_text(data: bytes) -> None:
    normalize(decode(data))
