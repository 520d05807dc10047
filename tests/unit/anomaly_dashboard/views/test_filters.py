"""The filter in the address: read without trust, written as short as it can be."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from anomaly_dashboard.views.filters import SORTS, STATES, Filter, options, read
from unit.anomaly_dashboard.views.rows import a_service, an_incident

WORDS = st.text(alphabet="abc xyz-/&?=<", max_size=20).map(lambda text: " ".join(text.split()))


@given(
    st.builds(
        Filter,
        text=WORDS,
        namespace=WORDS,
        owner=WORDS,
        severity=st.sampled_from(["", "High", "None"]),
        state=st.sampled_from(["", *STATES]),
        sort=st.sampled_from(SORTS),
        down=st.booleans(),
        page=st.integers(1, 10_000),
        whole=st.sampled_from(["", "heat", "incidents"]),
    )
)
def test_an_address_says_what_was_chosen(chosen: Filter) -> None:
    assert read(chosen.query(page=chosen.page)) == chosen


@given(st.dictionaries(st.sampled_from(["q", "page", "sort", "severity", "state", "x"]), st.text()))
def test_nothing_in_an_address_is_trusted(query: dict[str, str]) -> None:
    found = read(query)
    assert found.sort in SORTS
    assert 1 <= found.page <= 10_000
    assert len(found.text) <= 200


def test_a_changed_filter_begins_at_its_first_page() -> None:
    assert Filter(page=7).query(state="Degraded") == {"state": "Degraded"}


def test_every_word_must_occur_and_an_owner_is_found_by_the_incident_too() -> None:
    row = a_service("checkout", owner="web", summary="Requests take 1.3 s")
    assert Filter(text="CHECK requests").service(row)
    assert not Filter(text="checkout refunds").service(row)
    assert Filter(owner="web").service(row)
    assert Filter(owner="on-call").service(row, {"on-call"})
    assert not Filter(owner="on-call").service(row)
    incident = an_incident("checkout", owner="on-call", pattern="latency_spike_recent")
    assert Filter(owner="web").incident(incident, {row.place: row})
    assert Filter(text="latency spike").incident(incident, {})
    assert not Filter(state="Healthy").incident(incident, {})


def test_what_was_chosen_can_be_chosen_again() -> None:
    found = options(Filter(namespace="gone"), [a_service("a")], [an_incident("a", owner="ann")])
    assert found.namespaces == ("gone", "shop")
    assert found.owners == ("ann",)
