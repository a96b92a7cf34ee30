"""What is spoiled, one module a kind: `COUNT` cases, `prepare(home)` and then `case(number, place)`."""
