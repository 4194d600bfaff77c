"""The market dashboard: pages over gold on loopback, as ``analytics_role``, which only reads.

Starlette serves them, which the pipeline has anyway; plotly.js, from the wheel of plotly, draws the
charts in the browser. Nothing is asked of any other host, and the pages' content security policy
keeps it so.
"""
