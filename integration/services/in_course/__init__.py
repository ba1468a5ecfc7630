"""The ways from a Moodle course into its channels: links to paste, and the LTI tool.

Nobody signs in to rcsync here. What a link or a launch opens is an address in Rocket.Chat, which
itself decides who may enter.
"""
