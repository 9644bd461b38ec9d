"""What the library says to a program, in the words of the shell: commands, options and CQL2 in place of Python."""

from __future__ import annotations

import re
from collections.abc import Callable

_VERBS = "verify|gc|backup|recover|relocate|optimize|reindex|merge|diff|history|undo|ingest|sql|info|bundle|unpack"
_FLAGS = "together|overwrite|dry_run|force|restore|uncertain|cog|copy|all_touched"
_OPTIONS = "crs|resolution|scaling|nodata|data_type|bands"
_Words = str | Callable[[re.Match[str]], str]
# Around a name of the library: it is no part of a path, of an id or of another name.
_FREE, _ENDS = r"(?<![\w/\\:.-])", r"(?![\w/\\]|\.\w)"


def _option(found: re.Match[str]) -> str:
    return f"name --{found[1].replace('_', '-')}"


_WORDS: tuple[tuple[re.Pattern[str], _Words], ...] = tuple(
    (re.compile(pattern), words)
    for pattern, words in (
        # verbs
        (rf"{_FREE}[Cc]atalog\.create{_ENDS}(?:\([^)]*\))?", "`localcat init`"),
        (rf"{_FREE}[Cc]atalog\.open{_ENDS}(?:\([^)]*\))?", "--catalog"),
        (rf"{_FREE}[Cc]atalog\.({_VERBS}){_ENDS}(?:\([^)]*\))?", r"`localcat \1`"),
        (rf"{_FREE}[Cc]atalog\.(keep|forget)_history{_ENDS}(?:\([^)]*\))?", r"`localcat \1-history`"),
        (rf"{_FREE}verify\(\)", "`localcat verify`"),
        (rf"{_FREE}catalog\.products{_ENDS}", "`localcat ls`"),
        (r"\b(?:call )?delete_related_objects\(\)", "use `localcat delete --related`"),
        (rf"{_FREE}save\(force=True\)", "--force"),
        # options
        (r"to index it in place, or leave out copy=False", "to index it in place, or let it be copied"),
        (rf"{_FREE}copy=False{_ENDS}", "--in-place"),
        (r"\bon_conflict='(\w+)' or '(\w+)'", r"--on-conflict \1 or \2"),
        (rf"{_FREE}({_FLAGS})=True{_ENDS}", lambda found: f"--{found[1].replace('_', '-')}"),
        (r"\bpass within= a folder", "name --within and a folder"),
        (r"; open it without read_only=True", ""),
        (r", or pass max_bytes\b", ""),
        (r"\bpass a wider data_type\b", "name a wider --data-type"),
        (r"\bpass a geocontext\b", "name an area with --bbox or --intersects"),
        (r"\bpass scaling='(\w+)'", r"name --scaling \1"),
        (rf"\bpass ({_OPTIONS})\b", _option),
        (r"choose another, or None\b", "choose another, or null"),
        # conditions and values
        (r"\bask p\.(\w+)\.intersects\(\.\.\.\), or [^\n]*", r"ask S_INTERSECTS(\1, …), or use --bbox or --intersects"),
        (r"\bp\.(\w+)\['key'\]", r"\1.key"),
        (r"\bp\.(\w+) == (?=['\"])", r"\1 = "),
        (r": prefix, like and ilike do not apply", ": LIKE does not apply"),
        (r"\bcompare it with ==", "compare it with ="),
        (r"\bask with ==, !=, any_of, prefix or like", "ask with =, <>, IN or LIKE"),
        (r"\bcompare with ==, != or any_of", "compare with =, <> or IN"),
        (r"\bask with ==,", "ask with =,"),
        (r"\bpass a datetime, or text such as", "write it in quotes, such as"),
        (r"\bas a percentage, write '?([\d.]+)'? / 100", lambda found: f"{found[1]} % is {float(found[1]) / 100:g}"),
        (r"\bpass GeoJSON, a shapely geometry, an object with __geo_interface__, or [^\n]*", "write GeoJSON or WKT"),
    )
)


def in_words_of_the_shell(text: str) -> str:
    """Return a message of the library, with its advice as commands and options."""
    for pattern, words in _WORDS:
        text = pattern.sub(words, text)
    return text
