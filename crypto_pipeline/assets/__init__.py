"""The assets, a module a layer: what every table holds."""
