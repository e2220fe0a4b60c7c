"""What can be changed through GraphQL, a file for each kind of change."""
