"""How letters leave: a port, a folder and a mail server behind it, and what sends what waits."""
