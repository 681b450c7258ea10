"""The viewer in JupyterLab, in a real browser, with a real kernel: the notebook that we ship."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("anywidget")
NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "look_at_a_run.ipynb"


@pytest.fixture
def jupyterlab(tmp_path: Path) -> Iterator[str]:
    """A JupyterLab server whose root has the notebook; gives its address."""
    pytest.importorskip("jupyterlab", reason="JupyterLab is not installed: pip install jupyterlab")
    shutil.copy(NOTEBOOK, tmp_path)
    places = {name: str(tmp_path / name) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")}
    options = {"IdentityProvider.token": "secret", "ServerApp.open_browser": "False", "ServerApp.port": "0"}
    options |= {
        "ServerApp.ip": "127.0.0.1",
        "ServerApp.allow_root": "True",
        "LabApp.news_url": "",
        "LabApp.extension_manager": "readonly",
    }
    command = [sys.executable, "-m", "jupyterlab", *(f"--{key}={value}" for key, value in options.items())]
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(command, cwd=tmp_path, stderr=log, stdout=log, env={**os.environ, **places})
        deadline = time.monotonic() + 60
        while not (servers := list(tmp_path.glob("JUPYTER_RUNTIME_DIR/jpserver-*.json"))):
            assert time.monotonic() < deadline, (tmp_path / "log").read_text()
            time.sleep(0.1)
        yield json.loads(servers[0].read_text())["url"]
        process.terminate()
        process.wait(20)


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_the_notebook_shows_a_run(jupyterlab: str, chromium: Any) -> None:
    page = chromium.new_page(viewport={"width": 1400, "height": 1000})
    asked: list[str] = []
    errors: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(f"{jupyterlab}lab/tree/{NOTEBOOK.name}?token=secret")
    page.get_by_role("heading", name="Look at a run in a notebook").first.wait_for(timeout=60_000)
    page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]").first.wait_for(timeout=60_000)
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_text("Run All Cells", exact=True).click()
    viewer = page.locator(".maze-viewer").first
    failure = page.locator("[data-mime-type='application/vnd.jupyter.error']")
    viewer.get_by_role("heading", name="Step 40").or_(failure).first.wait_for(timeout=90_000)
    assert failure.all_inner_texts() == []
    viewer.get_by_role("heading", name="Episode 3").wait_for()
    viewer.get_by_role("heading", name="Step 40").click()
    viewer.get_by_label("Record of the step").focus()
    page.keyboard.press("ArrowRight")
    viewer.get_by_role("heading", name="Step 41").wait_for()
    viewer.get_by_role("button", name="Render episodes").click()
    shown = "document.querySelector('.maze-viewer video')?.currentTime ?? 0"
    deadline = time.monotonic() + 60
    while page.evaluate(shown) * 50 < 41:  # CartPole shows 50 frames a second
        assert time.monotonic() < deadline
        page.wait_for_timeout(100)
    page.locator(".maze-viewer").nth(1).get_by_role("button", name="First difference").wait_for(timeout=60_000)
    outside = [url for url in asked if not url.startswith((jupyterlab, "http://localhost:", "data:", "blob:"))]
    assert (outside, errors) == ([], [])
    page.close()
