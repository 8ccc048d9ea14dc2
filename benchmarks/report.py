"""Figures of the benchmarks: kept in figures.json, and shown in docs/performance.md, where nobody types them.

``python benchmarks/report.py`` writes the tables of the document anew from the JSON.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from hpi_schemas import probe
from hpi_schemas.files import write_atomic

HERE = Path(__file__).parent
FIGURES = HERE / "figures.json"
DOCUMENT = HERE.parent / "docs/performance.md"
_PACKAGES = ("numpy", "onnxruntime", "opencv-python-headless", "openvino")
_FEATURES = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8")
_BLOCK = re.compile(r"(<!-- figures: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def arguments(told: str | None, rounds: int) -> argparse.Namespace:
    """Read the command line of a benchmark: in how many ``rounds`` it measures, and where figures go, ``output``."""
    parser = argparse.ArgumentParser(description=told)
    parser.add_argument("--rounds", type=int, default=rounds)
    parser.add_argument("--output", type=Path, default=FIGURES)
    return parser.parse_args()


def keep(section: str, found: Mapping[str, Any], path: Path = FIGURES) -> None:
    """Put what a benchmark found into the JSON, with the machine that it ran on."""
    figures = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    figures[section] = {**found, "machine": machine()}
    write_atomic(path, (json.dumps(figures, ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode())


def machine() -> dict[str, Any]:
    """Describe this machine: processor, cores, what of its instructions matters, versions."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    told = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return {
        "cores": probe.usable_cores(),
        "cpu": told.get("model name", "unknown"),
        "features": [name for name in _FEATURES if name in told.get("flags", "").split()],
        "packages": {name: version(name) for name in _PACKAGES},
    }


def render(figures: Mapping[str, Any]) -> dict[str, str]:
    """Return the Markdown of each section."""
    found = {name: _SECTIONS[name](data) for name, data in figures.items()}
    return {name: f"{text}\n\n{_on(figures[name]['machine'])}\n" for name, text in found.items()}


def document(text: str, figures: Mapping[str, Any]) -> str:
    """Return a document with the tables of its sections as the figures have them."""
    sections = render(figures)
    return _BLOCK.sub(lambda found: f"{found[1]}{sections[found[2]]}{found[3]}", text)


def _on(told: Mapping[str, Any]) -> str:
    packages = ", ".join(f"{name} {number}" for name, number in told["packages"].items())
    return f"*{told['cpu']}, {told['cores']} cores, {', '.join(told['features'])}; {packages}.*"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    marks = ["---", *["---:"] * (len(heads) - 1)]
    return "\n".join("| " + " | ".join(row) + " |" for row in (heads, marks, *rows))


def _peers(data: Mapping[str, Any]) -> str:
    rows = []
    # What the others are compared with comes first.
    for name, row in sorted(data["programs"].items(), key=lambda item: (item[0] != data["base"], item[0])):
        ratio = row["ratio"]
        rows.append(
            (
                name,
                f"{data['pictures'] / row['latency_s']:.2f}",
                f"{ratio['latency']:.2f}",
                f"{data['pictures'] / statistics.median(row['stream_s']):.2f}",
                f"{ratio['throughput']:.2f}",
                f"{ratio['first_pass']:.2f}",
                "" if row["overhead"] is None else f"{row['overhead']:.1%}",
                f"{row['peak_mib']:.0f}",
                f"{row['accuracy']['character_error_rate']:.2%}",
                f"{row['accuracy']['box_recall']:.1%}",
            )
        )
    heads = (
        *("program", "one by one /s", "×", "in one go /s", "×", "first pass ×"),
        *("overhead", "peak MiB", "character errors", "lines found"),
    )
    told = f"{data['pictures']} pictures, {data['rounds']} rounds, {data['threads']} threads"
    return f"{_table(heads, rows)}\n\n{told}; × is the time ÷ that of {data['base']}."


def _commands(data: Mapping[str, Any]) -> str:
    runs = sorted(data["runs"].items(), key=lambda item: float(item[1]["seconds"]))
    rows = [(name, f"{row['seconds']:.2f}", f"{row['ratio']:.2f}") for name, row in runs]
    table = _table(("command", "seconds", "×"), rows)
    return f"{table}\n\n{data['rounds']} rounds; × is the time ÷ that of {data['base']}."


def _floor(data: Mapping[str, Any]) -> str:
    rows = [
        (name, f"{row['loop_ms']:.2f}", f"{row['hpi_ms']:.2f}", f"{row['ratio']:.2f}")
        for name, row in data["runs"].items()
    ]
    return _table(("pipeline", "loop by hand ms", "hpi-run ms", "ratio"), rows)


def _flat(data: Mapping[str, Any]) -> str:
    rows = [
        (
            name,
            f"{row['pictures']:,}",
            f"{row['sizes']:,}",
            f"{row['settled_mib']:.0f}",
            f"{row['growth']:+.1%}",
            f"{row['speed_late_to_early']:.2f}",
        )
        for name, row in data["runs"].items()
    ]
    heads = ("plan", "pictures", "sizes", "MiB after 1,000", "most after that", "speed late ÷ early")
    return _table(heads, rows)


def _calls(data: Mapping[str, Any]) -> str:
    rows = [
        (name, f"{row['calls']}", f"{row['settled_mib']:.0f}", f"{row['last_mib']:.0f}", f"{row['growth']:+.1%}")
        for name, row in data["runs"].items()
    ]
    return _table(("backend", "calls", "MiB after 10", "MiB after the last", "growth"), rows)


def _choices(data: Mapping[str, Any]) -> str:
    rows = [
        (key, row["prior"], f"{row['prior_to_best']:.2f}", row["chosen"], f"{row['chosen_to_best']:.2f}")
        for key, row in data["runs"].items()
    ]
    return _table(("model", "by prior knowledge", "time ÷ best", "by the profile", "time ÷ best"), rows)


def _hosting(data: Mapping[str, Any]) -> str:
    rows = [
        (
            f"{pipeline}: {name}",
            f"{row['seconds'] * 1000:.0f}",
            f"{row['ratio']:.2f}",
            f"{row['loaded_s']:.1f}",
            f"{row['peak_mib']:.0f}",
            "the same" if row["is_same"] else "numbers differ",
        )
        for pipeline, runs in data["runs"].items()
        for name, row in runs.items()
    ]
    table = _table(("program", "ms", "×", "loaded s", "peak MiB", "record"), rows)
    shared = [
        (name, f"{row['seconds'] * 1000:.0f}", f"{row['loaded_s']:.1f}", f"{row['peak_mib']:.0f}")
        for name, row in data["shared"].items()
    ]
    sessions = _table(("PP-StructureV3: sessions", "ms", "loaded s", "peak MiB"), shared)
    return f"{table}\n\n{data['rounds']} rounds; × is the time ÷ that of {data['base']}.\n\n{sessions}"


def _pipelines(data: Mapping[str, Any]) -> str:
    heads = ("pipeline", "cold s", "÷ PaddleX's", "steady s", "÷ PaddleX's", "peak MiB", "÷ PaddleX's")
    rows = [
        (
            name,
            f"{run['ours']['cold_s']:.2f}",
            f"{run['ratio']['cold']:.2f}",
            f"{run['ours']['steady_s']:.3f}",
            f"{run['ratio']['steady']:.2f}",
            f"{run['ours']['peak_mib']:.0f}",
            f"{run['ratio']['peak']:.2f}",
        )
        for name, run in data["runs"].items()
    ]
    return _table(heads, rows)


def _ablation(data: Mapping[str, Any]) -> str:
    rows = [
        (
            name,
            f"{row['latency']:.2f}",
            f"{row['throughput']:.2f}",
            f"{row['first_pass']:.2f}",
            f"{row['peak_mib']:.0f}",
            f"{row['accuracy']['character_error_rate']:.2%}",
        )
        for name, row in sorted(data["runs"].items(), key=lambda item: float(item[1]["latency"]))
    ]
    table = _table(("plan", "one by one ×", "in one go ×", "first pass ×", "peak MiB", "character errors"), rows)
    return f"{table}\n\n{data['pictures']} pictures, {data['rounds']} rounds; × is the time ÷ that with everything."


def _regret(data: Mapping[str, Any]) -> str:
    rows = [
        (
            name,
            row["chosen"],
            f"{row['looked_at']} of {row['candidates']}",
            row["best"],
            f"{row['ratio']:.2f} ({row['low']:.2f} to {row['high']:.2f})",
        )
        for name, row in data["runs"].items()
    ]
    heads = ("model, allowed drop", "chosen", "looked at", "best of all", "time ÷ best")
    return f"{_table(heads, rows)}\n\n{data['budget']:.0f} s a module; {data['rounds']} rounds in turn."


def _serve(data: Mapping[str, Any]) -> str:
    rows = []
    for name, row in data["runs"].items():
        waits, left = row.get("health_p99_ms"), row.get("after_left_ratio")
        rows.append(
            (
                name,
                f"{row['one_client']:.2f}",
                f"{row['clients']:.2f}",
                f"{row['blank_clients']:.0f}",
                f"{row['cpu_ms']:.1f}",
                "" if waits is None else f"{waits:.0f}",
                "" if left is None else f"{left:.1f}",
                f"{row['peak_mib']:.0f}",
            )
        )
    heads = ("server", "pages /s", f"pages /s, {data['clients']} clients", "blank /s", "CPU ms a blank")
    table = _table((*heads, "/health p99 ms", "after 8 who left", "peak MiB"), rows)
    ratios = data["ratios"]
    told = (
        f"{data['rounds']} rounds. The Python API is asked without a server, and for all pages in one call. "
        f"CPU over that API: {ratios['cpu_over_api_ms']:.1f} ms; pages of all clients ÷ PaddleX's: "
        f"{ratios['clients_to_paddlex']:.2f}, on OpenVINO {ratios['openvino_to_paddlex']:.2f}. "
        "After 8 clients who left: the time of the next request ÷ that of one alone."
    )
    return f"{table}\n\n{told}"


def _scaling(data: Mapping[str, Any]) -> str:
    here = [
        (
            f"{name.partition(': ')[0]}",
            name.partition(": ")[2],
            f"{row['measured']:.2f}",
            f"{row['simulated']:.2f}",
            f"{row['simulated'] / row['measured'] - 1:+.0%}",
        )
        for name, row in data["here"].items()
    ]
    heads = ("cores", "processes × threads of each", "measured /s", "simulated /s", "off by")
    alone = next(iter(data["here"].values()))["simulated"]
    more = [
        (cores, f"{row['one_process']:.2f}", row["best"], f"{row['simulated']:.2f}", f"{row['simulated'] / alone:.1f}")
        for cores, row in sorted(data["more"].items(), key=lambda item: int(item[0]))
    ]
    names = ("cores, simulated", "one process, one stream /s", "best", "/s", "× one core")
    told = f"{data['pictures']} pictures, {data['rounds']} rounds; runs of one model slow each other by"
    return f"{_table(heads, here)}\n\n{told} {data['contention']:.1%}.\n\n{_table(names, more)}"


def _allocator(data: Mapping[str, Any]) -> str:
    rows = [
        (
            name,
            f"`{data['variables'][name]}`" if data["variables"][name] else "",
            f"{row['peak_mib']:.0f}",
            f"{row['ratio']['latency']:.2f}",
            f"{row['ratio']['throughput']:.2f}",
            f"{row['ratio']['first_pass']:.2f}",
        )
        for name, row in data["programs"].items()
    ]
    heads = ("allocator", "environment", "peak MiB", "one by one ×", "in one go ×", "first pass ×")
    told = f"{data['pictures']} pictures, {data['rounds']} rounds; × is the time ÷ that as it is."
    return f"{_table(heads, rows)}\n\n{told}"


_SECTIONS = {
    "ablation": _ablation,
    "allocator": _allocator,
    "calls": _calls,
    "choices": _choices,
    "commands": _commands,
    "flat": _flat,
    "floor": _floor,
    "hosting": _hosting,
    "pipelines": _pipelines,
    "small": _pipelines,
    "peers": _peers,
    "regret": _regret,
    "scaling": _scaling,
    "serve": _serve,
}

if __name__ == "__main__":
    kept = json.loads(FIGURES.read_text(encoding="utf-8"))
    write_atomic(DOCUMENT, document(DOCUMENT.read_text(encoding="utf-8"), kept).encode())
