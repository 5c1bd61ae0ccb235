"""Counting tokens, on texts that neither side has seen, beside tiktoken; ours and tiktoken count the same."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable
from pydoc_data.topics import topics

import tiktoken

from benches import data
from benches.row import AtLeast, Below, Contestants, Side, row
from benches.timing import per_call
from mcp_refcache import TiktokenAdapter

#: As many texts as both need for warming and for all their batches.
NEW = 40
SOURCE = random.Random(4)


def _against_tiktoken(texts: Iterable[str]) -> Contestants:
    """Hand out calls that count the next text, each one its own: both see all of them once and nothing twice."""
    encoding, adapter, texts = tiktoken.get_encoding("o200k_base"), TiktokenAdapter(), list(texts)

    def theirs(text: str) -> int:
        return len(encoding.encode(text, disallowed_special=()))

    checked = texts.pop()
    assert adapter.count_tokens(checked) == theirs(checked), "the counts differ"
    for_us, for_them = iter(texts), iter(texts)
    return {
        "ours": lambda: adapter.count_tokens(next(for_us)),
        "tiktoken": lambda: theirs(next(for_them)),
    }


@row("tokens of unseen row JSON, 100 KB", AtLeast(15, of="tiktoken"), compared=False, most_calls=NEW)
def row_json(side: Side) -> Contestants:
    """Counts the JSON text of 500 nested rows with random numbers, as the rest of a server's results."""
    return _against_tiktoken(json.dumps(data.nested(500, seed=seed)) for seed in range(1000, 1001 + NEW))


def _unseen_english() -> list[str]:
    """Cut the prose that every Python carries into pieces of 10 KB, each of them only once."""
    prose = "\n".join(topics[name] for name in sorted(topics))
    return [prose[at : at + 10_000] for at in range(0, 10_000 * (NEW + 1), 10_000)]


@row("tokens of unseen English, 10 KB", AtLeast(3, of="tiktoken"), compared=False, most_calls=NEW)
def english(side: Side) -> Contestants:
    """Counts pieces of Python's language reference."""
    return _against_tiktoken(_unseen_english())


def _any_text() -> dict[str, str]:
    """Make texts of 1 MB that are hard for one tokenizer or another; none has been seen."""
    letters, size = "abcdefghijklmnopqrstuvwxyz", 1_000_000
    base64 = letters + letters.upper() + "0123456789+/"
    unicode = [chr(code) for code in range(0xA0, 0x3000) if chr(code).isprintable()]
    return {
        "one letter": SOURCE.choice(letters) * size,
        "carets": "^" * size,
        "two signs": "=-" * (size // 2),
        "spaces": " " * size,
        "line breaks": "\n" * size,
        "a word of random letters": "".join(SOURCE.choices(letters, k=size)),
        "a word of base64": "".join(SOURCE.choices(base64, k=size)),
        "random digits": "".join(SOURCE.choices("0123456789", k=size)),
        "random printable ASCII": "".join(SOURCE.choices([chr(code) for code in range(32, 127)], k=size)),
        "random capitals and small": "".join(SOURCE.choices("aA", k=size)),
        "random Unicode": "".join(SOURCE.choices(unicode, k=size // 2)),
        "one Chinese character": "中" * (size // 3),
        "random Chinese": "".join(chr(SOURCE.randrange(0x4E00, 0x9FFF)) for _ in range(size // 3)),
        "emoji": "👩‍💻" * (size // 11),
        "random emoji": "".join(chr(SOURCE.randrange(0x1F300, 0x1F650)) for _ in range(size // 4)),
    }


@row("tokens of any 1 MB text, the worst", Below(0.15), compared=False)
def any_text(side: Side) -> Contestants:
    """Counts 15 kinds of text of 1 MB (UTF-8), adversarial ones among them; each kind's own column is not shown, only the worst."""
    adapter = TiktokenAdapter()
    adapter.count_tokens("loads the vocabulary")
    times = {
        kind: per_call(lambda text=text: adapter.count_tokens(text), 1) for kind, text in _any_text().items()
    }
    worst = max(times, key=times.__getitem__)
    return {"ours": times[worst], f"({worst})": times[worst]}


def _decorated(of: Callable[[str], int]) -> Callable[[], int]:
    """Count one text again and again, for a number that says what remembering brings."""
    text = json.dumps(data.rows(1000))
    return lambda: of(text)


@row("tokens of row JSON again, 100 KB", None, compared=False)
def same_json(side: Side) -> Contestants:
    """Counts the same text again, for interest: the pieces are remembered, the count is not."""
    encoding, adapter = tiktoken.get_encoding("o200k_base"), TiktokenAdapter()
    return {
        "ours": _decorated(adapter.count_tokens),
        "tiktoken": _decorated(lambda text: len(encoding.encode(text, disallowed_special=()))),
    }
