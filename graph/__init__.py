"""Who is asking, and the answer: the GraphQL surface, identity, limits, pages and the CLI."""
