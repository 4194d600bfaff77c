"""The asset checks, a module a layer."""

checks: list[object] = []
