"""Step 8: the loss curve. WORK/run.csv -> loss.csv, loss.svg"""

import csv
import shutil

from common import RECIPE, WORK

WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 720, 360, 56, 34, 20, 46
TARGET = 1.2  # bits per byte


def ticks(low: float, high: float, step: float) -> list[float]:
    """Multiples of `step` within the range."""
    first, last = round(low / step), round(high / step)
    return [i * step for i in range(first, last + 1) if low - 1e-9 <= i * step <= high + 1e-9]


def main() -> None:
    shutil.copy(WORK / "run.csv", RECIPE / "loss.csv")
    with open(RECIPE / "loss.csv") as file:
        rows = [(int(r["tokens"]) / 1e6, float(r["heldout_bits_per_byte"])) for r in csv.DictReader(file)]
    most = rows[-1][0]
    low, high = 0.8, max(bpb for _, bpb in rows)
    x = lambda tokens: LEFT + tokens / most * (WIDTH - LEFT - RIGHT)  # noqa: E731
    y = lambda bpb: TOP + (high - bpb) / (high - low) * (HEIGHT - TOP - BOTTOM)  # noqa: E731
    step = 1 if most < 12 else 2
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">',
        "<title>Held-out bits per byte against training tokens</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        f'<text x="{LEFT}" y="20" font-weight="bold">Held-out bits per byte against training tokens (millions)</text>',
    ]
    for bpb in ticks(low, high, 0.2):
        parts.append(f'<path d="M{LEFT} {y(bpb):.1f}H{WIDTH - RIGHT}" stroke="#e3e3e3"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y(bpb) + 4:.1f}" text-anchor="end">{bpb:.1f}</text>')
    for tokens in ticks(0, most, step):
        parts.append(f'<text x="{x(tokens):.1f}" y="{HEIGHT - BOTTOM + 20}" text-anchor="middle">{tokens:g}</text>')
    parts.append(f'<path d="M{LEFT} {y(TARGET):.1f}H{WIDTH - RIGHT}" stroke="#c33" stroke-dasharray="5 4"/>')
    parts.append(f'<text x="{WIDTH - RIGHT}" y="{y(TARGET) - 5:.1f}" text-anchor="end" fill="#c33">target {TARGET}</text>')
    line = " ".join(f"{x(t):.1f},{y(b):.1f}" for t, b in rows)
    parts.append(f'<polyline points="{line}" fill="none" stroke="#2459a8" stroke-width="2"/>')
    parts += [f'<circle cx="{x(t):.1f}" cy="{y(b):.1f}" r="2.5" fill="#2459a8"/>' for t, b in rows]
    parts.append(f'<text x="{WIDTH - RIGHT}" y="{y(rows[-1][1]) + 18:.1f}" text-anchor="end">{rows[-1][1]:.3f}</text>')
    (RECIPE / "loss.svg").write_text("\n".join([*parts, "</svg>"]) + "\n")


if __name__ == "__main__":
    main()
