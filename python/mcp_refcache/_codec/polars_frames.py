"""polars: frames and series as Arrow IPC files, which polars reads and writes by itself."""

# polars is not typed in full
# pyright: basic
from __future__ import annotations

from io import BytesIO
from typing import Any

import polars as pl

from mcp_refcache._codec.scalars import bytes_text, text_bytes
from mcp_refcache._codec.tree import Pack, Tree, Unkept, Unpack, packs, unpacks


def _to_text(frame: pl.DataFrame) -> str:
    file = BytesIO()
    try:
        frame.write_ipc(file)
    except BaseException as failed:
        if isinstance(failed, KeyboardInterrupt | SystemExit):
            raise
        # dtypes that IPC does not know end in errors of any kind, panics too
        raise Unkept("a polars dtype cannot be kept; cast it to one that Arrow knows") from None
    return bytes_text(file.getbuffer())


def _from_text(text: str) -> pl.DataFrame:
    try:
        return pl.read_ipc(BytesIO(text_bytes(text)))
    except BaseException as failed:
        if isinstance(failed, KeyboardInterrupt | SystemExit):
            raise
        raise ValueError from None  # a panic is no Exception


@packs(pl.DataFrame)
def _pack_frame(value: pl.DataFrame, pack: Pack) -> Tree:
    return {"polars.frame": _to_text(value)}


@unpacks("polars.frame")
def _frame(text: str, unpack: Unpack) -> pl.DataFrame:
    return _from_text(text)


@packs(pl.Series)
def _pack_series(value: pl.Series, pack: Pack) -> Tree:
    return {"polars.series": _to_text(value.to_frame())}


@unpacks("polars.series")
def _series(text: str, unpack: Unpack) -> Any:
    return _from_text(text).to_series()
