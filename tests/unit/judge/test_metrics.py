"""What an operator may alert on is documented, all of it and nothing else."""

from pathlib import Path

from judge.metrics import Call, Metrics
from tests.support.scripted_judge import judged

PAGE = Path(__file__).parents[3] / "docs" / "monitoring.md"


def test_every_metric_is_in_the_table_with_its_labels() -> None:
    metrics = Metrics()
    metrics.called(Call("m", "answered", 0.5, 10, 2))
    metrics.scored(judged())
    rows = []
    for metric in metrics.registry.collect():
        name = f"{metric.name}_total" if metric.type == "counter" else metric.name
        labels = set(metric.samples[0].labels) - {"le"}
        rows.append((f"`{name}`", metric.type, labels, metric.documentation))
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith("| `judge_")]
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    documented = [
        (name, kind, {label.strip("`") for label in said.split(", ")} - {""}, text) for name, kind, said, text in cells
    ]
    assert documented == rows
