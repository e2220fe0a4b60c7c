"""The audit of the graphql-http project, an independent reading of GraphQL over HTTP.

Needs Node 20 and, once, `npm install` in this folder.
"""

import asyncio
import json
import shutil
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
import strawberry
import uvicorn

from graph.http import GraphQLView
from graph.identity import Visit

HERE = Path(__file__).parent
NODE = shutil.which("node")


@strawberry.type
class Query:
    @strawberry.field
    def hello(self) -> str:
        return "hello"


async def nobody(request: object) -> Visit:
    return Visit(None, may_charge=True)


@pytest.fixture
async def url() -> AsyncIterator[str]:
    """The view alone, behind a real server."""
    view = GraphQLView(strawberry.Schema(Query), identify=nobody, make_context=lambda call: call)
    config = uvicorn.Config(view, lifespan="off", log_config=None, access_log=False)
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started:
            await asyncio.sleep(0.01)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/graphql"
        server.should_exit = True
        await serving


@pytest.mark.skipif(NODE is None, reason="node is not installed")
@pytest.mark.skipif(
    not (HERE / "node_modules").exists(), reason="run `npm install` in tests/conformance"
)
async def test_every_check_of_the_audit_passes(url):
    assert NODE is not None
    audit = await asyncio.create_subprocess_exec(
        NODE, "audit.mjs", url, cwd=HERE, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await audit.communicate()

    results = json.loads(output)
    assert [r for r in results if r["status"] != "ok"] == []
    assert len(results) == 61


async def test_an_upload_of_fifty_megabytes_is_answered_with_413(url):
    async with httpx2.AsyncClient() as client:
        response = await client.post(
            url, content=b" " * 50_000_000, headers={"content-type": "application/json"}
        )

    assert response.status_code == 413
