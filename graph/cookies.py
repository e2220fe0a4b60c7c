"""The cookies of this server: their names, and the headers that give them and take them away."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cookie:
    """A cookie that no script reads and no other site has sent."""

    plain_name: str
    is_https: bool
    """Whether readers come by https: it is then Secure and bound to the host."""

    @property
    def name(self) -> str:
        """`__Host-` keeps a sibling domain from planting a cookie; it needs https."""
        return f"__Host-{self.plain_name}" if self.is_https else self.plain_name

    def holding(self, token: str, seconds: int) -> tuple[str, str]:
        """The response header that gives a browser a token for so long."""
        return "Set-Cookie", f"{self.name}={token}; Max-Age={seconds}{self._attributes}"

    def cleared(self) -> tuple[str, str]:
        """The response header that takes the cookie away."""
        return "Set-Cookie", f"{self.name}=; Max-Age=0{self._attributes}"

    @property
    def _attributes(self) -> str:
        return "; Path=/; HttpOnly; SameSite=Lax" + ("; Secure" if self.is_https else "")
