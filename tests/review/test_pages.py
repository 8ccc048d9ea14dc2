"""The pages of hpi-review in a browser: nothing overlaps, nothing is broken, everybody can read them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hpi_planner.review import origins, plans, report
from hpi_planner.review.render import diff_page, drawing, page
from hpi_planner.review.view import view
from hpi_schemas.plan.read import read
from support import txtar

ROOT = Path(__file__).parents[2]
CASES = ROOT / "tests/cases"
AXE = ROOT / ".axe/package/axe.min.js"
BROWSER = shutil.which("chromium")
needs_browser = pytest.mark.skipif(BROWSER is None, reason="there is no Chromium here; .ci/run installs it")
WIDTHS = (400, 1600)
TALLEST_ROW = 120
# What a browser tells of a page: rows too tall, names broken in two, boxes and texts that overlap.
PROBE = r"""
(() => {
  const found = {rows: [], broken: [], wide: document.documentElement.scrollWidth - innerWidth};
  for (const row of document.querySelectorAll("table.models tr")) {
    found.rows.push(Math.round(row.getBoundingClientRect().height));
  }
  for (const name of document.querySelectorAll("main code:not(.long)")) {
    if (!name.querySelector("wbr") && name.getClientRects().length > 1) found.broken.push(name.textContent);
  }
  const box = (item) => item.getBoundingClientRect();
  const boxes = [...document.querySelectorAll("svg .model > rect, svg .op > rect")].map(box);
  const apart = (a, b) => a.right <= b.left || b.right <= a.left || a.bottom <= b.top || b.bottom <= a.top;
  found.overlaps = boxes.flatMap((a, i) => boxes.slice(i + 1).map((b) => apart(a, b))).filter((ok) => !ok).length;
  found.outside = [...document.querySelectorAll("svg .model, svg .op")].filter((group) => {
    const frame = box(group.querySelector("rect"));
    const texts = [...group.querySelectorAll("text")].map(box);
    return texts.some((text) => text.right > frame.right || text.left < frame.left);
  }).length;
  // A point of an edge that lies in a box, which is not one of its ends.
  const matrix = document.querySelector("svg") && document.querySelector("svg").getScreenCTM();
  found.behind = [...document.querySelectorAll("svg .edge")].filter((edge) => {
    const length = edge.getTotalLength();
    return Array.from({length: 60}, (_, i) => edge.getPointAtLength(length * (i + 1) / 62)).some((point) => {
      const at = point.matrixTransform(matrix);
      return boxes.some((b) => at.x > b.left + 1 && at.x < b.right - 1 && at.y > b.top + 3 && at.y < b.bottom - 3);
    });
  }).length;
  return found;
})()
"""

AXE_RUN = (
    "axe.run(document).then((all) => all.violations.map((item) => [item.id, item.nodes.map((node) => node.html)]))"
)


def _golden() -> list[Any]:
    texts = ((path.stem, txtar.split(path.read_text())[1].get("after freeze", "")) for path in sorted(CASES.iterdir()))
    return [(name, read(text.encode(), name)) for name, text in texts if text.strip()]


def _told(path: Path, script: str, width: int, seconds: int = 5) -> Any:
    """Return what a script gives in a page of a width: JSON, which it leaves in the title."""
    framed = path.with_name(f"{path.stem}-{width}.html")
    text = path.read_text(encoding="utf-8")
    # The page itself allows no script but its own: what asks it stands in it, and in a frame as wide as a phone.
    run = f"<script>window.ask = () => {script};</script>"
    path.with_name("asked.html").write_text(text.replace("</body>", f"{run}</body>"), encoding="utf-8")
    ask = "onload = async () => { document.title = 'told ' + JSON.stringify(await frames[0].ask()); }"
    frame = f'<iframe src="asked.html" style="width:{width}px;height:3000px;border:0"></iframe>'
    framed.write_text(f"{frame}<script>{ask}</script>", encoding="utf-8")
    with tempfile.TemporaryDirectory() as profile:
        command = [str(BROWSER), "--headless", "--no-sandbox", f"--user-data-dir={profile}", "--dump-dom"]
        command += [
            "--allow-file-access-from-files",
            "--disable-web-security",
            f"--virtual-time-budget={seconds * 1000}",
        ]
        command += [f"--window-size={width + 40},3000", f"file://{framed}"]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    (title,) = re.findall(r"<title>told (.*?)</title>", done.stdout, re.DOTALL) or [done.stdout[-2000:]]
    return json.loads(title.replace("&quot;", '"').replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The page of the largest golden plan, of one with a stage graph, and of a diff, each in a folder of its own."""
    golden = sorted(_golden(), key=lambda item: -len(item[1].modules))
    old, new = (plans.load(str(ROOT / "examples/review" / name)) for name in ("plan-1.json", "plan-4.json"))
    before, after = (origins.origins(plan) for plan in (old, new))
    shown = {
        "largest": page.page(view(golden[0][1]), golden[0][0]),
        "graph": page.page(view(new.plan), "plan-4.json"),
        "diff": diff_page.page(report.report(old, new, before, after)),
    }
    folders = {name: tmp_path_factory.mktemp(name) for name in shown}
    for name, text in shown.items():
        (folders[name] / "page.html").write_text(text, encoding="utf-8")
    return {name: folder / "page.html" for name, folder in folders.items()}


@needs_browser
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", ["largest", "graph", "diff"])
def test_nothing_overlaps_and_no_name_is_broken(pages: dict[str, Path], name: str, width: int) -> None:
    told = _told(pages[name], PROBE, width)
    assert max(told["rows"], default=0) <= TALLEST_ROW, told
    assert told["broken"] == []
    assert (told["overlaps"], told["outside"], told["behind"]) == (0, 0, 0)
    assert told["wide"] <= 0


@pytest.mark.parametrize(("name", "plan"), [pytest.param(*item, id=item[0]) for item in _golden() if item[1].graph])
def test_the_drawing_of_every_golden_plan_has_room_for_all_of_it(name: str, plan: Any) -> None:
    drawn = drawing.svg(view(plan), {})
    boxes = re.findall(r'class="(?:model|op)"><rect x="(\d+)" y="(\d+)" width="(\d+)" height="(\d+)"', drawn)
    areas = [(int(x), int(y), int(x) + int(w), int(y) + int(h)) for x, y, w, h in boxes]
    assert len(areas) == 1 + len(view(plan).stages)
    for index, (left, top, right, bottom) in enumerate(areas):
        for other in areas[index + 1 :]:
            assert right <= other[0] or other[2] <= left or bottom <= other[1] or other[3] <= top
    size = re.findall(r'viewBox="0 0 (\d+) (\d+)"', drawn)[0]
    assert max(area[2] for area in areas) <= int(size[0])
    assert max(area[3] for area in areas) <= int(size[1])


@needs_browser
@pytest.mark.full
@pytest.mark.skipif(not AXE.is_file(), reason="axe-core is not here; `make test-full` fetches it")
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("name", ["largest", "graph", "diff"])
def test_a_checker_of_accessibility_finds_nothing(pages: dict[str, Path], name: str, dark: bool) -> None:
    text = pages[name].read_text(encoding="utf-8")
    if dark:
        text = text.replace("@media (prefers-color-scheme: dark)", "@media all")
    opened = text.replace("<details", "<details open").replace("</head>", f"<script>{AXE.read_text()}</script></head>")
    path = pages[name].with_name(f"axe-{dark}.html")
    path.write_text(opened, encoding="utf-8")
    script = (
        "axe.run(document).then((found) => found.violations.map((item) => [item.id, item.nodes.map((n) => n.html)]))"
    )
    assert _told(path, script, 1200, seconds=60) == []
