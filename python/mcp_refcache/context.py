"""How large something is: tokenizers, and measurers of a value's JSON text.

The size of a value is the size of `json.dumps(value, default=str)`, in characters or in tokens.
"""

from __future__ import annotations

import logging
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from mcp_refcache import _core

if TYPE_CHECKING:
    from mcp_refcache.models import SizeMode

__all__ = [
    "CharacterFallback",
    "CharacterMeasurer",
    "HuggingFaceAdapter",
    "SizeMeasurer",
    "TiktokenAdapter",
    "TokenMeasurer",
    "Tokenizer",
    "get_default_measurer",
    "get_default_tokenizer",
]

logger = logging.getLogger("mcp_refcache")


@runtime_checkable
class Tokenizer(Protocol):
    """Splits text into tokens of a model."""

    @property
    def model_name(self) -> str:
        """The model this tokenizer stands for."""
        ...

    def encode(self, text: str) -> list[int]:
        """Return the token ids of a text."""
        ...

    def count_tokens(self, text: str) -> int:
        """Return the number of tokens of a text."""
        ...


@runtime_checkable
class SizeMeasurer(Protocol):
    """Measures values."""

    def measure(self, value: Any) -> int:
        """Return the size of a value, in this measurer's unit."""
        ...


class CharacterFallback:
    """Estimates tokens as a fixed number of characters each.

    Args:
        chars_per_token: Characters that count as one token.

    Raises:
        ValueError: If `chars_per_token` is below 1.
    """

    def __init__(self, chars_per_token: int = 4) -> None:
        if chars_per_token < 1:
            raise ValueError(f"chars_per_token must be 1 or greater (chars_per_token: {chars_per_token})")
        self.chars_per_token = chars_per_token

    @property
    def model_name(self) -> str:
        """`character-fallback`."""
        return "character-fallback"

    def encode(self, text: str) -> list[int]:
        """Return as many numbers as `count_tokens` says, counted from 0."""
        return list(range(self.count_tokens(text)))

    def count_tokens(self, text: str) -> int:
        """Return the characters of a text, divided by `chars_per_token` and rounded up."""
        return -(-len(text) // self.chars_per_token)


class TiktokenAdapter:
    """Exact token counts of OpenAI's vocabularies o200k_base and cl100k_base, built in.

    Needs neither the tiktoken package nor a download. Text that looks like a special token
    (`<|endoftext|>`) is text.

    Args:
        model: A model or encoding name; names without a built-in vocabulary count as `cl100k_base`.
        fallback: Kept for users of the original, where the vocabulary could be missing.
    """

    def __init__(self, model: str = "gpt-4o", fallback: Tokenizer | None = None) -> None:
        self._model = model
        self._fallback = fallback if fallback is not None else CharacterFallback()
        self._encoding: _core.Encoding | None = None
        self._tiktoken_available = True

    @property
    def model_name(self) -> str:
        """The model this tokenizer was made for."""
        return self._model

    def _get_encoding(self) -> _core.Encoding:
        if self._encoding is None:
            self._encoding = _core.Encoding.for_model(self._model)
        return self._encoding

    def encode(self, text: str) -> list[int]:
        """Return the token ids of a text."""
        return self._get_encoding().encode(text)

    def count_tokens(self, text: str) -> int:
        """Return the number of tokens of a text."""
        return self._get_encoding().count_tokens(text)


class HuggingFaceAdapter:
    """Token counts by a tokenizer of the transformers package, loaded at first use.

    Args:
        model: A model name or path for `AutoTokenizer.from_pretrained`.
        fallback: What counts if that fails for whatever reason; default `CharacterFallback()`.
    """

    def __init__(self, model: str = "gpt2", fallback: Tokenizer | None = None) -> None:
        self._model = model
        self._fallback = fallback if fallback is not None else CharacterFallback()
        self._tokenizer: Any = None
        self._transformers_available: bool | None = None

    @property
    def model_name(self) -> str:
        """The model this tokenizer was made for."""
        return self._model

    def _get_tokenizer(self) -> Any | None:
        if self._transformers_available is None:
            try:
                transformers: Any = import_module("transformers")
                self._tokenizer = transformers.AutoTokenizer.from_pretrained(self._model)
                self._transformers_available = True
            except Exception as error:
                self._transformers_available = False
                logger.warning(
                    "no tokenizer for %r (%s): using %s",
                    self._model,
                    type(error).__name__,
                    self._fallback.model_name,
                )
        return self._tokenizer

    def encode(self, text: str) -> list[int]:
        """Return the token ids of a text, with what that tokenizer adds."""
        tokenizer = self._get_tokenizer()
        return self._fallback.encode(text) if tokenizer is None else list(tokenizer.encode(text))

    def count_tokens(self, text: str) -> int:
        """Return the number of ids that `encode` gives."""
        tokenizer = self._get_tokenizer()
        return self._fallback.count_tokens(text) if tokenizer is None else len(tokenizer.encode(text))


class CharacterMeasurer:
    """Sizes in characters of the JSON text."""

    def measure(self, value: Any) -> int:
        """Return the length of `json.dumps(value, default=str)`.

        Raises:
            TypeError: If a dict key is no str, int, float, bool or None.
            ValueError: If the value contains itself.
        """
        return _core.count_characters(value)


class TokenMeasurer:
    """Sizes in tokens of the JSON text.

    Args:
        tokenizer: What counts tokens.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer

    def measure(self, value: Any) -> int:
        """Return the tokens of `json.dumps(value, default=str)`; raises as `CharacterMeasurer.measure`."""
        return _core.count_tokens(value, self.tokenizer)


def get_default_tokenizer(model: str | None = None) -> Tokenizer:
    """Return the best tokenizer for a model.

    Args:
        model: A model name; None = `gpt-4o`. Names with a slash are HuggingFace models.

    Returns:
        `HuggingFaceAdapter` for HuggingFace models if transformers is installed, else `TiktokenAdapter`.
    """
    if model is not None and "/" in model:
        adapter = HuggingFaceAdapter(model, fallback=TiktokenAdapter(model))
        if _has_transformers():
            return adapter
    return TiktokenAdapter(model or "gpt-4o")


def _has_transformers() -> bool:
    return find_spec("transformers") is not None


def get_default_measurer(size_mode: SizeMode | str, tokenizer: Tokenizer | None = None) -> SizeMeasurer:
    """Return the measurer for a size mode.

    Args:
        size_mode: `SizeMode.CHARACTER` (or `"character"`) for characters; anything else is tokens.
        tokenizer: What counts tokens; None = the default tokenizer.
    """
    if size_mode == "character":
        return CharacterMeasurer()
    return TokenMeasurer(tokenizer if tokenizer is not None else get_default_tokenizer())
