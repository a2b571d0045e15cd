"""What somebody may have meant. Standard library only."""

from collections.abc import Iterable


def nearest(word: str, known: Iterable[str]) -> str:
    """The known word that another may be a slip for, or empty."""
    import difflib  # noqa: PLC0415  # long to import, and only needed where something is wrong

    return next(iter(difflib.get_close_matches(word, list(known), n=1)), "")
