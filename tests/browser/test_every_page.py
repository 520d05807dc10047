"""What holds for each page: no violation of accessibility in either theme, no error, no way
sideways on a phone, no harm by hostile texts."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from browser.in_process import Dashboard
from browser.looking import WIDTHS
from pretend.hostile import HARM

PAGES = {"overview": "/"}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_accessible_and_fits_a_phone(
    name: str,
    busy: Dashboard,
    open_page: Callable[..., Page],
    axe: Callable[[Page], None],
    shot: Callable[[Page, str], None],
) -> None:
    page = open_page(busy.url + PAGES[name])
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert HARM not in page.title()
    axe(page)
    shot(page, name)
    page.set_viewport_size({"width": WIDTHS["phone"], "height": 800})
    axe(page)
