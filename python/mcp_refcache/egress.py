"""`EgressGuard`: what of a value that a caller may use and not read counts as given away."""

from dataclasses import dataclass

from mcp_refcache._arguments import whole, wrong_type

__all__ = ["EgressGuard"]


@dataclass(frozen=True, slots=True)
class EgressGuard:
    """Holds back results of plain tools that contain what their caller may use but not read.

    It is at work where the cache is installed in a server (`cache.install(mcp)`): for tools, resources and prompts.
    Looked for are the whole value, its texts and its long numbers, also inside other text, escaped, percent-encoded
    or in base64; not what the tool's own arguments say, and what the author `Declassified`.

    Args:
        min_characters: Texts count that have so many characters.
        min_digits: Numbers count that have so many digits.
        max_memory: Bytes that the index of one value may take. Results of tools that used a larger value are held
            back unseen.

    Raises:
        ValueError: For fewer than 3 characters or digits, which stand in every text, and for no memory.

    Example:
        ```python
        cache = RefCache("payroll", egress=EgressGuard(min_characters=6))
        ```
    """

    min_characters: int = 8
    min_digits: int = 7
    max_memory: int = 64 * 1024 * 1024

    def __post_init__(self) -> None:
        for name, least in (("min_characters", 3), ("min_digits", 3), ("max_memory", 1)):
            number = getattr(self, name)
            if isinstance(number, bool):
                raise wrong_type(name, "an int", number)
            whole(name, number, least)
