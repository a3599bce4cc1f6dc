"""Features name what is in a trace and the events that show it."""

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from judge import account
from judge.diffs import changes
from judge.features import Features, features
from judge.phrases import PHRASES, Phrase, Text, is_concrete, parts
from pipeline.redacted import placeholder
from tests.support.judging import careful_session, check, cmd, commit, document, edit, note


def of(*steps: dict[str, Any]) -> Features:
    return features(document(*steps))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("I suspect that the parser drops it.", {"hypothesis"}),
        ("The issue is that data is None.", {"hypothesis"}),
        ("Let me look at the tests.", {"plan"}),
        ("I can see the traceback.", {"observation"}),
        ("The fix is to return early.", {"decision"}),
        (
            "Good. The test fails because `n` is 0, so I should check it.",
            {"hypothesis", "observation", "decision", "plan"},
        ),
        ("Hello there.", set()),
    ],
)
def test_free_text_says_what_its_phrases_say(text: str, said: set[str]) -> None:
    assert parts({"text": text}).keys() == said


@settings(max_examples=1500)
@given(st.one_of([st.from_regex(phrase.pattern, fullmatch=True) for phrase in PHRASES.values()]))
def test_no_phrase_is_overlooked_for_the_sake_of_speed(text: str) -> None:
    assert parts({"text": text}).keys() == {
        part for part, phrase in PHRASES.items() if any(map(phrase.pattern.search, re.split(r"(?<=[.!?])\s+", text)))
    }


@settings(max_examples=1500)
@given(
    st.sampled_from([account.VERIFIED, account.LIMIT, account.LESSON, account.REASON, account.REVISION]).flatmap(
        lambda phrase: st.tuples(st.just(phrase), st.from_regex(phrase.pattern, fullmatch=True))
    )
)
def test_no_phrase_of_an_account_is_overlooked_for_the_sake_of_speed(drawn: tuple[Phrase, str]) -> None:
    phrase, text = drawn
    assert phrase.search(Text.of(text))


def test_named_parts_need_no_phrases_and_told_messages_say_nothing() -> None:
    assert parts({"hypothesis": "x", "next_step": "y"}) == {"hypothesis": "x", "plan": "y"}
    assert parts({"observation": "[user message]\nThe issue is that it fails."}) == {}


@pytest.mark.parametrize(
    ("claim", "concrete"), [("it breaks in pager.py", True), ("`n` is wrong", True), ("bad luck", False)]
)
def test_a_concrete_claim_names_something(claim: str, concrete: bool) -> None:
    assert is_concrete(claim) is concrete


def test_a_removed_line_that_looks_like_a_header_is_a_removed_line() -> None:
    [change] = changes("--- a/q.sql\n+++ b/q.sql\n@@ -1,2 +1,1 @@\n--- a comment\n-+++ b\n+x\n")
    assert (change.path, change.removed, change.added) == ("q.sql", ["-- a comment", "+++ b"], ["x"])


def test_the_careful_session_shows_every_step_of_its_chain() -> None:
    found = features(careful_session())
    assert (found.hypotheses, found.early_hypotheses, found.concrete_hypotheses) == ((3,), (3,), (3,))
    assert (found.tested_hypotheses, found.closed_hypotheses, found.chain_witnesses) == ((3,), (3,), (4, 6))
    assert (found.checks_before, found.source_edits, found.checks_after, found.same_checks) == ((1,), (4,), (5,), (5,))
    assert found.explained_edits == (4,)
    assert (found.grounded_hypotheses, found.early_intents) == ((3,), (0,))
    assert (found.early_observations, found.early_contrasts) == ((3,), (3,))


def test_a_claim_in_free_text_is_its_own_sentence_and_not_the_note_around_it() -> None:
    assert parts({"text": "I read pager.py. I suspect bad luck."})["hypothesis"] == "I suspect bad luck."
    assert of(note("I read pager.py. I suspect bad luck."), edit()).concrete_hypotheses == ()
    assert of(note("I read it. I suspect pager.py."), edit()).concrete_hypotheses == (0,)


@pytest.mark.parametrize(
    ("look", "link", "grounded"),
    [("cat src/pager.py", [], True), ("cat src/other.py", [], False), ("ls", ["e0"], True), ("ls", [], False)],
)
def test_a_claim_is_grounded_by_a_link_to_a_look_or_by_naming_what_was_looked_at(
    look: str, link: list[str], grounded: bool
) -> None:
    found = of(cmd(look), note(hypothesis="pager.py rounds down.", caused_by=link), edit())
    assert found.grounded_hypotheses == ((1,) if grounded else ())


@pytest.mark.parametrize(
    ("said", "contrast"),
    [
        ("It is 2 and should be 3.", True),
        ("Expected 3.", True),
        ("It adds instead of subtracting.", True),
        ("I should look at the tests.", False),
        ("Should I look?", False),
        ("It is 2.", False),
    ],
)
def test_a_contrast_says_what_was_expected_and_not_what_one_ought_to_do(said: str, contrast: bool) -> None:
    assert bool(of(note(observation=said), edit()).early_contrasts) is contrast
    assert of(edit(), note(observation=said)).early_contrasts == ()


def test_links_to_later_or_unknown_events_count_for_nothing() -> None:
    found = of(note(hypothesis="x", caused_by=["e1"]), edit(caused_by=["gone"]), check(caused_by=["e2", "e9"]))
    assert (found.tested_hypotheses, found.explained_edits) == ((), ())


def test_a_hypothesis_reaches_its_experiment_through_other_notes() -> None:
    found = of(note(hypothesis="x"), note(plan="y", caused_by=["e0"]), check(caused_by=["e1"]))
    assert (found.tested_hypotheses, found.closed_hypotheses) == ((0,), ())


def test_a_repeat_is_the_same_command_with_nothing_changed_in_between() -> None:
    found = of(check(), check(), edit(), check(), cmd("ls"), cmd("ls"), cmd("sed -i s/a/b/ a.py"), cmd("ls"))
    assert found.repeats == (1, 5)


def test_repeating_a_change_changes_nothing() -> None:
    found = of(cmd("sed -i s/a/b/ a.py"), cmd("ls"), cmd("sed -i s/a/b/ a.py"), cmd("ls"))
    assert (found.repeats, found.source_edits) == ((2, 3), (0,))


def test_writing_a_test_or_a_scratch_file_is_no_change_of_source() -> None:
    found = of(edit("tests/test_pager.py"), cmd("cat > repro.py <<'E'\nx\nE"), cmd("python repro.py"), edit())
    assert (found.source_edits, found.checks_before) == ((3,), (2,))


def test_lines_taken_back_are_counted_against_ones_own() -> None:
    found = of(edit(new="wrong"), edit(old="wrong", new="right"), edit(old="theirs", new="mine"))
    assert (found.lines_added, found.lines_taken_back, found.taken_back) == (3, 1, (1,))


def test_many_changes_without_a_check_are_a_big_step() -> None:
    assert of(*(edit(new=f"return {n}") for n in range(5)), check()).big_steps == (3, 4)


def test_what_is_recorded() -> None:
    found = features(document(cmd("ls"), cmd("pwd", cwd=""), check(), edit(), repo={"origin": "x"}, environment={}))
    assert (found.start_commit, found.environment) == (False, False)
    assert (found.commands, found.commands_with_cwd, found.runs_with_exit_code) == ((0, 1), (0,), (0, 1, 2))
    assert found.recorded_changes == (3,)


@pytest.mark.parametrize(
    ("step", "feature"),
    [
        (edit("tests/test_a.py", old="assert n == 1", new="pass"), "weakened_tests"),
        (edit("tests/test_a.py", old="x", new="@pytest.mark.skip"), "weakened_tests"),
        (edit(new="breakpoint()"), "leftovers"),
        (commit(diff_unified="--- /dev/null\n+++ b/a.py.orig\n@@ -0,0 +1 @@\n+x\n"), "leftovers"),
        (commit("wip"), "empty_messages"),
        (cmd(f"curl -H 'X: {placeholder('github', 'x', b'k')}' https://example.org"), "secrets_in_actions"),
        (cmd("sudo git push --force"), "dangerous_commands"),
        (cmd("git reset --hard"), "risky_commands"),
        (check("git commit -n -m x && pytest"), "dangerous_commands"),
    ],
)
def test_lapses_are_found_where_they_are(step: dict[str, Any], feature: str) -> None:
    assert getattr(of(note("x"), step), feature) == (1,)
    assert getattr(features(careful_session()), feature) == ()


def test_a_debugging_aid_that_was_removed_again_is_no_leftover() -> None:
    assert of(edit(new="breakpoint()"), edit(old="breakpoint()", new="x = 1")).leftovers == ()
