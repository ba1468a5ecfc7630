"""What the admin's pages show and do: questions to our tables and to Moodle, and the start of runs.

Everything here answers with values that a template can show; nothing knows a request or a page.
"""
