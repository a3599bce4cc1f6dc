"""What judge models cost, and the cap on it. Money is whole nano-dollars: billionths of a US dollar.

A cap is looked at before each call, so it is passed by at most the calls that were under way when it was reached.
"""

from dataclasses import dataclass

from pipeline.errors import Retryable

NANO = 1_000_000_000
MILLION = 1_000_000


class BudgetReached(Retryable):
    """No more may be spent now: nothing is asked, nothing is dropped. The text says how to go on."""


@dataclass(frozen=True, slots=True)
class Price:
    """Nano-dollars for a million tokens."""

    prompt: int
    completion: int

    def cost_nano(self, prompt_tokens: int, completion_tokens: int) -> int:
        """Nano-dollars for these tokens; half a nano-dollar rounds up."""
        total = prompt_tokens * self.prompt + completion_tokens * self.completion
        return (2 * total + MILLION) // (2 * MILLION)


class Budget:
    """A sum that may be spent, and what was. Without `cap_nano` it only counts."""

    def __init__(self, cap_nano: int | None = None, spent_nano: int = 0) -> None:
        self.cap_nano, self.spent_nano = cap_nano, spent_nano

    def check(self) -> None:
        """Raises BudgetReached where nothing is left."""
        if self.cap_nano is not None and self.spent_nano >= self.cap_nano:
            raise BudgetReached(f"the budget is spent: {usd(self.spent_nano)} of {usd(self.cap_nano)}")

    def spend(self, nano: int) -> None:
        """Something was paid."""
        self.spent_nano += nano


def usd(nano: int) -> str:
    """`$0.0123`, to a hundredth of a cent."""
    return f"${nano / NANO:.4f}"
