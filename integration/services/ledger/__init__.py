"""Our own tables: what is managed, what the administrator decided, and the record of what happens.

The only place below the runner that knows Django's ORM, apart from moodle_reader.
"""
