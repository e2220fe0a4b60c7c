"""The types of the published schema, one file a subject."""
