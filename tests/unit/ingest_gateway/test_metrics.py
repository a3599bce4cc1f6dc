"""What an operator may alert on is documented, all of it and nothing else."""

from pathlib import Path

from ingest_gateway.metrics import Metrics

PAGE = Path(__file__).parents[3] / "docs" / "monitoring.md"


def test_every_metric_is_in_the_table() -> None:
    rows = []
    for metric in Metrics().registry.collect():
        name = f"{metric.name}_total" if metric.type == "counter" else metric.name
        rows.append((f"`{name}`", metric.type, metric.documentation))
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith("| `gateway_")]
    documented = [tuple(cell.strip() for cell in line.strip("|").split(" | ")) for line in lines]
    assert [(name, kind, text) for name, kind, _, text in documented] == rows


def test_the_labels_in_the_table_are_those_of_the_metrics() -> None:
    metrics = Metrics()
    metrics.answers("POST", "ingest", 201)
    metrics.redactions.labels("jwt")
    labels = {
        metric.name: set(metric.samples[0].labels) - {"le"} for metric in metrics.registry.collect() if metric.samples
    }
    for line in PAGE.read_text().splitlines():
        if line.startswith("| `gateway_"):
            name, _, said, _ = (cell.strip() for cell in line.strip("|").split(" | "))
            wanted = {label.strip("`") for label in said.split(", ")} - {""}
            assert labels[name.strip("`").removesuffix("_total")] == wanted
