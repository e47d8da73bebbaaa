"""The connector: creates pods for FlytePropeller, watches them, reports on them, and deletes them."""
