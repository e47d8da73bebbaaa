"""The guard: a controller that ends pods of stock Flyte so that the right retries pay for the platform's failures.

What to do is decided in ``core/guard``; here is what reads, writes, elects a leader and reports.
"""
