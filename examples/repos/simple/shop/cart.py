"""A shopping cart."""

from dataclasses import dataclass, field

from shop.discounts import discounted


@dataclass
class Cart:
    """What a customer wants to buy, and the discount of their coupon."""

    prices_cents: list[int] = field(default_factory=list)
    coupon_percent: int = 0

    def add(self, price_cents: int, quantity: int = 1) -> None:
        """Put `quantity` articles of one price into the cart."""
        self.prices_cents.extend([price_cents] * quantity)

    def total(self) -> int:
        """What the customer pays, in cents."""
        return discounted(sum(self.prices_cents), self.coupon_percent)
