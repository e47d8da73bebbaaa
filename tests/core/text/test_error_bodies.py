"""A registry's JSON error body decides by its code, in whichever form it is quoted."""

from __future__ import annotations

import json

import pytest

from flytekitplugins_podtriage import diagnose
from flytekitplugins_podtriage.core.text.error_bodies import spell_out_error_bodies

LIMIT = {"code": "TOOMANYREQUESTS", "message": "retry-after: 1.2ms, allowed: 44000/minute"}
UNKNOWN_TAG = {"code": "MANIFEST_UNKNOWN", "message": "tag 'Too Many Requests' is unknown", "detail": {"Tag": "429"}}
FORMS = {
    "compact": lambda error: json.dumps({"errors": [error]}, separators=(",", ":")),
    "spaced": lambda error: json.dumps({"errors": [error]}),
    "indented": lambda error: json.dumps({"errors": [error]}, indent=2),
    "without a list": json.dumps,
    "escaped once": lambda error: json.dumps(json.dumps({"errors": [error]}))[1:-1],
    "escaped twice": lambda error: json.dumps(json.dumps(json.dumps({"errors": [error]})))[3:-3],
    "inside another object": lambda error: json.dumps({"proxied": True, "body": {"errors": [error]}}),
    "with a detail": lambda error: json.dumps(
        {"errors": [{**error, "detail": [{"Type": "repository", "Name": "a/b"}]}]}
    ),
    "with a null detail": lambda error: json.dumps({"errors": [{**error, "detail": None}]}),
    "behind words": lambda error: f"unexpected status: {json.dumps({'errors': [error]})}",
    "cut off": lambda error: json.dumps({"errors": [error]})[:-3],
    "a dictionary of Python": lambda error: str({"errors": [error]}),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_rate_limit_is_found_by_its_code(form: str) -> None:
    assert diagnose(FORMS[form](LIMIT)).category == "registry_rate_limited"


@pytest.mark.parametrize("form", FORMS)
def test_the_code_beats_the_words_of_its_message(form: str) -> None:
    assert diagnose(FORMS[form](UNKNOWN_TAG)).category == "not_found"


@pytest.mark.parametrize(
    ("error", "category"),
    [
        ({"code": "NAME_UNKNOWN", "message": "repository name not known to registry"}, "not_found"),
        ({"code": "DENIED", "message": "requested access to the resource is denied"}, "auth"),
        ({"code": "UNAUTHORIZED", "message": "authentication required"}, "auth"),
        ({"code": "DENIED", "message": "rate limit exceeded"}, "registry_rate_limited"),
        ({"code": "UNAVAILABLE", "message": "service is temporarily unavailable"}, "registry_unavailable"),
    ],
)
def test_each_code_has_its_category(error: dict[str, str], category: str) -> None:
    assert diagnose(json.dumps({"errors": [error]})).category == category


@pytest.mark.parametrize(
    "text",
    [
        "",
        "code = Unknown desc = x",
        '{"level":"error","msg":"x"}',
        '{"code": 429}',
        'exit "code": {',
    ],
)
def test_a_text_without_a_body_stays_as_it_is(text: str) -> None:
    assert spell_out_error_bodies(text) == text


def test_what_stands_around_a_body_stays() -> None:
    text = f"before {json.dumps({'errors': [LIMIT]})} after"
    assert spell_out_error_bodies(text) == "before toomanyrequests after"


def test_each_code_takes_the_message_after_it_and_else_the_first() -> None:
    body = {
        "errors": [{"code": "DENIED", "message": "first"}, {"code": "UNKNOWN", "message": "second"}, {"code": "X1"}]
    }
    text = json.dumps(body).replace('"X1"', '"UNAVAILABLE"')
    assert spell_out_error_bodies(text) == "denied: first, unknown: second, unavailable: first"


def test_codes_without_any_message_are_spelled_alone() -> None:
    assert spell_out_error_bodies('{"code":"DENIED",' * 5_000).count("denied") == 5_000
