"""The connector: pods made for propeller, watched, told of, and collected."""
