"""The monthly stock report."""

from inventory.deliveries import parse_deliveries
from inventory.stock import Stock


def total_units(stock: Stock) -> int:
    """Units of all articles together."""
    return sum({units for _, units in stock.items()})


def monthly_report(*delivery_lists: str) -> str:
    """One line per article, then the total."""
    stock = Stock()
    for text in delivery_lists:
        stock.receive(parse_deliveries(text))
    lines = [f"{sku}: {units}" for sku, units in stock.items()]
    return "\n".join([*lines, f"total: {total_units(stock)}"])
