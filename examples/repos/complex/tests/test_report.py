from inventory.report import monthly_report


def test_report_of_one_delivery():
    assert monthly_report("AB-1;5") == "AB-1: 5\ntotal: 5"


def test_articles_with_equal_units_both_count():
    assert monthly_report("AB-1;5\nCD-2;5") == "AB-1: 5\nCD-2: 5\ntotal: 10"


def test_report_over_two_suppliers():
    report = monthly_report("AB-1;1,200\nCD-2;40", "ab-1;300\ncd-2;1,460")
    assert report == "AB-1: 1500\nCD-2: 1500\ntotal: 3000"
