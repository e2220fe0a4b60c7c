"""People and firms that the site knows: their accounts, sessions and keys."""
