"""Turns the public ``*.tiktoken`` rank files into the vocabularies in ``assets/``.

Where the ranks come from: OpenAI publishes them for its tokenizer tiktoken (https://github.com/openai/tiktoken,
MIT licence, Copyright (c) 2022 OpenAI, Shantanu Jain) at
``https://openaipublic.blob.core.windows.net/encodings/<name>.tiktoken``; the crates ``tiktoken-rs`` and
``bpe-openai`` carry the same files. The SHA-256 below are the ones tiktoken itself checks.

Format, a raw deflate stream of: the number of tokens (u32, little endian), the length of each token in rank
order (u8 each), the bytes of all tokens in rank order. Ranks are 0, 1, 2, ... without gaps.

Usage: ``python scripts/make_vocabulary.py o200k_base.tiktoken cl100k_base.tiktoken``
"""

from __future__ import annotations

import base64
import hashlib
import struct
import sys
import zlib
from pathlib import Path

ASSETS = Path(__file__).resolve().parent.parent / "assets"
SHA256 = {
    "o200k_base": "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
    "cl100k_base": "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
}


def tokens_by_rank(text: bytes) -> list[bytes]:
    """Read lines of ``<base64 token> <rank>``.

    Raises:
        ValueError: If the ranks have gaps, so that a token's place in a list could not stand for its rank.

    """
    ranked = {int(rank): base64.b64decode(token) for token, rank in map(bytes.split, text.splitlines())}
    if sorted(ranked) != list(range(len(ranked))):
        raise ValueError("the ranks are not 0, 1, 2, ... without gaps")
    return [ranked[rank] for rank in range(len(ranked))]


def flat(tokens: list[bytes]) -> bytes:
    """Pack tokens in the format described above, before compression."""
    return struct.pack("<I", len(tokens)) + bytes(map(len, tokens)) + b"".join(tokens)


def deflated(data: bytes) -> bytes:
    """Compress as small as zlib can, without zlib's header."""
    compressor = zlib.compressobj(level=9, wbits=-15, memLevel=9)
    return compressor.compress(data) + compressor.flush()


def main(paths: list[str]) -> None:
    """Write one asset per rank file."""
    for path in map(Path, paths):
        name = path.name.removesuffix(".tiktoken")
        ranks = path.read_bytes()
        if hashlib.sha256(ranks).hexdigest() != SHA256[name]:
            raise ValueError(f"{path} is not the published rank file of {name}")
        asset = ASSETS / f"{name}.deflate"
        asset.write_bytes(deflated(flat(tokens_by_rank(ranks))))
        print(f"{asset.name}: {asset.stat().st_size} bytes")


if __name__ == "__main__":
    main(sys.argv[1:])
