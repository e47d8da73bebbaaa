"""Pages as a browser lays them out: measured in headless Chromium by a script in the page around them."""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "chrome")
_MEASURE = r"""
const seen = element => {
  const box = element.getBoundingClientRect();
  return box.width > 1 && box.height > 1 && getComputedStyle(element).visibility === "visible";
};
const colour = text => (text.match(/[\d.]+/g) || [0, 0, 0, 0]).map(Number);
const ground = element => {
  for (let one = element; one; one = one.parentElement) {
    const [r, g, b, a = 1] = colour(getComputedStyle(one).backgroundColor);
    if (a > 0) return [r, g, b];
  }
  return [255, 255, 255];
};
const luminance = channels => {
  const [r, g, b] = channels.map(c => c / 255).map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const contrast = element => {
  const style = getComputedStyle(element);
  const ink = colour(element instanceof element.ownerDocument.defaultView.SVGElement ? style.fill : style.color);
  const [light, dark] = [luminance(ink.slice(0, 3)), luminance(ground(element))].sort((a, b) => b - a);
  return (light + 0.05) / (dark + 0.05);
};
const words = element => [...element.childNodes].filter(node => node.nodeType === 3 && node.data.trim());
const measure = frame => {
  const doc = frame.contentDocument, view = frame.contentWindow, faults = [];
  doc.querySelectorAll("details").forEach(one => one.open = true);
  const width = doc.documentElement.clientWidth;
  for (const element of doc.body.querySelectorAll("*")) {
    if (!seen(element)) continue;
    const name = `${element.tagName.toLowerCase()}.${element.className.baseVal ?? element.className} ` +
      `${element.textContent.trim().slice(0, 40)}`;
    const box = element.getBoundingClientRect();
    if (box.right > width + 0.5 || box.left < -0.5) faults.push(`outside: ${name}`);
    if (element.scrollWidth > element.clientWidth + 1 && element.clientWidth) faults.push(`clipped: ${name}`);
    if (words(element).length) {
      const range = doc.createRange();
      range.selectNodeContents(element);
      const inner = range.getBoundingClientRect(), outer = (element.closest("td, th, svg") || element).getBoundingClientRect();
      if (inner.right > outer.right + 1) faults.push(`beyond its cell: ${name}`);
      const ratio = contrast(element);
      if (ratio < 4.5) faults.push(`contrast ${ratio.toFixed(2)}: ${name}`);
    }
  }
  const heads = doc.querySelectorAll("tbody td").length, shown = [...doc.querySelectorAll("tbody td")].filter(seen).length;
  return {name: frame.title, width, faults, requests: view.performance.getEntriesByType("resource").length,
    cells: heads, empty: [...doc.querySelectorAll("tbody td")].filter(td => !td.textContent.trim()).length, shown,
    dark: view.matchMedia("(prefers-color-scheme: dark)").matches};
};
window.onload = () => {
  const found = [...document.querySelectorAll("iframe")].map(measure);
  document.body.innerHTML = "";
  document.body.append(Object.assign(document.createElement("pre"), {id: "found", textContent: JSON.stringify(found)}));
};
"""


def find(environ: Mapping[str, str] = os.environ) -> str | None:
    """Return the path of a Chromium: ``CHROMIUM``, or one on ``PATH``."""
    return environ.get("CHROMIUM") or next(filter(None, map(shutil.which, PROGRAMS)), None)


def measure(chromium: str, pages: Mapping[str, str], widths: Sequence[int], folder: Path) -> list[dict[str, Any]]:
    """Return what is wrong with pages at each width, light and dark; all in one run of the browser."""
    frames = [
        f'<iframe title="{html.escape(name)}" srcdoc="{html.escape(page)}" '
        f'style="width:{width}px;height:2000px;border:0;color-scheme:{scheme}"></iframe>'
        for name, page in pages.items()
        for width in widths
        for scheme in ("light", "dark")
    ]
    around = folder / "around.html"
    around.write_text(f"<!DOCTYPE html><body><script>{_MEASURE}</script>{''.join(frames)}</body>", encoding="utf-8")
    done = subprocess.run(
        [
            chromium,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-extensions",
            "--hide-scrollbars",
            f"--user-data-dir={folder / 'profile'}",
            "--dump-dom",
            around.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    match = re.search(r'<pre id="found">(.*?)</pre>', done.stdout, re.DOTALL)
    assert match is not None, done.stdout[-2000:] + done.stderr[-2000:]
    found: list[dict[str, Any]] = json.loads(html.unescape(match[1]))
    return found
