"""The catalogue for those who speak FHIR: terminology operations, read only. See docs/fhir.md.

Every answer is made of what GraphQL answers from: the loaders, the gate, the limits.
"""
