"""Write tests/fixtures/fnmatch.jsonl: what Python's fnmatch says about patterns, one case per line.

Run it with any CPython >= 3.12 from the root of the project; the result is always the same file. Each line
is a JSON list: pattern, text, whether `fnmatch.fnmatchcase` (fnmatch.fnmatch on POSIX) matches.
"""

import fnmatch
import json
import pathlib
import random

TARGET = pathlib.Path(__file__).parent.parent / "tests" / "fixtures" / "fnmatch.jsonl"
SEED = 20_261_122
RANDOM_CASES = 4_000
ALPHABETS = ("ab*?[]!-", "az!-]^[\\", "abc*", "az-!", "-!am")
ALL_IN_BRACKETS = ALPHABETS[3:]

BY_HAND = {
    "": ["", "a"],
    "*": ["", "a", "a\nb", "äöü"],
    "**": ["", "ab"],
    "?": ["", "a", "\n", "ß", "ab"],
    "a*": ["a", "abc", "ba"],
    "*a": ["a", "bca", "ab"],
    "*a*a*": ["a", "aa", "baab"],
    "*ab?c*": ["xxabzcyy", "xxabcyy"],
    "a?c": ["abc", "ac", "a\nc"],
    "Alice": ["alice", "Alice"],
    "{a,b}": ["a", "{a,b}"],
    "a\\*": ["a*", "a\\", "a\\xyz"],
    "[": ["[", ""],
    "[[[": ["[[[", "["],
    "[abc": ["[abc", "a"],
    "[abc]": ["a", "b", "d", "[abc]", ""],
    "[!abc]": ["a", "d", "!", "\n"],
    "[]a]": ["]", "a", "b"],
    "[!]a]": ["]", "a", "b"],
    "[]": ["[]", "]", ""],
    "[!]": ["[!]", "!"],
    "[!": ["[!"],
    "[^a]": ["^", "a", "b"],
    "[a-c]": ["a", "b", "c", "d", "-"],
    "[z-a]": ["z", "a", "-", "m"],
    "[!z-a]": ["z", "a", "-", "m"],
    "[z-a!]": ["z", "a", "!", "-"],
    "[za!-x]": ["z", "-", "x", "!", "a"],
    "[z-a!-x]": ["z", "-", "x", "!", "a", "b"],
    "[a-]": ["a", "-", "b"],
    "[-a]": ["a", "-", "b"],
    "[!-a]": ["a", "-", "b"],
    "[!--a]": ["a", "-", "b", "A"],
    "[a-b-c]": ["a", "b", "-", "c"],
    "[]-a]": ["]", "^", "a", "b"],
    "[\\]": ["\\", "]"],
    "[a\\]b]": ["a", "\\", "ab]", "\\b]"],
    "[a&&b]": ["a", "&", "b", "c"],
    "[a||b~~c]": ["a", "|", "~", "c"],
    "[[:alpha:]]": ["a", ":]", "[]", "z]"],
    "[ä-ü]": ["ö", "a"],
    "trusted-*": ["trusted-1", "trusted-", "trusted"],
    "*" * 1000: ["", "a" * 50],
    "*a" * 30: ["a" * 29, "a" * 30, "a" * 60 + "b"],
}


def random_cases(dice: random.Random) -> "list[tuple[str, str]]":
    """Patterns with many brackets and hyphens, and texts of the few characters they speak of."""
    cases = []
    for alphabet in ALPHABETS:
        for _ in range(RANDOM_CASES // len(ALPHABETS)):
            body = "".join(dice.choices(alphabet, k=dice.randrange(1, 9)))
            in_brackets = alphabet in ALL_IN_BRACKETS
            pattern = f"[{body}]" if in_brackets else body
            length = 1 if in_brackets else dice.randrange(0, 4)
            text = "".join(dice.choices(alphabet.replace("*", "ab") + "m", k=length))
            cases.append((pattern, text))
    return cases


def main() -> None:
    """Write the file."""
    cases = [(pattern, text) for pattern, texts in BY_HAND.items() for text in texts]
    cases += random_cases(random.Random(SEED))  # noqa: S311 - the same cases every time, not secrets
    unique = dict.fromkeys(cases)
    lines = [json.dumps([pattern, text, fnmatch.fnmatchcase(text, pattern)]) for pattern, text in unique]
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
