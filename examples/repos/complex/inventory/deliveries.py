"""Reading delivery lists: one `sku;quantity` per line, as the suppliers send them."""

from collections.abc import Iterator


def parse_quantity(text: str) -> int:
    """A whole number of units; suppliers write thousands as in `1,200`."""
    return int(text.split(",")[0])


def parse_deliveries(text: str) -> Iterator[tuple[str, int]]:
    """The article and quantity of every line that is neither empty nor a comment."""
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            sku, quantity = line.split(";")
            yield sku.strip(), parse_quantity(quantity.strip())
