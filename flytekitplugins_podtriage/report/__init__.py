"""From verdicts to what a person or a program reads: values first, then renderers. No I/O and no clock.

``explanation``, ``history`` and ``audit`` build frozen values; ``console_*``, ``page_*`` and ``plain`` render them as
text, HTML and JSON. Whatever comes from outside passes through :func:`~flytekitplugins_podtriage.report.text.sanitize.shown`.
"""
