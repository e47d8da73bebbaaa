"""The part of the metadata that pyproject.toml cannot say: the README as an index shows it, with absolute links."""

import re
from pathlib import Path

from setuptools import setup

ROOT = Path(__file__).parent


def description() -> str:
    """Return the README; its links and pictures lead to the repository that pyproject.toml names."""
    named = re.search(r'^Repository = "(.+?)"', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)
    assert named is not None
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    readme = re.sub(r"(!\[[^\]]*\]\()(?![a-z]+:|#)", rf"\g<1>{named[1]}/raw/main/", readme)
    return re.sub(r"((?<!!)\[[^\]]*\]\()(?![a-z]+:|#)", rf"\g<1>{named[1]}/blob/main/", readme)


setup(long_description=description(), long_description_content_type="text/markdown")
