from shop.cart import Cart


def test_total_without_coupon():
    cart = Cart()
    cart.add(250, quantity=4)
    assert cart.total() == 1000


def test_coupon_lowers_the_total():
    cart = Cart(coupon_percent=25)
    cart.add(800)
    assert cart.total() == 600
