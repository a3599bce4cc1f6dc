"""The monthly stock report counts too few units: three faults in three files, peeled off one by one."""

from examples.stories.telling import Check, Command, Commit, Edit, Note, Story

SOUND = (
    "tests/test_deliveries.py::test_plain_quantity",
    "tests/test_deliveries.py::test_comments_and_empty_lines_are_skipped",
    "tests/test_report.py::test_report_of_one_delivery",
    "tests/test_stock.py::test_unknown_article_has_no_units",
    "tests/test_stock.py::test_one_delivery",
)
THOUSANDS = "tests/test_deliveries.py::test_quantity_with_thousands"
ADDS_UP = "tests/test_stock.py::test_second_delivery_adds_up"
ANY_CASE = "tests/test_stock.py::test_case_of_article_numbers_does_not_matter"
EQUAL_UNITS = "tests/test_report.py::test_articles_with_equal_units_both_count"
SUPPLIERS = "tests/test_report.py::test_report_over_two_suppliers"

LOST = {
    ADDS_UP: "AssertionError: assert 7 == 12",
    ANY_CASE: "AssertionError: assert 5 == 12",
}
ONCE = {EQUAL_UNITS: r"AssertionError: assert 'AB-1: 5\nCD-2: 5\ntotal: 5' == 'AB-1: 5\nCD-2: 5\ntotal: 10'"}
WANTED = r"== 'AB-1: 1500\n...\ntotal: 3000'"

STORY = Story(
    name="complex",
    participant="dev-linus",
    consent="training",
    title="Monthly stock report shows too few units",
    description=(
        "The report for March says 341 units where the delivery lists of both suppliers add up to 3,000. "
        "Small lists with one supplier come out right."
    ),
    repo_origin="https://git.example.com/inventory.git",
    chunks=(
        (
            Note(
                at=0.0,
                name="plan",
                plan="Follow a unit through the program: deliveries are read, stock adds them up, the report sums. "
                "Check each stage by itself, beginning with what the tests say now.",
            ),
            Command(
                at=6.0,
                because=("plan",),
                run="ls inventory tests",
                output="""\
inventory:
__init__.py
deliveries.py
report.py
stock.py

tests:
test_deliveries.py
test_report.py
test_stock.py
""",
            ),
            Check(
                at=17.0,
                name="five red",
                because=("plan",),
                passed=SOUND,
                failed={
                    THOUSANDS: "AssertionError: assert 1 == 1200",
                    **ONCE,
                    SUPPLIERS: rf"AssertionError: assert 'AB-1: 1\nCD-...1\ntotal: 341' {WANTED}",
                    **LOST,
                },
            ),
            Command(
                at=27.0,
                name="read deliveries",
                because=("five red",),
                run="sed -n '6,8p' inventory/deliveries.py",
                output="""\
def parse_quantity(text: str) -> int:
    \"\"\"A whole number of units; suppliers write thousands as in `1,200`.\"\"\"
    return int(text.split(",")[0])
""",
            ),
            Note(
                at=35.0,
                name="several faults",
                because=("five red", "read deliveries"),
                observation="Tests of all three stages fail, so there is probably more than one fault. The stages "
                "build on each other: repair them in their order, and run the tests after each.",
            ),
            Note(
                at=44.0,
                name="thousands",
                because=("several faults",),
                hypothesis="parse_quantity() keeps only what is before the first comma: `1,200` becomes 1.",
            ),
        ),
        (
            Edit(
                at=58.0,
                name="keep thousands",
                because=("thousands",),
                path="inventory/deliveries.py",
                changes=(('text.split(",")[0]', 'text.replace(",", "")'),),
            ),
            Check(
                at=66.0,
                name="four red",
                because=("keep thousands",),
                passed=(*SOUND, THOUSANDS),
                failed={
                    **ONCE,
                    SUPPLIERS: rf"AssertionError: assert 'AB-1: 1200\n...\ntotal: 3000' {WANTED}",
                    **LOST,
                },
            ),
            Note(
                at=74.0,
                name="reading is right",
                because=("four red",),
                observation="The list is read correctly now. The next stage, stock, still forgets earlier deliveries.",
            ),
            Command(
                at=84.0,
                name="second delivery",
                because=("reading is right",),
                run="python -c 'from inventory.stock import Stock\n"
                "stock = Stock()\n"
                'stock.receive([("AB-1", 5), ("AB-1", 7)])\n'
                "print(stock.items())'",
                output="[('AB-1', 7)]\n",
            ),
            Note(
                at=95.0,
                name="overwritten",
                because=("second delivery",),
                hypothesis="receive() assigns the quantity where it should add to what is already there.",
            ),
            Edit(
                at=110.0,
                name="add up",
                because=("overwritten",),
                path="inventory/stock.py",
                changes=(("self._units[sku] = quantity", "self._units[sku] = self.units(sku) + quantity"),),
            ),
        ),
        (
            Command(
                at=121.0,
                name="two cases",
                because=("add up",),
                run="python -c 'from inventory.stock import Stock\n"
                "stock = Stock()\n"
                'stock.receive([("ab-1", 5), ("AB-1", 7), ("AB-1", 1)])\n'
                "print(stock.items())'",
                output="[('AB-1', 8), ('ab-1', 5)]\n",
            ),
            Note(
                at=130.0,
                name="one spelling",
                because=("two cases",),
                observation="Deliveries add up, but `ab-1` and `AB-1` are two articles, against what the class says.",
                decision="Spell article numbers in upper case wherever they come in: in receive() and in units().",
            ),
            Edit(
                at=145.0,
                name="upper case",
                because=("one spelling",),
                path="inventory/stock.py",
                changes=(
                    ("self._units[sku] = self.units(sku)", "self._units[sku.upper()] = self.units(sku)"),
                    ("self._units.get(sku, 0)", "self._units.get(sku.upper(), 0)"),
                ),
            ),
            Check(
                at=154.0,
                name="two red",
                because=("upper case",),
                passed=(*SOUND, THOUSANDS, ADDS_UP, ANY_CASE),
                failed={**ONCE, SUPPLIERS: rf"AssertionError: assert 'AB-1: 1500\n...\ntotal: 1500' {WANTED}"},
            ),
            Note(
                at=162.0,
                name="stock is right",
                because=("two red",),
                observation="Stock is right. Both remaining tests have two articles with equal units, and the total "
                "has them once: 5 for 10, 1500 for 3000.",
            ),
            Command(
                at=170.0,
                name="read report",
                because=("stock is right",),
                run="sed -n '7,9p' inventory/report.py",
                output="""\
def total_units(stock: Stock) -> int:
    \"\"\"Units of all articles together.\"\"\"
    return sum({units for _, units in stock.items()})
""",
            ),
        ),
        (
            Note(
                at=180.0,
                name="a set",
                because=("stock is right", "read report"),
                hypothesis="total_units() sums a set, so that equal quantities of different articles count only once.",
            ),
            Edit(
                at=192.0,
                name="sum all",
                because=("a set",),
                path="inventory/report.py",
                changes=(("sum({units for _, units in stock.items()})", "sum(units for _, units in stock.items())"),),
            ),
            Check(
                at=201.0,
                name="green",
                because=("sum all",),
                passed=(*SOUND, THOUSANDS, ADDS_UP, ANY_CASE, EQUAL_UNITS, SUPPLIERS),
            ),
            Note(
                at=212.0,
                name="done",
                because=("green",),
                observation="All ten tests pass, the report over two suppliers among them: 3000 units.",
                decision="Commit the three fixes together, as the reported total needs all of them.",
            ),
            Command(
                at=219.0,
                because=("done",),
                run="git diff --stat",
                output="""\
 inventory/deliveries.py | 2 +-
 inventory/report.py     | 2 +-
 inventory/stock.py      | 4 ++--
 3 files changed, 4 insertions(+), 4 deletions(-)
""",
            ),
            Commit(
                at=230.0,
                because=("done", "green"),
                message="Count every unit in the stock report\n\nQuantities above 999 were cut at the comma, second "
                "deliveries replaced\nthe first, and articles with equal units were summed once.",
            ),
        ),
    ),
)
