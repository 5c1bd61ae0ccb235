"""Writes tests/fixtures/json_dumps.jsonl: JSON text in many styles, and how Python's json module writes it.

Each line is a JSON list of two texts: an input, and ``json.dumps(json.loads(input))``. The inputs vary what a
writer may vary: whitespace, escapes, the notation of floats, repeated keys.

    python scripts/make_json_fixtures.py
"""

import json
import math
import random
import struct
from pathlib import Path

TARGET = Path(__file__).parent.parent / "tests" / "fixtures" / "json_dumps.jsonl"
LINES = 520
SPECIAL = [
    *[
        "0",
        "-1",
        "0.0",
        "-0.0",
        "-0e5",
        "0e-999",
        "1e5",
        "1E+05",
        "1e-5",
        "0.0001",
        "0.00001",
        "1e15",
        "1e16",
        "1e22",
        "1e23",
        "5e-324",
        "2e-324",
    ],
    *["9999999999999998", "9999999999999998.0", "123456789012345678.0", "9007199254740993.0"],
    *["2.2250738585072011e-308", "2.2250738585072014e-308", "0.1000000000000000055511151231257827"],
    *["1.7976931348623157e308", "1.7976931348623159e308", "1e999", "-1e999", "NaN", "Infinity", "-Infinity"],
    *["9" * 60, "-" + "9" * 60, " null ", "\ttrue\r\n", "false", "[]", "{}", "[ ]", "{\n}", "[[],{}]"],
    *['""', r'"\/\u002f/"', r'"\u0022\u005c\u000a\u0008"', '"\x7f\\u007F\\u0080"'],
    *['"\\uD83D\\uDE00\U0001f600"', r'"\ud800"', r'"\uDC00\uD800"', r'"\ud800\ud800\udc00"'],
    *['{"a":1,"b":2,"a":3}', '{"\\u00e9":1,"\u00e9":{"x":[1,2]},"z":0}'],
    r'{"\u0041b": 1, "Ab": 2}',
    '{"a":{"b":1,"b":2},"c":0,"a":{"b":[1],"b":[]}}',
    "{" + ",".join(f'"{n % 12}":{n}' for n in range(40)) + "}",
]


def random_float(rng: random.Random) -> float:
    """Return a finite float: of any bits, with few digits, or near the ends of Python's plain notation."""
    match rng.randrange(4):
        case 0:
            number = struct.unpack("<d", rng.randbytes(8))[0]
            return number if math.isfinite(number) else 0.5
        case 1:
            return round(rng.uniform(-1000, 1000), rng.randrange(6))
        case 2:
            return rng.choice([1e-4, 1e-5, 1e15, 1e16, 1e17]) * rng.uniform(0.5, 2)
        case _:
            return float(f"{rng.randrange(10**6)}e{rng.randrange(-330, 300)}")


def random_text(rng: random.Random) -> str:
    """Return a short text, half the time plain."""
    if rng.random() < 0.5:
        return "".join(rng.choices("abcdefghij _-.", k=rng.randrange(12)))
    points = [
        range(0x20),
        range(0x20, 0x80),
        range(0x80, 0x800),
        range(0x4E00, 0x9FFF),
        range(0x1F600, 0x1F640),
    ]
    return "".join(chr(rng.choice(rng.choice(points))) for _ in range(rng.randrange(6)))


class Writer:
    """Writes random values as JSON text in a random style."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.blank = rng.choice(["", "", " ", "\n  ", "\t", "\r\n"])

    def value(self, depth: int) -> str:
        """Return the text of a value that is nested at most ``depth`` levels."""
        rng = self.rng
        match rng.randrange(9) if depth else rng.randrange(6):
            case 0:
                return rng.choice(["null", "true", "false", "NaN", "Infinity", "-Infinity"])
            case 1:
                return str(rng.randrange(-(10 ** rng.randrange(1, 40)), 10 ** rng.randrange(1, 40)))
            case 2 | 3:
                return self.float()
            case 4 | 5:
                return self.text(random_text(rng))
            case 6 | 7:
                return self.items("[", "]", [self.value(depth - 1) for _ in range(rng.randrange(6))])
            case _:
                keys = [self.text(random_text(rng)) for _ in range(rng.randrange(6))]
                gap = rng.choice(["", self.blank])
                return self.items(
                    "{", "}", [f"{key}{gap}:{self.blank}{self.value(depth - 1)}" for key in keys]
                )

    def items(self, begin: str, end: str, items: list[str]) -> str:
        """Return the text of a list or dict of these items."""
        return begin + self.blank + f"{self.blank},{self.blank}".join(items) + self.blank + end

    def float(self) -> str:
        """Return a float in one of the notations that writers use."""
        number = random_float(self.rng)
        text = self.rng.choice([repr(number), f"{number:.17g}", f"{number:.20E}", f"{number:.16e}"])
        return text if "." in text or "e" in text else text + ".0"

    def text(self, text: str) -> str:
        """Return a string literal, escaped where needed, where not ASCII, or throughout."""
        style = self.rng.randrange(3)
        if style == 0:
            return json.dumps(text, ensure_ascii=False)
        if style == 1:
            return json.dumps(text)
        units = text.encode("utf-16-be")
        pattern = self.rng.choice(["\\u{:04x}", "\\u{:04X}"])
        return '"' + "".join(pattern.format(unit) for (unit,) in struct.iter_unpack(">H", units)) + '"'


def main() -> None:
    """Write the file."""
    rng = random.Random(20240229)  # noqa: S311 - the same file every time
    inputs = SPECIAL + [Writer(rng).value(4) for _ in range(LINES)]
    inputs += ["[" + ",".join(Writer(rng).float() for _ in range(50)) + "]" for _ in range(20)]
    with TARGET.open("w", encoding="ascii", newline="\n") as file:
        for text in inputs:
            file.write(json.dumps([text, json.dumps(json.loads(text), default=str)]) + "\n")


if __name__ == "__main__":
    main()
