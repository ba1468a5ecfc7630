"""The sync line: pure planning, three boundaries, one function that joins them
(docs/architecture.md).
"""
