"""What people and programs are shown.

``explanation``, ``history`` and ``audit`` build frozen values; ``console``, ``html`` and ``as_json`` render them. Text
from outside passes through :func:`~flytekitplugins_podtriage.report.text.sanitize.shown`.
"""
