"""What the tests over the whole path share: the example company, made once, its rows in the database while a file of tests runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests import company as companies


@pytest.fixture(scope="session")
def made_company(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> tuple[companies.Company, list[tuple[Any, list[Any]]]]:
    """The company and its rows, kept outside the database, so that other tests find theirs empty."""
    from closedwon.workspace import settings as workspaces

    before = workspaces.current()
    with django_db_blocker.unblock(), companies.rolled_back():
        made = companies.build(tmp_path_factory.mktemp("company"))
        kept = companies.rows_of_database()
    workspaces.use(before)
    return made, kept


@pytest.fixture(scope="module")
def company_in_database(
    made_company: tuple[companies.Company, list[tuple[Any, list[Any]]]], django_db_blocker: Any
) -> Iterator[companies.Company]:
    """The company's rows in the database for one file of tests."""
    from django.core.cache import cache

    from closedwon.workspace import settings as workspaces

    made, kept = made_company
    before = workspaces.current()
    workspaces.use(made.workspace)
    cache.clear()
    with django_db_blocker.unblock(), companies.rolled_back(), companies.left_open():
        companies.write_again(kept)
        yield made
    cache.clear()
    workspaces.use(before)


@pytest.fixture
def company(company_in_database: companies.Company, db: None) -> companies.Company:
    """The example company in a workspace of its own; what a test writes into the database is gone after it."""
    return company_in_database
