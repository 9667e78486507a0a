"""Opens pages in a real browser, and has axe-core look for what keeps people out of them."""

from __future__ import annotations

import base64
import hashlib
import io
import shutil
import tarfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here to open the page with")

_AXE = "https://registry.npmjs.org/axe-core/-/axe-core-4.14.1.tgz"
_AXE_SHA512 = "FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ=="


@contextmanager
def started() -> Iterator[Browser]:
    """A headless browser."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


class Opened:
    """A page in a window of its own; what it complained of and asked for is kept."""

    def __init__(self, browser: Browser, content: bytes, folder: Path, **window: Any) -> None:
        file = folder / "page.html"
        file.write_bytes(content)
        self.page: Page = browser.new_context(**window).new_page()
        self.errors: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.errors.append(message.text))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(file.as_uri())
        self.asked_for_more = [url for url in self.requests if url != file.as_uri() and not url.startswith("data:")]


def axe(cache: Path) -> str:
    """The script of axe-core, from npm; without a network the test is skipped."""
    kept = cache / "axe-core-4.14.1.tgz"
    if not kept.exists():
        try:
            with urllib.request.urlopen(_AXE, timeout=60) as answer:
                kept.write_bytes(answer.read())
        except OSError as error:
            pytest.skip(f"no axe-core: {error}")
    content = kept.read_bytes()
    assert base64.b64encode(hashlib.sha512(content).digest()).decode() == _AXE_SHA512
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        script = archive.extractfile("package/axe.min.js")
        assert script
        return script.read().decode()


def faults(page: Page, script: str) -> list[str]:
    """What axe-core calls a serious or a critical fault, each with the first element that has it."""
    page.evaluate(script)
    found = page.evaluate("axe.run({ resultTypes: ['violations'] })")
    assert found["passes"]  # it did look
    return [
        f"{one['id']}: {one['help']}: {one['nodes'][0]['html'][:200]}"
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
    ]
