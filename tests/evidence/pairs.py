"""The pairs: adjacent releases of small pure-Python packages whose later tests fail on the earlier source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

# What the sandbox has to say of a pair where nothing else is written beside it.
USUAL: Mapping[str, str] = {
    "whole": "fixed/verified_by_own_tests",
    "tests only": "not_fixed",
    "source only": "unverifiable/no_failing_test",
    "source, tests given": "fixed/verified",
    "backwards": "regressed",
}


@dataclass(frozen=True, slots=True)
class Pair:
    """Two releases of a package. `unusual` has the verdicts that differ from USUAL, by way."""

    package: str
    earlier: str
    later: str
    unusual: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def name(self) -> str:
        """The pair in words."""
        return f"{self.package} {self.earlier} -> {self.later}"

    @property
    def expected(self) -> dict[str, str]:
        """Verdict by way."""
        return {**USUAL, **self.unusual}


# What it says of every way where no test can be run.
OF_PYTEST = dict.fromkeys(USUAL, "unverifiable/runner_tested")  # pytest itself runs on it
NO_SIX = dict.fromkeys(USUAL, "unverifiable/missing_dependency")
NO_HYPOTHESIS = dict.fromkeys(USUAL, "unverifiable/missing_dependency")
# Some tests cannot be run for want of a package: where nothing else is fixed or lost, it may be what they would show.
NO_FREEZEGUN = {"tests only": "unverifiable/missing_dependency", "source only": "unverifiable/missing_dependency"}
# The earlier release and its tests need six. The later one names its tests by the order of a set: they have other names
# in a repeat, which has another hash seed.
NAMED_BY_CHANCE = {**dict.fromkeys(USUAL, "flaky"), **NO_FREEZEGUN}
# The later release takes a behaviour back, and the tests of it away.
WITHDRAWN = {"whole": "regressed", "source only": "regressed"}

PAIRS = (
    Pair("idna", "3.17", "3.18"),
    Pair("sqlparse", "0.5.1", "0.5.2"),
    Pair("xmltodict", "0.15.0", "0.15.1"),
    Pair("xmltodict", "0.15.1", "1.0.0"),
    Pair("xmltodict", "1.0.1", "1.0.2", WITHDRAWN),
    Pair("xmltodict", "1.0.3", "1.0.4"),
    Pair("inflection", "0.2.1", "0.3.0"),
    Pair("inflection", "0.3.0", "0.3.1"),
    Pair("inflection", "0.3.1", "0.4.0"),
    Pair("cachetools", "7.3.0", "7.3.1"),
    Pair("cachetools", "7.3.1", "7.3.2"),
    Pair("cachetools", "8.0.0", "8.0.1"),
    Pair("humanize", "4.12.2", "4.12.3", NO_FREEZEGUN),
    Pair("humanize", "4.15.0", "4.16.0", NO_FREEZEGUN),
    Pair("humanize", "4.16.0", "4.17.0", NO_FREEZEGUN),
    Pair("parse", "1.21.0", "1.21.1"),
    Pair("isodate", "0.6.0", "0.6.1", NO_SIX),
    Pair("isodate", "0.6.1", "0.7.0", NAMED_BY_CHANCE),
    Pair("iniconfig", "2.2.0", "2.3.0", OF_PYTEST),
    Pair("natsort", "8.0.2", "8.1.0", NO_HYPOTHESIS),
)

# SHA-256 of each release's source distribution, as the package index states it.
DIGESTS: Mapping[str, Mapping[str, str]] = {
    "idna": {
        "3.17": "5eb0cb53bc467c12eadcf6de83163ad8527cec9416f44b9b61b19caedad2b87f",
        "3.18": "ffb385a7e039654cef1ab9ef32c6fafe283c0c0467bba1d9029738ce4a14a848",
    },
    "sqlparse": {
        "0.5.1": "bb6b4df465655ef332548e24f08e205afc81b9ab86cb1c45657a7ff173a3a00e",
        "0.5.2": "9e37b35e16d1cc652a2545f0997c1deb23ea28fa1f3eefe609eee3063c3b105f",
    },
    "xmltodict": {
        "0.15.0": "c6d46b4e3413d1e4fc3e5016f0f1c7a5c10f8ce39efaa0cb099af986ecfc9a53",
        "0.15.1": "3d8d49127f3ce6979d40a36dbcad96f8bab106d232d24b49efdd4bd21716983c",
        "1.0.0": "f50eb9020d28c673b40bbe3f43458ee165f0267c67f8ad8df0d70d9a4f3ac824",
        "1.0.1": "43f06e35e03f0f3ce622b9bd5e9652570a923db2906d5d4b830b76eafcafddcb",
        "1.0.2": "54306780b7c2175a3967cad1db92f218207e5bc1aba697d887807c0fb68b7649",
        "1.0.3": "3bf1f49c7836df34cf6d9cc7e690c4351f7dfff2ab0b8a1988bba4a9b9474909",
        "1.0.4": "6d94c9f834dd9e44514162799d344d815a3a4faec913717a9ecbfa5be1bb8e61",
    },
    "inflection": {
        "0.2.1": "96e6233bb5b9dcf0a34081bd31b1ca7ea2aea9c7110615acc14fdcaa3e71071f",
        "0.3.0": "c6ab173181fd3bbee53187b7535f395ed802ef69d9f3bb5f8c2a5cdfb3e92d08",
        "0.3.1": "18ea7fb7a7d152853386523def08736aa8c32636b047ade55f7578c4edeb16ca",
        "0.4.0": "32a5c3341d9583ec319548b9015b7fbdf8c429cbcb575d326c33ae3a0e90d52c",
    },
    "cachetools": {
        "7.3.0": "3f63fc208410f0c3a3b37883c4903ecdacd6f0b259134e6d2e82debd5b2e01de",
        "7.3.1": "32e20b38b9cb7ff8d9fa7692e2f8969be3010083e6e7eac54226d51a91425d15",
        "7.3.2": "43e5db663b58c4337a9959069d93f54dd2e065fdd0438a504cd1100fbeb48beb",
        "8.0.0": "5ed01bd676800d51f0025605e4fd8ad0891550513e7b0a4c3da478463764e5c3",
        "8.0.1": "deb1d376d4d28c2f33f3e3058043b005e0af75c35c094bd54053e27d2906ad95",
    },
    "humanize": {
        "4.12.2": "ce0715740e9caacc982bb89098182cf8ded3552693a433311c6a4ce6f4e12a2c",
        "4.12.3": "8430be3a615106fdfceb0b2c1b41c4c98c6b0fc5cc59663a5539b111dd325fb0",
        "4.15.0": "1dd098483eb1c7ee8e32eb2e99ad1910baefa4b75c3aff3a82f4d78688993b10",
        "4.16.0": "7dc2244a2f84a4bfb1d36c37bac80cd78e35cdc5c119206d87b018e1445f3a3f",
        "4.17.0": "1d6a36c453dbfbb3f0b34601d2e0b4ce5d48d780305cd45714843f0068fde6ac",
    },
    "parse": {
        "1.21.0": "937725d51330ffec9c7a26fdb5623baa135d8ba8ed78817ea9523538844e3ce4",
        "1.21.1": "825e1a88e9d9fb481b8d2ca709c6195558b6eaa97c559ad3a9a20aa2d12815a3",
    },
    "isodate": {
        "0.6.0": "2e364a3d5759479cdb2d37cce6b9376ea504db2ff90252a2e5b7cc89cc9ff2d8",
        "0.6.1": "48c5881de7e8b0a0d648cb024c8062dc84e7b840ed81e864c7614fd3c127bde9",
        "0.7.0": "c6332cf456314b85cc3b6ea2c45a6fa417cb1fddb361f6d2ed8f4f69e843c6d1",
    },
    "iniconfig": {
        "2.2.0": "1807d2bc2eb4231a5e40e2ecee093fc25fc0eb0e2840f01ea50a1d15380adbff",
        "2.3.0": "c76315c77db068650d49c5b56314774a7804df16fee4402c1f19d6d15d8c4730",
    },
    "natsort": {
        "8.0.2": "feb87e0ce1dc1f8f3f21e18a85216c790e746d76a5ff6889563394605f504a2b",
        "8.1.0": "c7c1f3f27c375719a4dfcab353909fe39f26c2032a062a8c80cc844eaaca0445",
    },
}
