"""Percentage discounts on prices in cents."""


def discounted(price_cents: int, percent: int) -> int:
    """The price after `percent` off, rounded down to a whole cent."""
    if not 0 <= percent <= 100:
        raise ValueError(f"a discount of {percent} % is not between 0 and 100")
    return price_cents + price_cents * percent // 100
