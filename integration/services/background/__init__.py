"""Background work: the queue of runs, the work on them, and recovery when a process dies.

SyncRun rows are the record of work. django-q2 tasks carry the id of a run and only notify workers;
they may be lost or duplicated without harm.
"""
