"""Whoever tries the site on one machine registers, reads the letter, and follows its link."""

import asyncio
import re
from pathlib import Path
from typing import Any

PASSWORD, OTHER = "a long enough passphrase", "another long passphrase"
EMAIL = "reader@codes.example"
LINK = re.compile(r"^(http://127\.0\.0\.1:\d+)(/[\w-]+)#token=(\S+)$", re.MULTILINE)


async def printed_link(run: Any, data: Path, subject: str) -> tuple[str, str, str]:
    """(origin, path, token) of the link in the newest letter, once that is the one looked for."""
    async with asyncio.timeout(30):
        while True:
            _, output, _ = await run("mail", "show", "--data", str(data), "--to", EMAIL)
            if subject in output and (found := LINK.search(output)):
                return found[1], found[2], found[3]
            await asyncio.sleep(0.1)


async def test_the_printed_links_are_answered_and_their_tokens_work(
    start_private_server: Any, new_browser: Any, run: Any, tmp_path: Path
) -> None:
    data = tmp_path / "codestile"
    async with start_private_server(data) as server:
        reader = new_browser(server)
        registered = await reader.ask(
            "mutation ($input: RegisterInput!) { register(input: $input) { __typename } }",
            {"input": {"email": EMAIL, "password": PASSWORD}},
        )
        origin, path, token = await printed_link(run, data, "Prove your address for Codestile")
        page = await reader.client.get(origin + path)
        proven = await reader.ask(
            "mutation ($input: VerifyEmailInput!) { verifyEmail(input: $input) "
            "{ ... on SessionStarted { viewer { kind allowance { remaining } } } } }",
            {"input": {"proof": {"token": token}}},
            Origin=origin,
        )

        await reader.ask(f'mutation {{ requestPasswordReset(email: "{EMAIL}") {{ __typename }} }}')
        _, reset_path, reset_token = await printed_link(run, data, "Set a new Codestile password")
        reset_page = await reader.client.get(origin + reset_path)
        reset = await reader.ask(
            "mutation ($input: ResetPasswordInput!) { resetPassword(input: $input) "
            "{ __typename } }",
            {"input": {"token": reset_token, "newPassword": OTHER}},
            Origin=origin,
        )
        hired = await run("staff", "create", "ada@codes.example", "--data", str(data))
        after = [await logged_in(new_browser(server), password) for password in (PASSWORD, OTHER)]

    assert registered == {"register": {"__typename": "VerificationSent"}}
    assert origin == server.address
    assert (path, page.status_code) == ("/verify-email", 200)
    assert proven["verifyEmail"] == {
        "viewer": {"kind": "REGISTERED", "allowance": {"remaining": 5}}
    }
    assert (reset_path, reset_page.status_code) == ("/reset-password", 200)
    assert reset == {"resetPassword": {"__typename": "PasswordSet"}}
    staff_link = LINK.search(hired[1])
    assert staff_link
    assert staff_link.groups()[:2] == (server.address, "/reset-password")
    assert after == ["Unauthenticated", "SessionStarted"]


async def logged_in(browser: Any, password: str) -> str:
    data = await browser.ask(
        "mutation ($input: LogInInput!) { logIn(input: $input) { __typename } }",
        {"input": {"email": EMAIL, "password": password}},
    )
    name: str = data["logIn"]["__typename"]
    return name
