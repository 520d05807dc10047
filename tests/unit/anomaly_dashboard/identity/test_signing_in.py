"""From a page that nobody may see to a session and out of it, through the whole application."""

from __future__ import annotations

import base64
import json
import logging
from ipaddress import ip_network
from pathlib import Path

import httpx
import pytest

from anomaly_dashboard.settings import DashboardSettings, ProxySettings
from loopback.authorizer import Authorizer
from unit.anomaly_dashboard.identity.house import NOW, House, signed_in, token_in


def cookie(answer: httpx.Response, kind: str = "session") -> str:
    """The Set-Cookie line of that kind."""
    found = [one for one in answer.headers.get_list("set-cookie") if f"anomaly-{kind}" in one]
    assert len(found) == 1, answer.headers
    return found[0]


async def test_a_token_opens_what_it_may_list_and_nothing_else(house: House) -> None:
    async with house.client() as browser:
        first = await browser.get("/incidents/shop/a?x=1")
        assert first.status_code == 303
        assert first.headers["location"] == "/sign-in?next=%2Fincidents%2Fshop%2Fa%3Fx%3D1"
        answer = await signed_in(browser, "token-of-ann")
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        page = await browser.get("/")
    assert "shop-till" in page.text
    assert "bank-till" not in page.text
    assert "token-of-ann" not in page.text + str(answer.headers)


async def test_the_cookie_is_strict(house: House) -> None:
    async with house.client() as browser:
        said = cookie(await signed_in(browser, "token-of-ann"))
    assert said.startswith("__Host-anomaly-session=")
    parts = {part.strip().lower() for part in said.split(";")[1:]}
    assert parts == {"httponly", "path=/", "samesite=strict", "secure"}


async def test_behind_a_prefix_the_cookie_is_of_that_path(authorizer: Authorizer) -> None:
    house = House(authorizer, DashboardSettings(path_prefix="/anomalies"))
    async with house.client() as browser:
        form = await browser.get("/anomalies/sign-in")
        answer = await browser.post(
            "/anomalies/sign-in", data={"csrf": token_in(form), "token": "token-of-ann"}
        )
        assert answer.headers["location"] == "/anomalies/"
        said = cookie(answer)
        assert said.startswith("__Secure-anomaly-session=")
        assert "Path=/anomalies;" in said
        assert (await browser.get("/anomalies/")).status_code == 200
        assert (await browser.get("/healthz")).status_code == 200
        assert (await browser.get("/")).status_code == 404
    await house.register.lines.close()


async def test_a_token_that_is_none_is_said_and_the_form_stays(house: House) -> None:
    async with house.client() as browser:
        answer = await signed_in(browser, "token-of-nobody")
        assert answer.status_code == 401
        assert "does not accept this token" in answer.text
        assert "token-of-nobody" not in answer.text
        for wrong in ("a b", "ä", "x" * 20_000, ""):
            assert (await signed_in(browser, wrong)).status_code in {401, 422}


async def test_another_site_signs_nobody_in(house: House) -> None:
    async with house.client() as browser, house.client() as another:
        form = token_in(await another.get("/sign-in"))
        data = {"csrf": form, "token": "token-of-ann"}
        assert (await browser.post("/sign-in", data=data)).status_code == 403
        await browser.get("/sign-in")
        assert (await browser.post("/sign-in", data=data)).status_code == 403
        assert (await another.post("/sign-in", data=data)).status_code == 303
    assert len(house.register.sessions) == 1


async def test_an_address_tries_ten_times_a_minute(house: House) -> None:
    async with house.client() as browser:
        tried = [(await signed_in(browser, f"wrong-{n}")).status_code for n in range(12)]
        assert tried == [401] * 10 + [429] * 2
        house.now += 6
        assert (await signed_in(browser, "token-of-ann")).status_code == 303


async def test_the_session_ends_with_the_token(house: House, authorizer: Authorizer) -> None:
    claims = base64.urlsafe_b64encode(json.dumps({"exp": NOW + 600}).encode()).decode()
    token = f"e30.{claims.rstrip('=')}.c2ln"
    authorizer.people[token] = "ann"
    async with house.client() as browser:
        await signed_in(browser, token)
        house.now += 599
        assert (await browser.get("/")).status_code == 200
        house.now += 1
        assert (await browser.get("/")).status_code == 303


async def test_a_token_that_is_withdrawn_ends_the_session(
    house: House, authorizer: Authorizer
) -> None:
    async with house.client() as browser:
        await signed_in(browser, "token-of-ann")
        assert (await browser.get("/")).status_code == 200
        del authorizer.people["token-of-ann"]
        house.now += 31
        assert (await browser.get("/")).status_code == 303
    assert len(house.register.sessions) == 0


async def test_signing_out_takes_a_form_of_ones_own(house: House) -> None:
    async with house.client() as browser:
        await signed_in(browser, "token-of-ann")
        page = await browser.get("/")
        assert (await browser.post("/sign-out")).status_code == 403
        assert (await browser.post("/sign-out", data={"csrf": "x"})).status_code == 403
        assert len(house.register.sessions) == 1
        answer = await browser.post("/sign-out", data={"csrf": token_in(page)})
        assert "max-age=0" in cookie(answer).lower()
        assert (await browser.get("/")).status_code == 303
    assert len(house.register.sessions) == 0


async def test_without_the_api_server_there_is_an_error_and_no_page(
    house: House, authorizer: Authorizer, caplog: pytest.LogCaptureFixture
) -> None:
    async with house.client() as browser:
        await signed_in(browser, "token-of-ann")
        authorizer.broken = 500
        with caplog.at_level(logging.DEBUG):
            page = await browser.get("/")
        assert page.status_code == 503
        assert "shop-till" not in page.text
        assert "Nothing is shown without its answer" in page.text
        assert "token-of-ann" not in caplog.text
        assert (await signed_in(browser, "token-of-bob")).status_code == 503


async def test_a_token_may_come_with_each_request_and_is_asked_about_once(
    house: House, authorizer: Authorizer
) -> None:
    async with house.client(Authorization="Bearer token-of-ann") as browser:
        for _ in range(3):
            assert "shop-till" in (await browser.get("/")).text
        page = await browser.get("/")
        assert (await browser.post("/sign-out")).status_code == 403
        assert (
            await browser.post("/sign-out", headers={"X-CSRF-Token": token_in(page)})
        ).status_code == 303
    reviews = [one for one in authorizer.asked if one.path.endswith("/selfsubjectreviews")]
    assert len(reviews) == 1
    async with house.client(Authorization="Bearer nonsense", Accept="*/*") as browser:
        answers = [await browser.get("/") for _ in range(3)]
    assert [one.status_code for one in answers] == [401] * 3
    assert answers[0].headers["www-authenticate"] == "Bearer"
    assert len([one for one in authorizer.asked if "nonsense" in str(one.headers)]) == 1


async def test_many_wrong_tokens_of_one_address_are_asked_about_no_more(
    house: House, authorizer: Authorizer
) -> None:
    async with house.client(Accept="*/*") as browser:
        tried = [
            (await browser.get("/", headers={"Authorization": f"Bearer wrong-{n}"})).status_code
            for n in range(15)
        ]
    assert tried == [401] * 10 + [429] * 5
    assert len(authorizer.asked) == 10


async def test_a_part_of_a_page_asks_for_the_whole_one_when_the_session_is_over(
    house: House,
) -> None:
    async with house.client(HX_Request="true") as browser:
        answer = await browser.get("/")
    assert (answer.status_code, answer.headers["hx-refresh"]) == (401, "true")


async def test_a_link_from_another_site_comes_again_from_here(house: House) -> None:
    async with house.client(Sec_Fetch_Site="cross-site") as browser:
        page = await browser.get("/incidents/shop/a?x=%22%3E%3Cscript%3E")
    assert page.status_code == 200
    assert 'http-equiv="refresh" content="0;url=/incidents/shop/a?x=' in page.text
    assert "<script>" not in page.text


PROXY = ProxySettings("X-User", "X-Groups", (ip_network("192.0.2.0/24"),))
ELSEWHERE = ProxySettings("X-User", "X-Groups", (ip_network("198.51.100.0/24"),))


async def test_whom_a_proxy_names_reads_and_never_writes(authorizer: Authorizer) -> None:
    house = House(authorizer, DashboardSettings(proxy=PROXY))
    authorizer.grants |= {("ann", verb, "anomalies", "shop") for verb in ("list", "patch")}
    async with house.client(X_User="ann") as browser:
        page = await browser.get("/incidents/shop/shop-till-1")
        assert page.status_code == 200
        assert "read-only" in page.text
        assert (await browser.get("/incidents/bank/bank-till-1")).status_code == 404
        data = {"csrf": token_in(page), "comment": "on it"}
        answer = await browser.post("/incidents/shop/shop-till-1/acknowledge", data=data)
        assert answer.status_code == 403
    assert "acknowledgement" not in authorizer.incidents["shop", "shop-till-1"]["spec"]
    await house.register.lines.close()


async def test_a_token_of_the_proxys_own_takes_nothing_from_whom_it_names(
    authorizer: Authorizer,
) -> None:
    house = House(authorizer, DashboardSettings(proxy=PROXY))
    authorizer.grants.add(("ann", "list", "anomalyservices", "shop"))
    async with house.client(X_User="ann") as browser:
        for number in range(12):
            header = {"Authorization": f"Bearer of-the-proxy-{number}"}
            page = await browser.get("/", headers=header)
            assert "read-only" in page.text
            assert "shop-till" in page.text
        page = await browser.get("/", headers={"Authorization": "Bearer token-of-ann"})
        assert "read-only" not in page.text
    await house.register.lines.close()


async def test_headers_of_anybody_but_the_proxy_name_nobody(authorizer: Authorizer) -> None:
    house = House(authorizer, DashboardSettings(proxy=ELSEWHERE))
    authorizer.grants.add(("ann", "list", "anomalyservices", "shop"))
    async with house.client(X_User="ann", X_Forwarded_For="198.51.100.1") as browser:
        assert (await browser.get("/")).status_code == 303
    assert authorizer.asked == []


async def test_on_ones_own_machine_the_printed_code_lets_one_browser_in(
    authorizer: Authorizer,
) -> None:
    house = House(authorizer, DashboardSettings(kubeconfig=Path("k")))
    authorizer.grants.add(("dashboard", "list", "anomalyservices", ""))
    assert house.code is not None
    async with house.client() as browser, house.client() as another:
        for one in (browser, another):
            one.base_url = httpx.URL("http://127.0.0.1:8050")
        assert "Token of the API server" not in (await browser.get("/sign-in")).text
        assert (await browser.get("/sign-in?code=wrong")).status_code == 401
        answer = await browser.get(f"/sign-in?code={house.code.text}")
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        assert cookie(answer).startswith("anomaly-session-8050=")
        assert "secure" not in cookie(answer).lower()
        house.now += 30 * 86_400
        assert "bank-till" in (await browser.get("/")).text
        assert (await another.get(f"/sign-in?code={house.code.text}")).status_code == 401
        header = {"Authorization": "Bearer token-of-ann"}
        assert (await another.get("/", headers=header)).status_code == 303
    await house.register.lines.close()
