"""Signing in with a name that somebody else vouches for: OpenID Connect, or the proxy.

    openid   asks the provider and checks its answer
    proxy    believes the headers of a proxy that knows our secret
    people   finds or makes the user, and gives it the role of its groups

Both are off until the environment names them (`rcsync_project/sign_in.py`).
"""
