import pytest

from shop.discounts import discounted


def test_no_discount_keeps_the_price():
    assert discounted(1999, 0) == 1999


def test_ten_percent_off():
    assert discounted(2000, 10) == 1800


def test_full_discount_is_free():
    assert discounted(4250, 100) == 0


def test_impossible_discount_is_refused():
    with pytest.raises(ValueError, match="not between"):
        discounted(1000, 101)
