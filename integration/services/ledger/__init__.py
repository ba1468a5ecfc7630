"""Boundary to rcsync's own tables: what is managed, what the administrator decided, what
happened.
"""
