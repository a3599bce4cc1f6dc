"""How many units of each article there are."""

from collections.abc import Iterable


class Stock:
    """Units per article. Article numbers differ in nothing but case between suppliers: `ab-1` is `AB-1`."""

    def __init__(self) -> None:
        self._units: dict[str, int] = {}

    def receive(self, deliveries: Iterable[tuple[str, int]]) -> None:
        """Add what was delivered."""
        for sku, quantity in deliveries:
            self._units[sku] = quantity

    def units(self, sku: str) -> int:
        """Units of one article; 0 for an unknown one."""
        return self._units.get(sku, 0)

    def items(self) -> list[tuple[str, int]]:
        """Every article with its units, by article number."""
        return sorted(self._units.items())
