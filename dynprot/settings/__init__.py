"""The settings: `base` for all, then one of `development`, `production` and `test`.

Secrets have no default. Each variable that can be set is listed, with what it does, in `.env.example`.
"""
