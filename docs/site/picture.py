"""Take the picture of a report for README: ``make picture``. Needs Chromium, as the tests of the pages do."""

from __future__ import annotations

import tempfile
from pathlib import Path

from browser import started, write_page
from nedc_bench import find_pairs, score_corpus
from nedc_bench.scoring import ALGORITHMS

ROOT = Path(__file__).parents[2]
CORPUS = "tests/data/chb-mit"
PICTURE = ROOT / "docs/images/report.png"
WIDTH, HEIGHT = 1280, 1330  # CSS pixels: down to the timeline of the first recording
SCALE = 0.65


def main() -> None:
    """Score the example corpus and take the picture of its page."""
    pairs = find_pairs(f"{CORPUS}/ref", f"{CORPUS}/hyp")
    result = score_corpus(pairs, algorithms=(*ALGORITHMS, "szcore-event"))
    with tempfile.TemporaryDirectory() as folder, started() as browser:
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, device_scale_factor=SCALE)
        page.goto(write_page(result, Path(folder)))
        page.screenshot(path=PICTURE)
    print(f"{PICTURE.relative_to(ROOT)}: {PICTURE.stat().st_size // 1000} kB")


if __name__ == "__main__":
    main()
