"""Everything that exists only so that rcsync can be tried and tested without Moodle and
Rocket.Chat.
"""
