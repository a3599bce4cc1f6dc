from inventory.stock import Stock


def test_unknown_article_has_no_units():
    assert Stock().units("AB-1") == 0


def test_one_delivery():
    stock = Stock()
    stock.receive([("AB-1", 5)])
    assert stock.units("AB-1") == 5


def test_second_delivery_adds_up():
    stock = Stock()
    stock.receive([("AB-1", 5), ("AB-1", 7)])
    assert stock.units("AB-1") == 12


def test_case_of_article_numbers_does_not_matter():
    stock = Stock()
    stock.receive([("ab-1", 5), ("AB-1", 7)])
    assert stock.units("ab-1") == 12
    assert stock.items() == [("AB-1", 12)]
