"""A rubric as a value: read from YAML text, checked, digested. Pure.

What passes here can be graded with: six anchors for each criterion, weights that sum to 1000 per mille, caps that name
an existing criterion and an existing feature. The digest is of the content: layout and comments do not change it.
"""

from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from judge.features import CAP_FEATURES
from pipeline.canonical import digest_of

GRADES = range(6)
WHOLE = 1000
Text = Annotated[str, Field(min_length=1)]
Slug = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,63}$")]


class BadRubric(ValueError):
    """The text is not a rubric; says where it is wrong."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Criterion(_Strict):
    """One thing that is graded. `anchors[g]` describes what grade g looks like."""

    id: Slug
    title: Text
    weight_per_mille: Annotated[int, Field(ge=1, le=WHOLE)]
    question: Text
    guidance: Text
    anchors: dict[int, Text]

    @model_validator(mode="after")
    def _six_anchors(self) -> "Criterion":
        if list(self.anchors) != list(GRADES):
            raise ValueError("anchors must be given for the grades 0 to 5, in this order")
        return self


class Cap(_Strict):
    """The criterion's grade is at most `max_grade` where any event shows the feature."""

    criterion: Slug
    feature: Slug
    max_grade: Annotated[int, Field(ge=0, le=4)]
    reason: Text


class Rubric(_Strict):
    """Criteria with weights, and the bounds that code applies to every judge."""

    id: Slug
    version: Text
    title: Text
    guidance: Text
    criteria: Annotated[list[Criterion], Field(min_length=1)]
    caps: list[Cap] = Field(default_factory=list)

    @model_validator(mode="after")
    def _consistent(self) -> "Rubric":
        ids = [criterion.id for criterion in self.criteria]
        if len(set(ids)) != len(ids):
            raise ValueError("two criteria have the same id")
        if (total := sum(criterion.weight_per_mille for criterion in self.criteria)) != WHOLE:
            raise ValueError(f"weights sum to {total} per mille, not {WHOLE}")
        for cap in self.caps:
            if cap.criterion not in ids:
                raise ValueError(f"a cap names the unknown criterion {cap.criterion!r}")
            if cap.feature not in CAP_FEATURES:
                raise ValueError(f"a cap names the unknown feature {cap.feature!r}; known: {sorted(CAP_FEATURES)}")
        return self

    def content(self) -> dict[str, Any]:
        """The rubric as a JSON value."""
        return self.model_dump(mode="json")

    def digest(self) -> str:
        """`sha256:<hex>` of the content's canonical JSON."""
        return digest_of(self.content())


def load(text: str) -> Rubric:
    """The rubric in a YAML text. Raises BadRubric."""
    try:
        return Rubric.model_validate(yaml.safe_load(text))
    except yaml.YAMLError as error:
        raise BadRubric(f"not YAML: {error}") from error
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, fault['loc'])) or 'rubric'}: {fault['msg']}" for fault in error.errors()]
        raise BadRubric("; ".join(faults)) from None
