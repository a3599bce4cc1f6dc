"""Whom the embedded engine's server knows as an analyst, what it holds them to, and how many queries it lets in."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from deploy.embedded.clickhouse.accounts import Account, accounts
from deploy.embedded.clickhouse.admission import Admission
from deploy.embedded.clickhouse.configuration import users_xml
from deploy.embedded.clickhouse.failures import Failure, engine_failure
from deploy.embedded.clickhouse.restraints import Relation, beyond_limits, explained, lowered, restraint
from pipeline.errors import BadSetting
from pipeline.settings import AnalystSettings

MOST = AnalystSettings(
    clickhouse_analyst_memory_mb=100,
    clickhouse_analyst_seconds=10,
    clickhouse_analyst_queries=2,
    clickhouse_analyst_hourly_queries=3,
    clickhouse_analyst_hourly_s=100,
)
EVERYTHING = Account("ann", "x", read_only=True)
ACME = Account("bob", "x", read_only=True, projects=("acme", "beta"))
OWNER = Account("default", "", read_only=False)


class TestAccounts:
    def test_analysts_of_projects_have_names_passwords_and_projects(self) -> None:
        known = accounts("", "", "bob:pass:word:acme, eve:x:beta+c.d-e")
        assert known["bob"] == Account("bob", "pass:word", read_only=True, projects=("acme",))
        assert known["eve"].projects == ("beta", "c.d-e")
        assert known.keys() == {"default", "bob", "eve"}

    @pytest.mark.parametrize(
        "entry", ["bob", "bob:x", "bob::acme", ":x:acme", "bob:x:", "bob:x:a+", "bob:x:a'b", "b b:x:a"]
    )
    def test_what_is_no_analyst_is_refused_without_its_password(self, entry: str) -> None:
        with pytest.raises(BadSetting, match="CLICKHOUSE_ANALYSTS: entry 2 is not") as refused:
            accounts("", "", f"eve:x:acme,{entry}")
        assert entry not in str(refused.value)

    @pytest.mark.parametrize("name", ["default", "analyst", "eve"])
    def test_a_name_is_one_account_s(self, name: str) -> None:
        with pytest.raises(BadSetting, match=f"{name} is there twice"):
            accounts("", "", f"eve:x:acme,{name}:x:acme")


class TestRestraints:
    def test_limits_come_with_every_connection_of_an_analyst(self) -> None:
        held = restraint(EVERYTHING, MOST, {}, [], [])
        assert held.role == "analyst"
        assert held.settings["max_memory_usage"] == str(100 * 1024 * 1024)
        assert held.settings["max_execution_time"] == "10"

    def test_a_request_may_lower_a_limit_and_no_more(self) -> None:
        asked = {"max_execution_time": "5", "max_threads": "1", "output_format_json_quote_decimals": "1"}
        assert lowered(MOST, asked) == {"max_execution_time": "5", "max_threads": "1"}
        assert restraint(EVERYTHING, MOST, asked, [], []).settings["max_execution_time"] == "5"
        # The engine refuses the rest, because the connection is read-only by then.
        assert beyond_limits({**asked, "max_threads": "auto"}) == {
            "output_format_json_quote_decimals": "1",
            "max_threads": "auto",
        }

    @pytest.mark.parametrize("value", ["11", "0", "99999999999999999999"])
    def test_a_higher_limit_or_none_at_all_is_refused(self, value: str) -> None:
        with pytest.raises(Failure, match="max_execution_time should be between 1 and 10") as refused:
            lowered(MOST, {"max_execution_time": value})
        assert refused.value.code == 452

    def test_system_tables_are_closed_unless_they_are_harmless(self) -> None:
        filters = restraint(EVERYTHING, MOST, {}, ["processes", "columns", "table_of_tomorrow"], []).settings
        assert "system.processes" in filters["additional_table_filters"]
        assert "table_of_tomorrow" in filters["additional_table_filters"]
        assert "columns" not in filters["additional_table_filters"]

    def test_views_are_held_to_the_projects_of_the_account(self) -> None:
        views = [
            Relation("d.v1_a", of_projects=True),
            Relation("d.v1_b", of_projects=False),
            Relation("d.v1_rubric_weights", of_projects=False),
        ]
        held = restraint(ACME, MOST, {}, [], views)
        assert held.role == "project_analyst"
        filters = held.settings["additional_table_filters"]
        assert filters.startswith(r"{'d.v1_a':'project IN (\'acme\', \'beta\')','d.v1_b':'throwIf(1, ")
        assert "rubric" not in filters
        assert restraint(EVERYTHING, MOST, {}, [], views).settings["additional_table_filters"] == "{}"

    def test_a_refusal_amid_a_query_is_a_lack_of_privileges(self) -> None:
        thrown = engine_failure(
            "Code: 395. DB::Exception: this user may not read system.processes: while executing 'FUNCTION"
            " throwIf(1_UInt8 :: 0) -> 45'. (FUNCTION_THROW_IF_VALUE_IS_NON_ZERO)"
        )
        refused = explained(EVERYTHING, thrown)
        assert (refused.code, refused.status) == (497, 403)
        assert "ann: Not enough privileges. This user may not read system.processes." in str(refused)
        own = engine_failure(
            "Code: 395. DB::Exception: mine: while executing 'x'. (FUNCTION_THROW_IF_VALUE_IS_NON_ZERO)"
        )
        assert explained(EVERYTHING, own) is own
        assert explained(OWNER, thrown) is thrown

    def test_the_engine_s_own_refusal_names_the_account(self) -> None:
        denied = engine_failure("Code: 497. DB::Exception: default: Not enough privileges. (ACCESS_DENIED)")
        assert str(explained(ACME, denied)) == "Code: 497. DB::Exception: bob: Not enough privileges. (ACCESS_DENIED)"


class TestAdmission:
    def test_an_analyst_waits_for_a_place_and_is_refused_in_the_end(self) -> None:
        async def full() -> str:
            admission = Admission(MOST, lambda: 0.0, patience_s=0.01)
            async with AsyncExitStack() as held:
                for _ in range(2):
                    await held.enter_async_context(admission.admitted(EVERYTHING))
                await held.enter_async_context(admission.admitted(ACME))
                for _ in range(20):
                    await held.enter_async_context(admission.admitted(OWNER))
                with pytest.raises(Failure, match="TOO_MANY_SIMULTANEOUS_QUERIES") as refused:
                    await held.enter_async_context(admission.admitted(EVERYTHING))
            async with admission.admitted(ACME):
                return str(refused.value)

        assert "for user ann. Current: 2, maximum: 2" in asyncio.run(full())

    def test_a_place_is_free_again_when_its_query_has_ended(self) -> None:
        async def one_after_the_other() -> None:
            most = MOST.model_copy(update={"clickhouse_analyst_queries": 1})
            admission = Admission(most, lambda: 0.0)
            waiting = [asyncio.create_task(_held(admission, EVERYTHING)) for _ in range(3)]
            await asyncio.gather(*waiting)

        asyncio.run(one_after_the_other())

    def test_the_quota_of_queries_begins_anew_with_the_hour(self) -> None:
        async def hours() -> None:
            now = [3599.0]
            admission = Admission(MOST, lambda: now[0])
            for _ in range(3):
                await _held(admission, EVERYTHING)
            with pytest.raises(
                Failure, match=r"`ann` for 3600s .* queries = 4/3\. Interval will end at 1970-01-01 01:00"
            ):
                await _held(admission, EVERYTHING)
            await _held(admission, ACME)
            now[0] = 3600.0
            await _held(admission, EVERYTHING)

        asyncio.run(hours())

    def test_the_quota_of_time_counts_what_queries_took(self) -> None:
        async def busy() -> Failure:
            now = [0.0]
            admission = Admission(MOST, lambda: now[0])
            async with admission.admitted(EVERYTHING):
                now[0] = 101.0
            with pytest.raises(Failure, match="execution_time = 101/100") as refused:
                await _held(admission, EVERYTHING)
            return refused.value

        assert asyncio.run(busy()).code == 201


async def _held(admission: Admission, account: Account) -> None:
    async with admission.admitted(account):
        await asyncio.sleep(0)


def test_a_role_reads_the_public_views_of_each_database() -> None:
    xml = users_xml(["telemetry", "other"])
    assert "GRANT SELECT, dictGet ON telemetry.v1_*</query><query>GRANT SELECT, dictGet ON other.v1_*" in xml
    assert "<project_analyst><grants><query>GRANT SELECT ON telemetry.v1_*</query>" in xml
