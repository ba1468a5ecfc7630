"""Work that nobody waits for: the queue of runs, who works on them, and what happens when one dies.

Our rows are the record of work. django-q2 only wakes us up: its tasks carry the id of a run, may be
lost or come twice, and neither does harm.
"""
