"""Arguments as callers give them: an error names the argument, what it was, and what is allowed."""

from collections.abc import Iterable, Mapping
from typing import Any, Final, cast

_SHOWN: Final = 60
_LONGEST: Final = 360
_PLAIN: Final = (str, int, float, bool, type(None))


def shown(given: object) -> str:
    """What an error says of an argument: the beginning of a text or a number, the type of anything else.

    What an object says of itself may fail, have no end, or tell a value.
    """
    if isinstance(given, str):
        given = str.__str__(given)
        return repr(given) if len(given) <= _SHOWN else f"{given[:_SHOWN]!r}..."
    if type(given) not in _PLAIN:
        return type(given).__name__
    is_long = isinstance(given, int) and given.bit_length() > 4 * _SHOWN
    return "a number of many digits" if is_long else repr(given)


def shortened(message: str) -> str:
    """Return a message without its middle if it is long: both ends say what is wrong with a name in it."""
    half = _LONGEST // 2
    return message if len(message) <= _LONGEST else f"{message[:half]}...{message[-half:]}"


def wrong_type(name: str, allowed: str, given: object) -> TypeError:
    """The error for an argument of another type."""
    return TypeError(f"{name} must be {allowed}, not {type(given).__name__}")


def text(name: str, given: object) -> str:
    """Return a str that other programs can read as it is; refuse all else."""
    if not isinstance(given, str):
        raise wrong_type(name, "a str", given)
    try:
        given.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{name} must be text without lone surrogates, not {shown(given)}") from None
    return given


def names(name: str, given: Iterable[str]) -> list[str]:
    """Return a list of texts; a single text is a mistake."""
    if isinstance(given, str):
        raise TypeError(f"{name} must be a list of names, not the str {shown(given)}")
    return [text(f"each of {name}", item) for item in items(name, given)]


def items(name: str, given: Iterable[Any]) -> list[Any]:
    """Return what can be gone through as a list."""
    if not isinstance(given, Iterable):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise wrong_type(name, "a list", given)
    return list(given)


def mapping(name: str, given: object) -> Mapping[Any, Any]:
    """Return a mapping as it is; refuse all else."""
    if not isinstance(given, Mapping):
        raise wrong_type(name, "a mapping", given)
    return cast("Mapping[Any, Any]", given)


def whole(name: str, given: object, least: int, *, unit: str = "") -> int:
    """Return a whole number from `least` on that the core can hold."""
    if not isinstance(given, int):
        raise wrong_type(name, "a whole number", given)
    if not least <= given < 2**63:
        raise ValueError(f"{name} must be {least}{unit} or greater, not {shown(given)}")
    return given


def seconds(name: str, given: object, allowed: str = "0 seconds or more") -> float:
    """Return a number of seconds, from 0 on."""
    if not isinstance(given, (int, float)):
        raise wrong_type(name, "a number of seconds", given)
    if not 0 <= given < 2**63:
        raise ValueError(f"{name} must be {allowed}, not {shown(given)}")
    return given


def one_of(name: str, given: object, *allowed: str | bool | None) -> None:
    """Refuse what is none of these."""
    if not any(given is choice or (type(given) is str and given == choice) for choice in allowed):
        *others, last = [repr(choice) if isinstance(choice, str) else str(choice) for choice in allowed]
        raise ValueError(f"{name} must be {', '.join(others)} or {last}, not {shown(given)}")


def having(name: str, given: object, what: str, *attributes: str) -> Any:
    """Return an object that has what makes it such a thing."""
    if not all(hasattr(given, attribute) for attribute in attributes):
        raise wrong_type(name, what, given)
    return given


def a_cache(given: Any) -> Any:
    """Return a cache, or what stands for one, such as `TracedRefCache`."""
    if not hasattr(given, "_core") or not isinstance(getattr(given, "name", None), str):
        raise wrong_type("cache", "a RefCache", given)
    return given
