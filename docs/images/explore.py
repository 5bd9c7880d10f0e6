"""Take the pictures of `latephase explore` for the README, one light and one dark.

    python docs/images/explore.py

Needs the extra `browser` and Chromium.  The page shows a network that starts with the largest
possible margin and is worse at step 10^100.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

HERE = Path(__file__).parent
QUERY = "?w=2,-0.4&b=0,0&colour=worse"
WIDTH, HEIGHT = 1280, 800
MOST_BYTES = 200_000


def main() -> None:
    """Write explore-light.png and explore-dark.png."""
    command = [sys.executable, "-m", "latephase", "explore", "--no-browser", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            line = server.stdout.readline() if server.stdout else ""
            address = next(word for word in line.split() if word.startswith("http://"))
            take(address + QUERY)
        finally:
            server.terminate()


def take(address: str) -> None:
    """Both pictures of a page, once its map is complete."""
    chromium = shutil.which("chromium")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for scheme in ("light", "dark"):
            size = {"width": WIDTH, "height": HEIGHT}
            page = browser.new_page(viewport=size, color_scheme=scheme)
            page.goto(address)
            page.wait_for_selector("#plot-chart[data-state=done]", timeout=60_000)
            page.wait_for_timeout(1000)
            target = HERE / f"explore-{scheme}.png"
            page.screenshot(path=target)
            if (size_of := target.stat().st_size) > MOST_BYTES:
                raise SystemExit(f"{target.name} has {size_of:,} bytes, more than {MOST_BYTES:,}")
        browser.close()


if __name__ == "__main__":
    main()
