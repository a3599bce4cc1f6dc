"""What tokens of each model cost, from a table that the operator keeps. Pure.

    gpt-4o-mini: {in: 0.15, out: 0.60}      # US dollars for a million tokens, prompt and completion
    llama3:8b: {in: 0, out: 0}

Read as decimals, never as floats: a thousand sums of a tenth are a hundred.
"""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation

import yaml

from judge.budget import NANO, Price

MOST_USD = 1_000_000


class BadPrices(ValueError):
    """The text is no table of prices; says where it is wrong."""


def in_nano(usd: Decimal | None) -> int | None:
    """Nano-dollars of dollars, rounded to whole ones."""
    return None if usd is None else int((usd * NANO).to_integral_value())


def price_table(text: str) -> Mapping[str, Price]:
    """Model -> price. Raises BadPrices."""
    try:
        # Every scalar as it is written: no floats, and a model may be called `on`.
        table = yaml.load(text, yaml.BaseLoader)
    except yaml.YAMLError as error:
        raise BadPrices(f"not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(table, dict):
        raise BadPrices("say `MODEL: {in: DOLLARS, out: DOLLARS}`, a line for each model")
    return {model: _price(model, given) for model, given in table.items()}


def _price(model: str, given: object) -> Price:
    if not isinstance(given, dict) or set(given) != {"in", "out"}:
        raise BadPrices(f"{model}: say `{{in: DOLLARS, out: DOLLARS}}`, for a million tokens")
    return Price(_nano(model, given["in"]), _nano(model, given["out"]))


def _nano(model: str, given: object) -> int:
    try:
        usd = Decimal(str(given))
    except InvalidOperation:
        usd = Decimal("NaN")
    if not usd.is_finite() or not 0 <= usd <= MOST_USD:
        raise BadPrices(f"{model}: {given!r} is no price in dollars")
    return in_nano(usd) or 0
