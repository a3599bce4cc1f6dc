"""A coupon makes a shopping cart dearer: one wrong operator, found and fixed in a minute."""

from examples.stories.telling import Check, Command, Commit, Edit, Note, Story

SOUND = (
    "tests/test_cart.py::test_total_without_coupon",
    "tests/test_discounts.py::test_no_discount_keeps_the_price",
    "tests/test_discounts.py::test_impossible_discount_is_refused",
)
BROKEN = {
    "tests/test_cart.py::test_coupon_lowers_the_total": "assert 1000 == 600",
    "tests/test_discounts.py::test_ten_percent_off": "assert 2200 == 1800",
    "tests/test_discounts.py::test_full_discount_is_free": "assert 8500 == 0",
}

STORY = Story(
    name="simple",
    participant="dev-ada",
    consent="training",
    title="Coupons raise the price instead of lowering it",
    description=(
        "A customer with a 25 % coupon was charged 10.00 for an article of 8.00. Expected: 6.00. "
        "Carts without a coupon are charged correctly."
    ),
    repo_origin="https://git.example.com/shop.git",
    chunks=(
        (
            Note(
                at=0.0,
                name="plan",
                plan="Run the tests to see whether they already show the reported charge, then follow the coupon from "
                "the cart to the place where the price is worked out.",
            ),
            Command(
                at=6.5,
                because=("plan",),
                run="grep -n percent shop/discounts.py shop/cart.py",
                output="""\
shop/discounts.py:4:def discounted(price_cents: int, percent: int) -> int:
shop/discounts.py:5:    \"\"\"The price after `percent` off, rounded down to a whole cent.\"\"\"
shop/discounts.py:6:    if not 0 <= percent <= 100:
shop/discounts.py:7:        raise ValueError(f"a discount of {percent} % is not between 0 and 100")
shop/discounts.py:8:    return price_cents + price_cents * percent // 100
shop/cart.py:13:    coupon_percent: int = 0
shop/cart.py:21:        return discounted(sum(self.prices_cents), self.coupon_percent)
""",
            ),
            Check(at=14.0, name="red", because=("plan",), passed=SOUND, failed=BROKEN),
        ),
        (
            Note(
                at=24.0,
                name="wrong sign",
                because=("red",),
                observation="Every failing test has a discount above zero, and each result is as much too high as it "
                "should be too low: 2200 for 1800, 8500 for 0.",
                hypothesis="discounted() adds the discount to the price where it should subtract it.",
            ),
            Command(
                at=29.0,
                because=("wrong sign",),
                run="python -c 'from shop.discounts import discounted; print(discounted(100, 1), discounted(100, 50))'",
                output="101 150\n",
            ),
            Edit(
                at=38.0,
                name="fix",
                because=("wrong sign",),
                path="shop/discounts.py",
                changes=(("price_cents + price_cents", "price_cents - price_cents"),),
            ),
            Check(at=44.5, name="green", because=("fix",), passed=(*SOUND, *BROKEN)),
        ),
        (
            Note(
                at=53.0,
                name="done",
                because=("green",),
                observation="All six tests pass; the cart test shows the very case of the report.",
                decision="Keep the one-character fix. Rounding down is documented and stays as it is.",
            ),
            Command(
                at=58.0,
                because=("done",),
                run="git diff --stat",
                output=" shop/discounts.py | 2 +-\n 1 file changed, 1 insertion(+), 1 deletion(-)\n",
            ),
            Commit(at=65.0, because=("done", "green"), message="Subtract the discount from the price"),
        ),
    ),
)
