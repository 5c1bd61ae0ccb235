"""Writes ``tests/data/tokens.jsonl``: texts and what tiktoken makes of them, for ``tests/tokens.rs``.

Each line is ``{"text": [[part, repeats], ...], "<encoding>": [count, digest], ...}``; the digest is the first
16 hex digits of the SHA-256 of the token ids as decimal text joined by commas. The texts come from a fixed
seed, so a new run changes nothing unless tiktoken or Python's Unicode tables changed.

Needs ``pip install tiktoken`` and, at its first run, a network (or ``TIKTOKEN_CACHE_DIR``).
Usage: ``python scripts/make_token_fixtures.py``
"""
# ruff: noqa: RUF001, SIM905 - letters that look like others are what is tested here; a list is longer

from __future__ import annotations

import hashlib
import json
import random
import unicodedata
from pathlib import Path

import tiktoken

TARGET = Path(__file__).resolve().parent.parent / "tests" / "data" / "tokens.jsonl"
ENCODINGS = [tiktoken.get_encoding(name) for name in ("o200k_base", "cl100k_base")]
ASCII = [chr(code) for code in range(128)]
ENDINGS = ["s", "S", "t", "re", "RE", "vE", "m", "ll", "lL", "d", "D", "x", "ſ"]
CONTRACTIONS = [f"{word}'{ending}" for word in ("it", "IT", "é") for ending in ENDINGS]
FRAGMENTS = """
    's 'LL 're ' " , : [ ] { } }, / // \\n \\u00e9 A a Aa HTTP Http 1 12345 1.5e-07 __init__ =- ... # é
    É ß ǅ ʰ ª 中 文 日本語 한국 ا ي ſ 'ſ İ ½ Ⅷ ٣ 。 « ’s 😀 👩‍💻 🇩🇪 <|endoftext|> <|fim_prefix|>
""".split()
FRAGMENTS += list(" \n\r\t\x0b\x0c\u00a0\u2028\u3000\u0085\u200b\u0301\u0308\u20e3\ufe0f\u200d\ufeff")
FRAGMENTS += ["  ", "\r\n", "\n\n", ', "', '": "']
PROSE = [
    "",
    "The quick brown fox jumps over the lazy dog. It doesn't care; WE'LL see what they've done, won't we?",
    "Straße, naïve café, Ελληνικά, Русский текст, עברית, العربية, हिन्दी, ไทย, ",
    "中文分词很有趣。日本語のテキスト、한국어 문장.",
    'def get(self, key: str) -> int | None:\n    """Doc."""\n\treturn self._items  # x\r\n\r\n\r\n    pass\n',
    "https://example.com/a/b?c=1&d=%20#frag /usr/bin/env //comment\n/next !!\r\n/!!\n\n/",
    "e\u0301A\u0301 \u0301ABC \u0301's क्षि 👩‍👩‍👧‍👦 🏳️‍🌈 1️⃣ ½Ⅷ٣٤٥٦ ABC中DEF中d ʰA ªB ǅa",
    "a b  c   d    e\tf\t\tg \t h\n i \n j  \n  k\r\n\r\n l \r m\u00a0n\u00a0\u00a0o\u2028p\u3000\u3000q   ",
    "   \n  ",
    "\n \n  x",
    "1 12 123 1234 12345 123456 1.5 1e-07 0x7f 1,000,000 ١٢٣٤ 12a34",
    "<|endoftext|> <|fim_prefix|>x<|im_start|>system<|im_end|> <|endofprompt|>",
    "".join(ASCII),
    *("x" + word for word in CONTRACTIONS),
    " ".join(CONTRACTIONS),
]
LONG = [
    [("a", 10_000)],
    [("=-", 5_000)],
    [(" ", 9_000), ("x", 1)],
    [("\n", 5_000)],
    [("中", 3_000)],
    [("\u0301", 3_000)],
    [("a", 4_090), ("ing the", 1), ("b", 9_000)],
    [("ab", 2_047), ("a", 1), ("ba", 3_000), ("c", 130)],
]

Parts = list[tuple[str, int]]


def rows(source: random.Random) -> str:
    """Make the JSON text of rows as tools return them."""
    names = ["Alice Müller", "Bob", "李雷", "Даша", "Eve O'Neil", "😀"]
    return json.dumps(
        [
            {
                "id": source.randrange(10**6),
                "name": source.choice(names),
                "score": source.random() * 100,
                "active": source.random() < 0.5,
                "tags": source.sample(["red", "green", "blue", "x/y", "a\nb"], 2),
                "parent": None,
            }
            for _ in range(12)
        ]
    )


def characters_by_category() -> list[list[str]]:
    """List all assigned characters, one list per general category."""
    categories: dict[str, list[str]] = {}
    for code in range(0x110000):
        categories.setdefault(unicodedata.category(chr(code)), []).append(chr(code))
    return [chars for name, chars in sorted(categories.items()) if name not in ("Cn", "Co", "Cs")]


def texts() -> list[Parts]:
    """Make all texts of the corpus."""
    source = random.Random(20)  # noqa: S311 - no secret
    categories = characters_by_category()
    made = PROSE + [rows(source) for _ in range(5)]
    for length in (200, 1_000, 6_000):
        made.append("".join(source.choices("abcdefghijklmnopqrstuvwxyz", k=length)))
        made.append("".join(source.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef", k=length)))
        made.append("".join(source.choices("+-*/=<>!?.,;:#_", k=length)))
        made.append("".join(source.choices(" \t", k=length)) + "x")
    for _ in range(150):
        made.append("".join(source.choices(ASCII, k=source.randint(1, 60))))
        made.append("".join(source.choices(" \n\r\t'sSaA1/!", k=source.randint(1, 30))))
        made.append("".join(source.choices(FRAGMENTS, k=source.randint(1, 25))))
        made.append("".join(source.choice(source.choice(categories)) for _ in range(source.randint(1, 25))))
    return [[(text, 1)] for text in made] + LONG


def answer(encoding: tiktoken.Encoding, parts: Parts) -> tuple[int, str]:
    """Count and digest of the ids, special tokens being ordinary text."""
    text = "".join(part * repeats for part, repeats in parts)
    ids = encoding.encode(text, disallowed_special=())
    return len(ids), hashlib.sha256(",".join(map(str, ids)).encode()).hexdigest()[:16]


def main() -> None:
    """Write the file."""
    lines = [json.dumps({"text": parts} | {e.name: answer(e, parts) for e in ENCODINGS}) for parts in texts()]
    TARGET.write_text("\n".join(lines) + "\n")
    print(f"{len(lines)} texts, {TARGET.stat().st_size} bytes")


if __name__ == "__main__":
    main()
