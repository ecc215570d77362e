"""Snapshots coming in: lines of capture files become immutable rows, matched with accounts.

`lines` reads files, `capture` reads the head of one line, `accounts` finds or makes the account it belongs to, `staging` writes the rows,
`waiting` comes back to those that had no account. What is inside a browser's storage is not looked at here: that is `local_storage`.
"""
