"""A Python that is too old or too new is refused in one line, whichever way it comes."""

from __future__ import annotations

import runpy
import subprocess
import sys

import pytest

import flytekitplugins_podtriage.__main__ as program


@pytest.mark.parametrize("version", [(3, 9, 18), (3, 13, 0)])
def test_running_the_package_with_another_python_is_refused_in_one_line(
    version: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "version_info", version)
    with pytest.raises(SystemExit) as refused:
        runpy.run_path(str(program.__file__), run_name="__main__")
    assert refused.value.code == 2
    message = capsys.readouterr().err
    assert message == f"podtriage: unsupported Python {version[0]}.{version[1]}; expected 3.10 to 3.12\n"


@pytest.mark.usefixtures("tool")
def test_package_and_tools_allow_what_the_metadata_allow() -> None:
    import pythons

    allowed = pythons.allowed()
    assert (allowed[0], allowed[-1]) == (program.OLDEST, program.NEWEST)


@pytest.mark.usefixtures("tool")
def test_tools_go_on_with_a_python_that_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    import pythons

    calls: list[list[str]] = []

    def start(command: list[str]) -> int:
        calls.append(command)
        return 7

    monkeypatch.setattr(sys, "version_info", (3, 13, 0))
    monkeypatch.setattr(sys, "argv", ["tools/run.py", "rules"])
    monkeypatch.setenv(pythons.CHOSEN, "")
    monkeypatch.delenv(pythons.CHOSEN)
    monkeypatch.setattr(pythons, "find", lambda version: "/there/python3.11" if version == (3, 11) else None)
    monkeypatch.setattr(subprocess, "call", start)
    with pytest.raises(SystemExit) as ended:
        pythons.choose()
    assert ended.value.code == 7
    assert calls == [["/there/python3.11", "tools/run.py", "rules"]]


@pytest.mark.usefixtures("tool")
def test_tools_say_in_one_line_that_no_python_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    import pythons

    monkeypatch.setattr(sys, "version_info", (3, 13, 0))
    monkeypatch.setattr(pythons, "find", lambda _: None)
    with pytest.raises(SystemExit) as ended:
        pythons.choose()
    message = str(ended.value.code)
    assert message.startswith("this is Python 3.13 (")
    assert "; allowed: python3.10, python3.11, python3.12, and none" in message
    assert "\n" not in message


@pytest.mark.usefixtures("tool")
def test_tools_say_what_is_missing_where_no_environment_can_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    import pythons

    monkeypatch.setattr(sys, "version_info", (3, 11, 2))
    monkeypatch.setattr(pythons, "find_spec", lambda _: None)
    monkeypatch.setattr(pythons, "find", lambda _: None)
    with pytest.raises(SystemExit) as ended:
        pythons.choose()
    assert str(ended.value.code).endswith(
        "lacks ensurepip, which makes virtual environments; Debian: install python3.11-venv"
    )
