"""What notes claim, and what stands behind it in the record."""

from typing import Any

import pytest

from judge.features import Features, features
from tests.support.judging import check, cmd, document, edit, note


def of(*steps: dict[str, Any]) -> Features:
    return features(document(*steps))


@pytest.mark.parametrize(
    "text",
    [
        "All tests pass now.",
        "The whole suite is still green.",
        "I have verified the fix.",
        "It has been tested.",
        "The fix works as expected.",
    ],
)
def test_a_claimed_check_that_was_not_made_is_found(text: str) -> None:
    assert of(check(), edit(), note(text)).unbacked_claims == (2,)
    assert of(check(), edit(), note(decision=text)).unbacked_claims == (2,)
    assert of(note(text)).unbacked_claims == (0,)
    assert of(check(), edit(), check(), note(text)).unbacked_claims == ()
    assert of(cmd("sed -i s/a/b/ a.py && pytest"), note(text)).unbacked_claims == ()
    assert of(check(), note(text), edit()).unbacked_claims == ()


@pytest.mark.parametrize(
    "text",
    [
        "All tests should pass now.",
        "Let me make sure that the tests pass.",
        "I'll see whether the suite is green.",
        "Once the tests pass I commit.",
        "Do all tests pass?",
        "This has not been verified.",
        "The tests don't pass.",
        "Let me see how the code works now.",
        "[user message]\nAll tests pass now.",
    ],
)
def test_a_wish_a_question_or_a_denial_claims_no_check(text: str) -> None:
    assert of(check(), edit(), note(observation=text)).unbacked_claims == ()


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("It was not tested on Windows.", True),
        ("I could not run the whole suite.", True),
        ("This assumes that n is positive.", True),
        ("The pre-existing warnings remain.", True),
        ("Let me check the remaining tests.", False),
        ("It works.", False),
    ],
)
def test_a_limit_says_what_is_not_known_and_not_what_is_planned(text: str, limit: bool) -> None:
    assert bool(of(edit(), check(), note(text + " I see it.")).closing_limits) is limit


@pytest.mark.parametrize(
    ("text", "lesson"),
    [
        ("Next time I read the message first.", True),
        ("I learned that ceil takes floats.", True),
        ("I should have checked the input.", True),
        ("I just realized something.", False),
        ("The result should have 3 pages.", False),
    ],
)
def test_a_lesson_is_for_another_time(text: str, lesson: bool) -> None:
    assert bool(of(note(text)).lessons) is lesson


@pytest.mark.parametrize(
    ("text", "revised"),
    [
        ("My guess was wrong.", True),
        ("That did not help.", True),
        ("Lower case could not help, so it is ruled out.", True),
        ("Actually, I see the file.", False),
        ("Wait, let me look.", False),
    ],
)
def test_a_revision_takes_something_back(text: str, revised: bool) -> None:
    assert bool(of(note(text)).revisions) is revised


@pytest.mark.parametrize(
    ("steps", "grounds"),
    [
        ([cmd("cat src/pager.py"), note(hypothesis="pager.py rounds down.")], (0,)),
        ([note(hypothesis="pager.py rounds down."), cmd("cat src/pager.py")], (1,)),
        ([note(hypothesis="pager.py rounds down."), edit()], ()),
        ([cmd("cat src/b.py"), note(hypothesis="pager.py rounds down.")], ()),
        ([cmd("ls"), note(plan="Look.", caused_by=["e0"]), note(hypothesis="It is old.", caused_by=["e1"])], (0,)),
    ],
)
def test_a_claim_goes_back_to_an_action_by_link_or_by_name(
    steps: list[dict[str, Any]], grounds: tuple[int, ...]
) -> None:
    assert of(*steps).claim_grounds == grounds
    assert bool(of(*steps).grounded_claims) is bool(grounds)
