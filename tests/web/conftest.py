"""One app for all tests of the web layer (building Gradio's page takes seconds), a fresh fake studio for each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from app.web.server import build_app

from .fakes import FakeStudio

OURS = {"X-Requested-With": "reasonrank", "Origin": "http://127.0.0.1:7860"}
BASE = "http://127.0.0.1:7860"


@pytest.fixture(scope="session")
def app() -> FastAPI:
    from app.ui.page import build_blocks  # here, because every process that collects this folder would wait seconds for Gradio

    return build_app(FakeStudio(), build_blocks())


@pytest.fixture
def studio(app: FastAPI) -> FakeStudio:
    fresh = FakeStudio()
    app.state.studio = fresh
    return fresh


@pytest.fixture
def client(app: FastAPI, studio: FakeStudio) -> Iterator[TestClient]:
    yield TestClient(app, base_url=BASE, raise_server_exceptions=False)
