"""The rank file of o200k_base for tiktoken and the original, which download it: made from our own vocabulary instead."""

from __future__ import annotations

import base64
import hashlib
import os
import struct
import zlib
from pathlib import Path

ASSET = Path(__file__).parents[1] / "assets" / "o200k_base.deflate"
URL = "https://openaipublic.blob.core.windows.net/encodings/o200k_base.tiktoken"
#: What tiktoken itself checks after a download, so that nobody counts with another vocabulary.
SHA256 = "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d"


def provide(folder: Path) -> None:
    """Put the file where tiktoken looks for what it has downloaded before.

    Raises:
        ValueError: If what comes out is not, byte for byte, the published file.
    """
    lines = (b"%s %d\n" % (base64.b64encode(token), rank) for rank, token in enumerate(_tokens()))
    ranks = b"".join(lines)
    if hashlib.sha256(ranks).hexdigest() != SHA256:
        raise ValueError("assets/o200k_base.deflate does not give the published rank file")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / hashlib.sha1(URL.encode()).hexdigest()).write_bytes(ranks)
    os.environ["TIKTOKEN_CACHE_DIR"] = str(folder)


def _tokens() -> list[bytes]:
    """Read the format that `scripts/make_vocabulary.py` describes."""
    flat = zlib.decompress(ASSET.read_bytes(), wbits=-15)
    (count,) = struct.unpack_from("<I", flat)
    tokens, at = [], 4 + count
    for length in flat[4 : 4 + count]:
        tokens.append(flat[at : at + length])
        at += length
    return tokens
