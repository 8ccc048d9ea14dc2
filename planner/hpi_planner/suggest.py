"""Did you mean …?"""

from __future__ import annotations

from collections.abc import Iterable


def closest(word: object, candidates: Iterable[str]) -> str | None:
    """Return the candidate nearest to ``word`` by edit similarity, or None if none is near."""
    import difflib

    found = difflib.get_close_matches(str(word), sorted(candidates), n=1, cutoff=0.6)
    return found[0] if found else None


def did_you_mean(word: object, candidates: Iterable[str]) -> str:
    """Return a help text: the nearest candidate, else all of them."""
    names = sorted(candidates)
    found = closest(word, names)
    if found is not None:
        return f"did you mean `{found}`?"
    return f"known here: {', '.join(f'`{name}`' for name in names)}" if names else "nothing is known here"
