"""What people and programs are shown.

``explanation``, ``history``, ``audit``, ``run_summary`` and ``rules`` build frozen values and sentences; ``console``,
``html`` and ``as_json`` render them. Text from outside is sanitized in ``text``.
"""
