"""The use cases: what people, clients and the clock may do, and who may do it."""
