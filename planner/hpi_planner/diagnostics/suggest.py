"""Did you mean …?"""

from __future__ import annotations

from collections.abc import Iterable


def distance(first: str, second: str) -> int:
    """Return the edit distance: inserted, deleted, replaced and exchanged neighbouring letters.

    Optimal string alignment (https://en.wikipedia.org/wiki/Damerau-Levenshtein_distance).
    """
    before: list[int] = []
    row = list(range(len(second) + 1))
    for i, here in enumerate(first, 1):
        previous, row = row, [i]
        for j, there in enumerate(second, 1):
            best = min(previous[j] + 1, row[j - 1] + 1, previous[j - 1] + (here != there))
            if i > 1 and j > 1 and here == second[j - 2] and first[i - 2] == there:
                best = min(best, before[j - 2] + 1)
            row.append(best)
        before = previous
    return row[-1]


def closest(word: object, candidates: Iterable[str]) -> str | None:
    """Return the candidate nearest to ``word``, or None if none is near: a third of its letters may differ."""
    text = str(word).lower()
    scored = [
        (distance(text, name.lower()), name) for name in candidates if abs(len(name) - len(text)) <= len(text) // 3 + 1
    ]
    best = min(scored, default=None)
    return best[1] if best is not None and best[0] <= max(1, len(text) // 3) else None


def did_you_mean(word: object, candidates: Iterable[str]) -> str:
    """Return a help text: the nearest candidate, else all of them."""
    names = sorted(candidates)
    found = closest(word, names)
    if found is not None:
        return f"did you mean `{found}`?"
    return f"known here: {', '.join(f'`{name}`' for name in names)}" if names else "nothing is known here"
