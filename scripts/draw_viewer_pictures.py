"""Takes the pictures of the viewer in `docs/assets/`, from runs that it records for them.

    python scripts/draw_viewer_pictures.py [--notebook]

Needs `maze-rollouts[all]`, Playwright, a Chromium, and for the notebook JupyterLab.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

ASSETS = Path(__file__).parents[1] / "docs" / "assets"
NOTEBOOK = Path(__file__).parents[1] / "notebooks" / "look_at_a_run.ipynb"
VIEWER = "document.getElementById('maze-viewer').viewer"
RUNS = {
    "heuristic": ["env.name=LunarLander-v3", "policy=lunar_lander_heuristics", "runner.max_episode_steps=0"],
    "random": ["env.name=LunarLander-v3", "policy=random_policy", "runner.max_episode_steps=0"],
    "cutting": ["env=tutorial_cutting_2d_struct_masked", "policy=random_policy"],
}
"""What is recorded, by the name of the run."""


def record(folder: Path) -> None:
    """Record the runs."""
    for name, choices in RUNS.items():
        seeds = ["seeding.env_base_seed=1", "seeding.agent_base_seed=1"]
        command = ["maze-run", *choices, "runner=sequential", *seeds, f"hydra.run.dir={folder / name}"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


@contextmanager
def page_of(browser: Browser, runs: list[Path], address: str, **settings: Any) -> Iterator[Page]:
    """A page of `maze view` whose films are ready."""
    command = [sys.executable, "-m", "maze.cli.maze", "view", "--render", "--no-browser", "--port", "0"]
    process = subprocess.Popen([*command, *map(str, runs)], stdout=subprocess.PIPE, text=True)
    context = browser.new_context(**settings)
    try:
        page = context.new_page()
        printed = process.stdout.readline() if process.stdout else ""
        page.goto(printed.rpartition(" at ")[2].strip() + address)
        is_ready = f"{VIEWER}.films.length > 0 && {VIEWER}.films.every(f => !f || f.progress.state === 'ready')"
        while not page.evaluate(is_ready):
            time.sleep(0.1)
        page.wait_for_timeout(600)
        yield page
    finally:
        context.close()
        process.terminate()
        process.communicate()


def photograph(page: Page, name: str) -> None:
    """Take a picture in as many colours as it takes for nobody to see a difference; that makes a third of its size."""
    picture = Image.open(BytesIO(page.screenshot())).convert("RGB")
    picture.quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(ASSETS / name, optimize=True)


def draw(browser: Browser, folder: Path) -> None:
    """Take the pictures of the page."""
    desktop: dict[str, Any] = {"viewport": {"width": 1280, "height": 720}}
    phone: dict[str, Any] = {"viewport": {"width": 390, "height": 780}, "has_touch": True, "is_mobile": True}
    with page_of(browser, [folder / "heuristic"], "#episode=4&step=120", **desktop, color_scheme="light") as page:
        photograph(page, "viewer.png")
    with page_of(browser, [folder / "cutting"], "#episode=2&step=37", **desktop, color_scheme="dark") as page:
        page.get_by_role("button", name="PieceReplenished").click()
        page.keyboard.press("]")
        page.wait_for_timeout(400)
        photograph(page, "viewer-events.png")
    both = [folder / "heuristic", folder / "random"]
    with page_of(browser, both, "#episode=4&step=60", **desktop, color_scheme="light") as page:
        photograph(page, "viewer-compare.png")
    with page_of(browser, [folder / "heuristic"], "#episode=4&step=120", **phone, color_scheme="light") as page:
        photograph(page, "viewer-phone.png")


def draw_notebook(browser: Browser, folder: Path) -> None:
    """Take the picture of the notebook in JupyterLab."""
    folder = folder / "notebook"
    folder.mkdir()
    shutil.copy(NOTEBOOK, folder)
    options = ["--IdentityProvider.token=", "--no-browser", "--port=8899", "--allow-root", "--LabApp.news_url="]
    own = {name: str(folder / f".{name}") for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")}
    process = subprocess.Popen(
        [sys.executable, "-m", "jupyterlab", *options],
        cwd=folder,
        env={**os.environ, **own},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    page = browser.new_page(viewport={"width": 1440, "height": 980})
    try:
        for _ in range(120):
            try:
                page.goto(f"http://127.0.0.1:8899/lab/tree/{NOTEBOOK.name}")
                break
            except Exception:  # noqa: BLE001 - the server is not there yet
                time.sleep(0.5)
        page.get_by_role("heading", name="Look at a run in a notebook").first.wait_for(timeout=60_000)
        page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]").first.wait_for(timeout=60_000)
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_text("Run All Cells", exact=True).click()
        viewer = page.locator(".maze-viewer").first
        viewer.get_by_role("button", name="Render episodes").click(timeout=90_000)
        viewer.locator(".mz-progress").wait_for(state="hidden")
        if page.get_by_role("button", name="No", exact=True).is_visible():  # news about Jupyter
            page.get_by_role("button", name="No", exact=True).click()
        viewer.scroll_into_view_if_needed()
        page.wait_for_timeout(500)
        photograph(page, "viewer-notebook.png")
    finally:
        page.close()
        process.terminate()
        process.wait()


def main() -> None:
    """Record, and take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--notebook", action="store_true", help="also the notebook, in JupyterLab")
    arguments = parser.parse_args()
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        record(Path(name))
        draw(browser, Path(name))
        if arguments.notebook:
            draw_notebook(browser, Path(name))
        browser.close()


if __name__ == "__main__":
    main()
