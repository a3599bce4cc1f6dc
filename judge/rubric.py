"""A rubric as a value: read from YAML text, checked, digested. Pure.

What passes here can be graded with: six anchors for each criterion, weights that sum to 1000 per mille, caps that name
an existing criterion and an existing feature. The digest is of the content: layout and comments do not change it, and
neither does a field that is not given, so that a rubric keeps its digest when the format grows.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from judge.rubric_faults import explained, inconsistencies, located
from judge.rubric_text import Fault, Unreadable, read
from pipeline.canonical import digest_of

GRADES = range(6)
Text = Annotated[str, Field(min_length=1)]
Slug = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,63}$")]
EventType = Literal["cmd_run", "commit", "file_edit", "rationale_note", "test_run"]


class BadRubric(ValueError):
    """The text is not a rubric. `faults` has all that is wrong with it, each with its place."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__("; ".join(map(str, faults)))
        self.faults = faults


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Evidence(_Strict):
    """A grade of at least `from_grade` must cite an event of at least one of the types in `cites`."""

    from_grade: Annotated[int, Field(ge=1, le=5, description="the lowest grade that needs it")]
    cites: Annotated[list[EventType], Field(min_length=1, description="event types of which one must be cited")]

    def __str__(self) -> str:
        return f"a grade from {self.from_grade} upward must cite a {' or '.join(self.cites)}"


class Criterion(_Strict):
    """One thing that is graded. `anchors[g]` describes what grade g looks like."""

    id: Annotated[Slug, Field(description="its name in every score")]
    title: Annotated[Text, Field(description="what people call it")]
    weight_per_mille: Annotated[int, Field(ge=1, le=1000, description="its part of the score; all sum to 1000")]
    question: Annotated[Text, Field(description="what the grader asks of the session")]
    guidance: Annotated[Text, Field(description="where to look and what counts")]
    anchors: Annotated[dict[int, Text], Field(description="a descriptor for each grade from 0 to 5")]
    required_evidence: Annotated[
        list[Evidence] | None, Field(min_length=1, description="what a high grade must cite")
    ] = None

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """The rules on citations, from the lowest grade upward; empty where any citation will do."""
        return tuple(sorted(self.required_evidence or (), key=lambda rule: rule.from_grade))


class Cap(_Strict):
    """The criterion's grade is at most `max_grade` where any event shows the feature."""

    criterion: Annotated[Slug, Field(description="id of the criterion that is bounded")]
    feature: Annotated[Slug, Field(description="feature of the trace that bounds it")]
    max_grade: Annotated[int, Field(ge=0, le=4, description="the highest grade where the feature shows")]
    reason: Annotated[Text, Field(description="why, as the score will say it")]


class Rubric(_Strict):
    """Criteria with weights, and the bounds that code applies to every judge."""

    id: Annotated[Slug, Field(description="its name in every score")]
    version: Annotated[Text, Field(description="changes with every change of meaning")]
    title: Annotated[Text, Field(description="what people call it")]
    guidance: Annotated[Text, Field(description="what holds for every criterion")]
    criteria: Annotated[list[Criterion], Field(min_length=1, description="what is graded")]
    caps: Annotated[list[Cap], Field(description="bounds computed from the trace")] = Field(default_factory=list)
    description: Annotated[Text | None, Field(description="what it is for, for whoever chooses one")] = None
    applies_to: Annotated[Text | None, Field(description="the sessions that it is meant for")] = None
    derived_from: Annotated[
        str | None, Field(pattern=r"^[a-z][a-z0-9_-]{0,63}@\S+$", description="id@version it was made from")
    ] = None

    @model_validator(mode="after")
    def _consistent(self) -> "Rubric":
        if found := inconsistencies(self.model_dump()):
            raise ValueError("; ".join(map(str, found)))
        return self

    def content(self) -> dict[str, Any]:
        """The rubric as a JSON value, without the optional fields that are not given."""
        return self.model_dump(mode="json", exclude_none=True)

    def digest(self) -> str:
        """`sha256:<hex>` of the content's canonical JSON."""
        return digest_of(self.content())


def load(text: str) -> Rubric:
    """The rubric in a YAML text. Raises BadRubric with every fault of it."""
    try:
        value, lines = read(text)
    except Unreadable as error:
        raise BadRubric((error.fault,)) from None
    faults = inconsistencies(value)
    try:
        rubric = Rubric.model_validate(value)
    except ValidationError as error:
        faults += explained(Rubric, error)
    if faults:
        raise BadRubric(located(faults, lines))
    return rubric
