from inventory.deliveries import parse_deliveries, parse_quantity


def test_plain_quantity():
    assert parse_quantity("40") == 40


def test_quantity_with_thousands():
    assert parse_quantity("1,200") == 1200


def test_comments_and_empty_lines_are_skipped():
    assert list(parse_deliveries("# march\n\nAB-1;5\n")) == [("AB-1", 5)]
